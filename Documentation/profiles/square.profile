# Half a second of misery every two: a disk that collects its garbage.
square period=2s duty=25% iops=20 else iops=2000
