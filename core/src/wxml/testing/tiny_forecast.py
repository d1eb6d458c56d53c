"""A small forecast to write: two initial times, three lead times, two variables, every value another."""

__all__ = ["Step", "tiny_header", "tiny_steps"]

from dataclasses import dataclass

import numpy as np

from wxml.data.fields import Fields
from wxml.data.grid import Grid
from wxml.data.variables import Variable
from wxml.forecasting.layout import ForecastHeader
from wxml.testing.tiny_world import tiny_grid

PROVENANCE = {"artefact": "forecast", "notes": {"institute": "Météo ‘ü’"}, "parents": [{"artefact": "checkpoint"}]}


@dataclass(frozen=True, slots=True)
class Step:
    """One call of `write`."""

    fields: Fields
    lead_time: np.timedelta64
    place: tuple[int, int]
    """The numbers of the initial time and of the lead time."""


def tiny_header(grid: Grid | None = None, members: int = 1) -> ForecastHeader:
    """Two initial times, three lead times, temperature at a level and pressure."""
    return ForecastHeader(
        grid=tiny_grid(4, 6) if grid is None else grid,
        variables=(Variable("t_850", param="t", level=850, units="K"), Variable("msl", units="Pa")),
        initial_times=np.array(["2000-01-01T00", "2000-01-01T12"], "datetime64[s]"),
        lead_times=np.array([6, 12, 24], "timedelta64[h]").astype("timedelta64[s]"),
        members=members,
        provenance=PROVENANCE,
    )


def tiny_steps(header: ForecastHeader) -> list[Step]:
    """Every step in order; one value is missing in each."""
    return [_step(header, time, lead) for time in range(2) for lead in range(3)]


def _step(header: ForecastHeader, time: int, lead: int) -> Step:
    shape = (header.members, len(header.variables), len(header.grid))
    values = np.arange(np.prod(shape), dtype=np.float32).reshape(shape) + 1000 * (3 * time + lead + 1)
    values[0, 1, (time + lead) % len(header.grid)] = np.nan
    names = tuple(variable.name for variable in header.variables)
    moment = header.initial_times[time] + header.lead_times[lead]
    return Step(Fields(moment, names, values), header.lead_times[lead], (time, lead))
