"""Weights of one model for another one: other variables, other statistics, another mesh."""
