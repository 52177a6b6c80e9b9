# What a shared volume did one afternoon, in ms, over and over.
trace repeat=10s
	0	iops=3000 bps=125M
	2500	iops=900
	3100	iops=900 stall=450
	6000	iops=150 bps=20M
	8000	iops=3000 bps=125M
end
