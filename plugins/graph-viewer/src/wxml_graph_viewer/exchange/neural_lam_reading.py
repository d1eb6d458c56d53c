"""Graphs that neural-lam or weather-model-graphs stored: their places brought back from the plane to the sphere."""

__all__ = ["read_neural_lam"]

import re
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from wxml import EdgeSet, Graph, NodeSet
from wxml.errors import ArtefactError, DataError

from wxml_graph_viewer.exchange.neural_lam import GRID, MESH
from wxml_graph_viewer.exchange.neural_lam_files import StoredGraph, read_files

Plane = NDArray[np.float64]
OTHER_FILES: Final = re.compile(r"grids|\+init|\+file|catalog|pipeline|://", re.IGNORECASE)
"""What a text about a projection says if other files are needed to follow it."""
ROUNDINGS: Final = 4
"""So many times the rounding of float32 two places may be apart that are one: a place is the mean of sums of two."""
GIVE: Final = "give the projection of the datastore, such as `--projection '+proj=lcc +lat_0=56 +lon_0=10 …'`"


def read_neural_lam(folder: Path, projection: str | None = None) -> Graph:
    """Read the graph of a limited area from the folder that neural-lam reads.

    The files have no places of the grid's nodes: they follow from the ways of the edges to and from the mesh. Edges get
    the features of `EdgeSet.between`; those of neural-lam are lengths and ways on the plane.

    Args:
        folder: what `write_neural_lam`, or weather-model-graphs, wrote (storage specification 0.1.0).
        projection: the plane on which the places lie, as PROJ or `EPSG:…` names it; None: what the files say.

    Raises:
        ArtefactError: a file is missing, damaged, or not as specified; torch or pyproj is not installed.
        DataError: nobody says which plane it is, the plane is none, or a node of the grid has no edge.
    """
    stored = read_files(folder)
    plane = _Plane(_named(stored, projection, folder))
    names = [MESH, *(f"{MESH}:{level}" for level in range(1, len(stored.mesh)))]
    places = dict(zip(names, stored.mesh, strict=True))
    grid = _at_mesh_nodes(_grid(stored), stored.mesh[0])
    nodes = {name: plane.nodes(each) for name, each in {GRID: grid, **places}.items()}
    edges = {}
    for (name, number), found in stored.edges.items():
        pair = _pair(name, number, names)
        edges[pair] = EdgeSet.between(nodes[pair[0]], nodes[pair[1]], found.source, found.target)
    return Graph(nodes, edges)


def _pair(name: str, number: int, names: list[str]) -> tuple[str, str]:
    if name == "m2m":
        return names[number], names[number]
    if name in ("mesh_up", "mesh_down"):
        pair = (names[number], names[number + 1])
        return pair if name == "mesh_up" else pair[::-1]
    return (GRID, MESH) if name == "g2m" else (MESH, GRID)


def _at_mesh_nodes(grid: Plane, mesh: Plane) -> Plane:
    """The grid's places, those of mesh nodes where both are one place but for float32: else an edge has a direction."""
    from scipy.spatial import cKDTree  # takes a while to load

    rounding = ROUNDINGS * np.spacing(np.float32(np.abs(mesh).max()))
    distance, nearest = cKDTree(mesh).query(grid)
    return np.where((distance <= rounding)[:, None], mesh[nearest], grid)


def _named(stored: StoredGraph, projection: str | None, folder: Path) -> str:
    text = projection or stored.projection
    if text is None:
        raise DataError(f"the graph in `{folder}` does not say which plane its places are on", fix=GIVE)
    if OTHER_FILES.search(text):
        raise DataError(f"a projection must need no other file, got {text!r}", fix=GIVE)
    return text


class _Plane:
    """A plane, from which places are brought back."""

    def __init__(self, text: str) -> None:
        try:
            from pyproj import CRS, Transformer  # an extra
            from pyproj.exceptions import CRSError
        except ImportError as error:
            raise ArtefactError(
                "places are brought back from the plane with pyproj, and that is not installed",
                fix="install the extra `neural-lam` of wxml-graph-viewer",
            ) from error
        try:
            crs = CRS.from_user_input(text)
        except CRSError as error:
            raise DataError(f"nobody knows the projection {text!r}", fix=GIVE) from error
        self.text = text
        self._back: Any = Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)

    def nodes(self, places: Plane) -> NodeSet:
        """The nodes at places on the plane, `[node, 2]`."""
        east, north = (np.asarray(each, np.float64) for each in self._back.transform(places[:, 0], places[:, 1]))
        if not (np.isfinite(east).all() and np.isfinite(north).all()):
            raise DataError(f"places of the graph do not lie on the plane of {self.text!r}", fix=GIVE)
        return NodeSet(north, np.mod(east, 360.0))


def _grid(stored: StoredGraph) -> Plane:
    """The places of the grid's nodes: the mean of what their edges say, `[node, 2]`."""
    into, out = stored.edges["g2m", 0], stored.edges["m2g", 0]
    number = np.concatenate([into.source, out.target])
    said = np.concatenate([stored.mesh[0][into.target] - into.way, stored.mesh[0][out.source] + out.way])
    count = np.bincount(number)
    if np.any(count == 0):
        first = int(np.argmax(count == 0))
        raise DataError(
            f"{np.sum(count == 0)} of {len(count)} nodes of the grid have no edge, so nobody knows their places; the "
            f"first is node {first}",
            fix="make a graph that joins every node of the grid with the mesh",
        )
    places = np.stack([np.bincount(number, said[:, column]) / count for column in (0, 1)], axis=1)
    at_mesh = ~np.concatenate([into.way, out.way]).any(axis=1)  # no way at all: the very place of a node of the mesh
    places[number[at_mesh]] = said[at_mesh]
    return places
