"""Metrics of the validation, in physical units."""
