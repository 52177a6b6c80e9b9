# Each second has, with a chance of 20 %, one stall of 50 to 400 ms somewhere in it.
seed 42
random-stall slot=1s for=50ms..400ms chance=20%
