"""The options of a verification at stations."""

__all__ = ["Buddies", "Heights", "Quantity", "Stations"]

from typing import Annotated, Literal

from pydantic import Field
from wxml import Kind, Options, PluginChoice

Quantity = Literal["temperature", "dewpoint", "pressure", "wind"]
"""What is corrected for the height of a station."""


class Heights(Options):
    """The heights of the ground of the model, and how the forecast is brought from there to the height of a station."""

    variable: Annotated[str, Field(description="the height of the ground in units of length, or its geopotential")] = (
        "orog"
    )
    source: Annotated[
        PluginChoice | None,
        Kind("data-source"),
        Field(
            description="what has it, on the nodes of the forecast; null: `data.source`",
            examples=[{"plugin": "netcdf", "path": "orography.nc"}],
        ),
    ] = None
    rate: Annotated[float, Field(description="K per km by which the temperature falls with height")] = 6.5
    dewpoint_rate: Annotated[float, Field(description="the same of the dew point; 1.8 is that of mixed air")] = 1.8
    at_most: Annotated[float, Field(gt=0, description="m; where the heights differ by more, nothing is corrected")] = (
        1500.0
    )
    quantities: Annotated[
        dict[str, Quantity],
        Field(
            description="what variables of other names are: temperature and dewpoint at 2 m, pressure at the surface, "
            "wind at 10 m",
            examples=[{"air": "temperature"}],
        ),
    ] = {}  # noqa: RUF012  # pydantic copies it


class Buddies(Options):
    """The check of each observation against those of near-by stations at the same time."""

    radius: Annotated[float, Field(gt=0, description="km: stations within it are compared")] = 100.0
    least: Annotated[int, Field(ge=2, description="with fewer neighbours, nothing is checked")] = 5
    heights: Annotated[float, Field(gt=0, description="m: neighbours differ by at most so much in height")] = 200.0
    deviations: Annotated[float, Field(gt=0, description="how many standard deviations are too many")] = 4.0
    smallest: Annotated[
        dict[str, float],
        Field(
            description="the variables that are checked, and the least standard deviation of each, in its units",
            examples=[{"t2m": 1.0}],
        ),
    ] = {}  # noqa: RUF012  # pydantic copies it
    rounds: Annotated[int, Field(ge=1, le=10, description="what one round leaves out is no neighbour in the next")] = 2


class Stations(Options):
    """How a forecast on a grid is compared with observations at stations."""

    method: Annotated[
        Literal["nearest", "bilinear"],
        Field(description="the node next to a station, or between those around it"),
    ] = "bilinear"
    heights: Annotated[
        Heights | None,
        Field(
            description="how the forecast is corrected for the height of a station; null: it is not",
            examples=[{"variable": "z", "rate": 6.5}],
        ),
    ] = None
    departures: Annotated[
        dict[str, float],
        Field(
            description="variable: by how much an observation may depart from the reference, in units of the forecast",
            examples=[{"t2m": 15.0}],
        ),
    ] = {}  # noqa: RUF012  # pydantic copies it
    reference: Annotated[
        PluginChoice | None,
        Kind("data-source"),
        Field(
            description="what observations are held against, on any grid; null: `data.source`",
            examples=[{"plugin": "zarr", "path": "analysis.zarr"}],
        ),
    ] = None
    buddies: Annotated[
        Buddies | None,
        Field(description="the check against near-by stations; null: none", examples=[{"smallest": {"t2m": 1.0}}]),
    ] = None
    density: Annotated[
        float | None,
        Field(
            gt=0,
            description="degrees: a station counts by one over the sum of exp(-(distance / density)²) over all; "
            "null: all count the same",
        ),
    ] = 0.75
    elevations: Annotated[
        tuple[float, ...], Field(description="m: edges of bands of height, each of which is scored, too")
    ] = ()
