"""Makes the grid, the graph and the statistics of a checkpoint from its arrays, each of which is checked first."""

__all__ = ["gaps_of", "graph_of", "grid_of", "statistics_of"]

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wxml.data.gaps import Gaps, no_gaps
from wxml.data.grid import Grid
from wxml.data.grid_part import GridPart
from wxml.data.statistics import Statistics
from wxml.errors import DataError
from wxml.files.failures import damaged
from wxml.graphs.graph import DATA, GRID, Graph
from wxml.graphs.stored import stored_graph

Arrays = Mapping[str, NDArray[Any]]


def grid_of(arrays: Arrays, header: Mapping[str, Any], name: str) -> Grid:
    """Make the grid from `grid/…`.

    Args:
        arrays: the arrays of the checkpoint, by name.
        header: its header, validated.
        name: the name of the file in messages.

    Raises:
        ArtefactError: an array is missing, has another type or shape, or a value that none can have.
    """
    shape, is_regular = tuple(header["grid"]["shape"]), header["grid"]["is_regular"]
    count = int(np.prod(shape))
    found = {part: _floats(arrays, f"grid/{part}", (count,), name) for part in ("latitudes", "longitudes")}
    weights = _floats(arrays, "grid/area_weights", (count,), name)
    _require(bool(np.all(weights >= 0) and weights.sum() > 0), "grid/area_weights", "a weight is negative", name)
    stated = header["grid"].get("parts", [])
    try:
        parts = tuple(map(GridPart.of_record, stated))
        return Grid(found["latitudes"], found["longitudes"], weights, shape, is_regular, parts)
    except DataError as error:
        raise damaged(f"the grid of `{name}`", error.message) from error


def statistics_of(arrays: Arrays, variables: Sequence[str], prefix: str, name: str) -> Statistics:
    """Make the statistics of `variables` from the arrays below `prefix`, such as `statistics/`.

    Raises:
        ArtefactError: as `grid_of`.
    """
    parts = [field.name for field in fields(Statistics)[1:]]
    found = {part: _floats(arrays, f"{prefix}{part}", (len(variables),), name) for part in parts}
    for part in ("std", "tendency_std"):
        _require(bool(np.all(found[part] >= 0)), f"{prefix}{part}", "a deviation is negative", name)
    return Statistics(tuple(variables), **found)


def gaps_of(arrays: Arrays, header: Mapping[str, Any], nodes: int, name: str) -> Gaps | None:
    """Make the gaps of the training from `gaps/…`; None: the checkpoint is older than they are.

    Raises:
        ArtefactError: as `grid_of`.
    """
    variables = header.get("gaps")
    if variables is None:
        return None
    if not variables:
        return no_gaps(nodes)
    shares = _floats(arrays, "gaps/shares", (len(variables),), name)
    _require(bool(np.all((shares >= 0) & (shares <= 1))), "gaps/shares", "a share is not from 0 to 1", name)
    masks = {part: _bits(arrays, f"gaps/{part}", len(variables) * nodes, name) for part in ("always", "ever")}
    return Gaps.of_arrays(tuple(variables), nodes, {"shares": shares, **masks})


def graph_of(arrays: Arrays, grid: Grid, name: str) -> Graph:
    """Make the graph from `graph/…`.

    Raises:
        ArtefactError: as `grid_of`; or a node number is that of no node, or the graph is not one of `grid`.
    """
    graph = stored_graph(arrays, len(grid), name, prefix="graph/")
    if graph.data != (GRID,):
        found = {data: len(graph.nodes[data]) for data in graph.data}
        fits = found == {f"{DATA}{part.name}": part.count for part in grid.parts}
        _require(fits, "graph/nodes", f"its data nodes {found} are not those of the parts of the grid", name)
    return graph


def _floats(arrays: Arrays, key: str, shape: tuple[int, ...], name: str) -> NDArray[np.float64]:
    """Return an array of finite numbers of a shape."""
    _require(key in arrays, key, "it is missing", name)
    array = arrays[key]
    found = f"it must be numbers of shape {list(shape)}, got {array.dtype} of shape {list(array.shape)}"
    _require(array.dtype.kind == "f" and array.shape == shape, key, found, name)
    _require(bool(np.isfinite(array).all()), key, "a value is not finite", name)
    return array


def _bits(arrays: Arrays, key: str, count: int, name: str) -> NDArray[np.uint8]:
    """Return the bytes of so many bits."""
    _require(key in arrays, key, "it is missing", name)
    array = arrays[key]
    found = f"it must be {count} bits in bytes, got {array.dtype} of shape {list(array.shape)}"
    _require(array.dtype == np.uint8 and array.shape == (-(-count // 8),), key, found, name)
    return array


def _require(is_right: bool, key: str, reason: str, name: str) -> None:
    if not is_right:
        raise damaged(f"tensor `{key}` of `{name}`", reason)
