"""Weights between two grids, of the data source that can make them."""

__all__ = ["weights_between"]

from wxml.data.grid import Grid
from wxml.data.grid_weights import SparseWeights
from wxml.data.source import DataSource
from wxml.plugins.load import load
from wxml.plugins.resolve import resolve


def weights_between(source: Grid, target: Grid, method: str, *, plugin: str, where: str) -> SparseWeights:
    """The weights that bring values from one grid to another; a node of the target without any has no value.

    Args:
        source: the nodes that have values.
        target: the nodes that get them.
        method: as the data source names it, such as `bilinear`.
        plugin: the name of a data source that has `grid_weights`.
        where: the place in the config that asks for them.

    Raises:
        WxmlError: the plugin is not there or has no weights, or none can be made between these grids.
    """
    chosen: type[DataSource] = load(resolve("data-source", plugin, where=where))
    return chosen.grid_weights(source, target, method)
