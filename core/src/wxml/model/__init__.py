"""The model: the contracts of mappers and processors, the wiring, and the conversion from NumPy to torch."""
