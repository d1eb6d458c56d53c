"""Forecast verification: scores against baselines, maps, one HTML report."""
