"""The names in a forecast file, and the attributes of its coordinates."""

__all__ = [
    "AREA_WEIGHT",
    "ATTRIBUTES",
    "BOUNDARY",
    "HORIZONTAL",
    "LATITUDE",
    "LEAD_TIME",
    "LONGITUDE",
    "MEMBER",
    "PART",
    "PARTS",
    "SPREAD",
    "STATION",
    "STATIONS",
    "TIME",
]

TIME = "time"
"""The dimension and coordinate of the initial times."""
LEAD_TIME = "prediction_timedelta"
"""The dimension and coordinate of the lead times."""
MEMBER = "number"
"""The dimension and coordinate of the members; absent where there is only one that has no number."""
LATITUDE = "latitude"
"""The coordinate of the nodes' latitudes; a dimension, too, on a regular grid."""
LONGITUDE = "longitude"
"""The coordinate of the nodes' longitudes; a dimension, too, on a regular grid."""
HORIZONTAL = ((LATITUDE, LONGITUDE), ("y", "x"), ("cell",))
"""The horizontal dimensions: of a regular grid, of a curvilinear one, and of any other."""
AREA_WEIGHT = "area_weight"
"""The coordinate, on the horizontal dimensions, with the share of the grid's area that each node stands for."""
BOUNDARY = "boundary"
"""The coordinate, on the horizontal dimensions, that is 1 where nodes are given; absent where all are forecast."""
PART = "grid_part"
"""The coordinate, on the horizontal dimensions, with the number of the grid that a node belongs to, as CF flags; absent
where there is one grid."""
PARTS = "wxml_parts"
"""The attribute of `grid_part` with the records of the parts, as JSON text."""
STATION = "station"
"""The coordinate, on the dimension `cell`, with the number of a station; absent where nodes are no stations."""
STATIONS = "wxml_stations"
"""The attribute of `station` with the names of the stations, as JSON text."""
SPREAD = "_spread"
"""What follows the name of a variable in that of the standard deviation that belongs to it."""

ATTRIBUTES: dict[str, dict[str, str]] = {
    TIME: {
        "standard_name": "forecast_reference_time",
        "long_name": "initial time",
        "calendar": "proleptic_gregorian",
    },
    # xarray decodes a duration only where the attribute `dtype` says that it is one.
    LEAD_TIME: {"standard_name": "forecast_period", "long_name": "lead time", "dtype": "timedelta64[ns]"},
    MEMBER: {"standard_name": "realization", "long_name": "ensemble member", "units": "1"},
    LATITUDE: {"standard_name": "latitude", "long_name": "latitude", "units": "degrees_north"},
    LONGITUDE: {"standard_name": "longitude", "long_name": "longitude", "units": "degrees_east"},
    BOUNDARY: {"long_name": "1 at nodes that are given and not forecast, and not scored", "units": "1"},
    AREA_WEIGHT: {"long_name": "share of the area of the grid", "units": "1"},
    PART: {"long_name": "the grid that the node belongs to"},
    STATION: {"long_name": "the number of the station in the attribute `wxml_stations`", "units": "1"},
}
