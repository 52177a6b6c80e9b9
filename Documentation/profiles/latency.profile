# Every completion comes 2 to 5 ms late, and every hundredth another 50 ms.
seed 1
delay add=2ms..5ms
delay add=50ms every=100
