"""Forecasts as GRIB 2, without a template."""
