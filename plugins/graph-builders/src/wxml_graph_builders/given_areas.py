"""Areas of nodes that a file, or a variable of the data, gives."""

__all__ = ["GivenAreas", "areas_of_file", "areas_of_variable"]

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from wxml import PluginChoice
from wxml.data.sphere import unit_vectors
from wxml.data.units import conversion
from wxml.errors import DataError

from wxml_graph_builders.areas import EARTH_RADIUS_KM
from wxml_graph_builders.mesh_nodes import MeshNodes
from wxml_graph_builders.reading.netcdf_variables import existing_file, read_variables
from wxml_graph_builders.reading.points_file import places_beside
from wxml_graph_builders.sampled_field import sampled

Areas = NDArray[np.float64]
SAME_PLACE: Final = 2e-5  # radians, 1e-3 degrees: files round their coordinates, neighbours are farther apart


@dataclass(frozen=True, slots=True, eq=False)
class GivenAreas:
    """Areas in some unit."""

    values: Areas
    """Shape `[node]`."""
    steradians: float | None
    """What makes steradians of them; None: they say no unit of area."""


def areas_of_variable(nodes: MeshNodes, source: PluginChoice, variable: str) -> GivenAreas:
    """The values of a variable at the first time, at the nodes of the source that are nearest.

    Raises:
        DataError: there is no such variable, or a value is missing or below 0.
    """
    found = sampled(nodes.points, source, variable, None)
    return _checked(found.values, found.units, f"the variable `{variable}`")


def areas_of_file(nodes: MeshNodes, path: str, variable: str) -> GivenAreas:
    """The values of a variable of a NetCDF file, such as `cell_area` of a grid file.

    Where the file has latitudes and longitudes along the same dimensions, a value belongs to the node at its place;
    else the values are those of the nodes in their order.

    Raises:
        DataError: the file has no such variable, its places or their number are others, or a value is missing or
            below 0.
    """
    stored = read_variables(existing_file(path), lambda *_: True)
    if variable not in stored:
        known = ", ".join(sorted(stored)) or "none"
        raise DataError(f"`{path}` has no variable `{variable}`; it has {known}", fix="give one of these as `variable`")
    found = stored[variable]
    values = np.asarray(found.values, np.float64).ravel()
    places = places_beside(stored, variable)
    if places is not None:
        from scipy.spatial import cKDTree  # takes a while to load

        distance, number = cKDTree(unit_vectors(*places)).query(nodes.points)
        if np.max(distance) > SAME_PLACE:
            raise _others(path, variable, f"no value at {int(np.sum(distance > SAME_PLACE))} of {len(nodes)} nodes")
        values = values[number]
    elif len(values) != len(nodes):
        raise _others(path, variable, f"{len(values)} values for {len(nodes)} nodes")
    return _checked(values, found.units, f"`{variable}` in `{path}`")


def _others(path: str, variable: str, got: str) -> DataError:
    return DataError(f"`{variable}` in `{path}` has {got}", fix="give the file of the same nodes")


def _checked(values: Areas, units: str | None, what: str) -> GivenAreas:
    if not (np.isfinite(values).all() and values.min() >= 0 and values.max() > 0):
        raise DataError(
            f"{what} must be areas, 0 or more and nowhere missing, got {np.nanmin(values):g} to "
            f"{np.nanmax(values):g}, {int(np.isnan(values).sum())} missing",
            fix="choose another variable, or another `method`",
        )
    metres, radians = (conversion(units or "", unit) for unit in ("m2", "sr"))
    scale = metres.scale / (EARTH_RADIUS_KM * 1000) ** 2 if metres else radians.scale if radians else None
    return GivenAreas(values, scale)
