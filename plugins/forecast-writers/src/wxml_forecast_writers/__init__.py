"""Forecast files that other tools open: zarr and NetCDF, one layout with CF names."""
