# A disk that is slow all the time.
limit iops=200 bps=8M
