"""Stores in the layout of anemoi-datasets, read with zarr alone.

Private to this package: what others use is `wxml_dataset_sources.anemoi_source.AnemoiSource`.
"""
