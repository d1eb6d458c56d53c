"""Copies a dataset: the same values, in other chunks, another format of zarr, or a part of them."""
