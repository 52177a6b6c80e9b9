# Nothing moves for 300 ms, every 5 s, from the third second on.
stall from=3s every=5s for=300ms first=0
