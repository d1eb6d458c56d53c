"""Datasets for training, built once from any source of wxml and read at the speed of a disk.

The store has the layout of anemoi-datasets: zarr 3, or zarr 2 on request. The command is `wxml dataset`; no name of
this package is meant for others.
"""
