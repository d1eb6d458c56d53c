"""Grid files as ICON has them, made of our icospheres."""

from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest
from numpy.typing import NDArray
from wxml.data.sphere import from_unit_vectors
from wxml_graph_builders.icosphere import Icosphere, icosphere

Arrays = dict[str, tuple[tuple[str, ...], NDArray[Any], dict[str, Any]]]


class IconFiles:
    """Grid files of a refined icosahedron, its vertices and cells in another order."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def arrays(self, refinement: int, seed: int = 0, kept: NDArray[np.bool_] | None = None) -> Arrays:
        """The variables of a file; `kept` names the cells of a region by their number in the icosphere."""
        sphere: Icosphere = icosphere(refinement)
        random = np.random.default_rng(seed)
        triangles = sphere.triangles[-1] if kept is None else sphere.triangles[-1][kept]
        used = random.permutation(np.unique(triangles))
        number = np.full(len(sphere.points), -1)
        number[used] = np.arange(len(used))
        corners = number[triangles[random.permutation(len(triangles))]]
        # the corners of a triangle may start anywhere, and half of the files run clockwise
        corners = corners[:, [0, 2, 1]] if seed % 2 else np.roll(corners, seed, axis=1)
        sides = np.unique(np.sort(np.concatenate([corners[:, [i, (i + 1) % 3]] for i in range(3)]), axis=1), axis=0)
        points = sphere.points[used]
        level = np.sum([used >= 10 * 4**k + 2 for k in range(refinement)], axis=0, dtype=np.int32)
        centres = points[corners].sum(axis=1)
        places = {"v": (points, "vertex"), "c": (centres, "cell")}
        found: Arrays = {}
        for letter, (vectors, dim) in places.items():
            latitudes, longitudes = from_unit_vectors(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
            eastern = np.where(longitudes > 180, longitudes - 360, longitudes)  # as ICON writes them
            found[f"{letter}lat"] = ((dim,), np.radians(latitudes), {"units": "radian"})
            found[f"{letter}lon"] = ((dim,), np.radians(eastern), {"units": "radian"})
        found["edge_vertices"] = (("nc", "edge"), (sides.T + 1).astype(np.int32), {})
        found["vertex_of_cell"] = (("nv", "cell"), (corners.T + 1).astype(np.int32), {})
        found["neighbor_cell_index"] = (("nv", "cell"), _neighbours(corners).T.astype(np.int32) + 1, {})
        found["refinement_level_v"] = (("vertex",), np.zeros(len(used), np.int32) + level, {})
        return found

    def write(self, arrays: Arrays, name: str = "icon_grid.nc", form: str = "NETCDF4") -> str:
        """Write a file, and return its path."""
        path = self.folder / name
        path.unlink(missing_ok=True)
        sizes = {dim: size for dims, values, _ in arrays.values() for dim, size in zip(dims, values.shape, strict=True)}
        with netCDF4.Dataset(path, "w", format=form) as file:
            for dim, size in sizes.items():
                file.createDimension(dim, size)
            for key, (dims, values, attributes) in arrays.items():
                variable = file.createVariable(key, values.dtype, dims)
                variable.setncatts(attributes)
                variable[...] = values
        return str(path)

    def icon(self, refinement: int = 2, seed: int = 0, form: str = "NETCDF4") -> str:
        """A grid file around the globe."""
        return self.write(self.arrays(refinement, seed), f"icon_{refinement}_{seed}.nc", form)

    def region(self, refinement: int, kept: NDArray[np.bool_], seed: int = 0) -> str:
        """A grid file of some cells."""
        return self.write(self.arrays(refinement, seed, kept), "icon_region.nc")


def _neighbours(corners: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each side of each triangle the one across it, -1 for none; by the sides as they are, one after the other."""
    owners: dict[tuple[int, ...], list[int]] = {}
    for cell, corner in enumerate(corners.tolist()):
        for i in range(3):
            owners.setdefault(tuple(sorted((corner[i], corner[(i + 1) % 3]))), []).append(cell)
    found = np.full(corners.shape, -1)
    for cell, corner in enumerate(corners.tolist()):
        for i in range(3):
            others = [one for one in owners[tuple(sorted((corner[i], corner[(i + 1) % 3])))] if one != cell]
            found[cell, i] = others[0] if others else -1
    return found


@pytest.fixture
def icon_files(tmp_path: Path) -> IconFiles:
    return IconFiles(tmp_path)
