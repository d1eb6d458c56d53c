"""The MeshBuilder `points`: the nodes that a file holds."""

__all__ = ["Points"]

from typing import Annotated

from pydantic import Field

from wxml_graph_builders.mesh_builder import MeshBuilder
from wxml_graph_builders.mesh_nodes import BuildContext, MeshNodes
from wxml_graph_builders.reading.points_file import Units, read_points

Name = Annotated[str | None, Field(description="its name in the file; null: a usual one such as `lat` or `latitudes`")]


class Points(MeshBuilder):
    """The points of a file, in its order: arrays of NumPy (`.npz`), text in columns (`.csv`), or NetCDF (`.nc`).

    The first line of a `.csv` names its columns. Of NetCDF, `standard_name` and `units` count, and `.nc` of NetCDF 4
    needs the extra `netcdf`. Points say no levels; `nearest` and `radius` join them.
    """

    def __init__(
        self,
        *,
        path: Annotated[
            str, Field(min_length=1, description="a file, from the working folder on", examples=["mesh.csv"])
        ],
        latitude: Name = None,
        longitude: Name = None,
        units: Annotated[Units, Field(description="of both; what the file says of them must be the same")] = "degrees",
    ) -> None:
        self.path, self.latitude, self.longitude = path, latitude, longitude
        self.units: Units = units

    def _build(self, context: BuildContext) -> MeshNodes:
        return MeshNodes(read_points(self.path, self.latitude, self.longitude, self.units))
