"""Weights: how much each variable, node and step counts in a loss."""
