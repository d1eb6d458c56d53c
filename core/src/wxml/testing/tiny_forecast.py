"""A small forecast to write: two initial times, three lead times, two variables; all values differ."""

__all__ = ["Step", "tiny_header", "tiny_steps"]

from dataclasses import dataclass
from itertools import product

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
    """Make a header with two initial times, three lead times, temperature at a level and pressure."""
    return ForecastHeader(
        grid=tiny_grid(4, 6) if grid is None else grid,
        variables=(Variable("t_850", param="t", level=850, units="K"), Variable("msl", units="Pa")),
        initial_times=np.array(["2000-01-01T00", "2000-01-01T12"], "datetime64[s]"),
        lead_times=np.array([6, 12, 24], "timedelta64[h]").astype("timedelta64[s]"),
        members=members,
        provenance=PROVENANCE,
    )


def tiny_steps(header: ForecastHeader) -> list[Step]:
    """Make every step of the forecast in order; each misses one value."""
    names = tuple(variable.name for variable in header.variables)
    shape = (header.members, len(names), len(header.grid))
    steps = []
    for time, lead in product(range(2), range(3)):
        values = np.arange(np.prod(shape), dtype=np.float32).reshape(shape) + 1000 * (3 * time + lead + 1)
        values[0, 1, (time + lead) % len(header.grid)] = np.nan
        moment = header.initial_times[time] + header.lead_times[lead]
        steps.append(Step(Fields(moment, names, values), header.lead_times[lead], (time, lead)))
    return steps
