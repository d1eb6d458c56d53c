"""Icechunk repositories: zarr stores with versions, read at one snapshot through the library `icechunk`."""
