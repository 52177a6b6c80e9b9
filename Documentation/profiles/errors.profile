# A dying disk: slower and slower, and then it errs.
limit iops=1000
limit from=10s iops=300
limit from=20s iops=100
error from=15s to=25s every=200
error from=25s chance=2%
