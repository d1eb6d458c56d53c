"""Losses of forecasts, and the weights of variables, levels, nodes and steps in them."""
