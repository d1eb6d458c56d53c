"""Filters of states in a forecast, with the formulas of the sources that are made of others."""
