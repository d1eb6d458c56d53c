"""Grid files of ICON: triangles, of which vertices and cells may be nodes, and how they are joined.

Names and layout are those of the grid generator of ICON; node numbers in the file count from 1, and 0 or less is none.
"""

__all__ = ["IconCells", "IconVertices", "read_cells", "read_vertices"]

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from wxml import NodeSet
from wxml.errors import DataError

from wxml_graph_builders.icon_levels import Hierarchy
from wxml_graph_builders.mesh_nodes import Cells, Pairs
from wxml_graph_builders.reading.netcdf_variables import Stored, existing_file, read_variables

Indices = NDArray[np.int64]

VERTICES: Final = ("vlat", "vlon", "edge_vertices", "vertex_of_cell", "refinement_level_v")
CELLS: Final = ("clat", "clon", "neighbor_cell_index")
UNITS: Final = {"radian": 1.0, "radians": 1.0, "rad": 1.0, "degree": np.pi / 180, "degrees": np.pi / 180}
"""The units of places, and what makes radians of them."""


@dataclass(frozen=True, slots=True, eq=False)
class IconVertices:
    """The corners of the triangles."""

    nodes: NodeSet
    hierarchy: Hierarchy
    """The levels at which the vertices were made, and the edges and triangles among them."""


@dataclass(frozen=True, slots=True, eq=False)
class IconCells:
    """The triangles, as nodes at their circumcentres."""

    nodes: NodeSet
    neighbours: Pairs
    """Directed pairs of cells that share a side, each once."""


def read_vertices(path: str) -> IconVertices:
    """The vertices of a grid file, with their edges, triangles and levels.

    Raises:
        DataError: the file cannot be read, lacks a variable, or says what cannot be.
    """
    file, stored = _opened(path, VERTICES)
    nodes = _nodes(file, stored, "vlat", "vlon")
    edges = _numbers(file, stored, "edge_vertices", 2, len(nodes))
    triangles = _numbers(file, stored, "vertex_of_cell", 3, len(nodes))
    for name, groups in (("edge_vertices", edges), ("vertex_of_cell", triangles)):
        if np.any(groups < 0):
            raise _wrong(file, name, f"{int((groups < 0).any(axis=1).sum())} entries without a vertex")
    levels = stored["refinement_level_v"].values
    if levels.shape != (len(nodes),) or levels.dtype.kind != "i" or levels.min(initial=0) < 0:
        raise _wrong(file, "refinement_level_v", f"{levels.dtype} of shape {list(levels.shape)}, or below 0")
    corners = nodes.points[triangles]
    inward = np.sum(np.cross(corners[:, 0], corners[:, 1]) * corners[:, 2], axis=1) < 0
    triangles[inward] = triangles[inward][:, ::-1]
    return IconVertices(nodes, Hierarchy(levels, edges, triangles))


def read_cells(path: str) -> IconCells:
    """The cells of a grid file, with their neighbours.

    Raises:
        DataError: as of `read_vertices`.
    """
    file, stored = _opened(path, CELLS)
    nodes = _nodes(file, stored, "clat", "clon")
    others = _numbers(file, stored, "neighbor_cell_index", 3, len(nodes))
    own = np.repeat(np.arange(len(nodes)), 3)
    pairs = np.stack([own, others.ravel()], axis=1)
    pairs = pairs[(pairs[:, 1] >= 0) & (pairs[:, 0] != pairs[:, 1])]
    return IconCells(nodes, np.unique(np.concatenate([pairs, pairs[:, ::-1]]), axis=0))


def _opened(path: str, names: Sequence[str]) -> tuple[Path, Mapping[str, Stored]]:
    file = existing_file(path)
    stored = read_variables(file, lambda name, _: name in names)
    missing = [name for name in names if name not in stored]
    if missing:
        raise DataError(
            f"`{path}` has no variable {', '.join(missing)}, so it is no grid file of ICON",
            fix="give the file of the horizontal grid (`icon_grid_…_G.nc`), or read its points with the mesh `points`",
        )
    return file, stored


def _nodes(file: Path, stored: Mapping[str, Stored], latitude: str, longitude: str) -> NodeSet:
    angles = []
    for name, greatest in ((latitude, np.pi / 2), (longitude, 2 * np.pi)):
        units = stored[name].units.removesuffix("_north").removesuffix("_east") or "radian"
        if units not in UNITS:
            raise _wrong(file, name, f"the units {stored[name].units!r}")
        values = np.asarray(stored[name].values, np.float64) * UNITS[units]
        if values.ndim != 1 or not np.all(np.abs(values) <= greatest + 1e-6):
            raise _wrong(file, name, "values that are no angles, or more than one axis")
        angles.append(np.degrees(values))
    if len(angles[0]) != len(angles[1]) or not len(angles[0]):
        raise _wrong(file, longitude, f"{len(angles[1])} values for {len(angles[0])} latitudes")
    return NodeSet(np.clip(angles[0], -90.0, 90.0), np.mod(angles[1], 360.0))


def _numbers(file: Path, stored: Mapping[str, Stored], name: str, members: int, count: int) -> Cells:
    """Node numbers from 0, shape `[group, member]`; -1 is none."""
    values = stored[name].values
    if values.dtype.kind != "i" or values.ndim != 2 or members not in values.shape:
        raise _wrong(file, name, f"{values.dtype} of shape {list(values.shape)}, not integers [{members}, …]")
    found = values.T if values.shape[0] == members else values
    if found.max(initial=0) > count:
        raise _wrong(file, name, f"number {int(found.max())}, and there are {count}")
    return np.maximum(found.astype(np.int64) - 1, -1)


def _wrong(file: Path, name: str, got: str) -> DataError:
    return DataError(
        f"`{name}` in the grid file `{file}` has {got}", fix="fetch the grid file again, or write it right"
    )
