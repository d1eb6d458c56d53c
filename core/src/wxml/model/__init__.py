"""The model: the one door from NumPy to torch, the kernels that graph plugins share, and the wiring."""
