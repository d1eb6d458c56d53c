"""Losses of ensembles that look at neighbours: the spread over a neighbourhood, and differences along edges."""
