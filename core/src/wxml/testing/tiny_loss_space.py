"""A small space for losses and their weights: temperature at two levels, and rain, on a coarse grid."""

__all__ = ["tiny_loss_space"]

import numpy as np
from numpy.typing import NDArray

from wxml.data.statistics import Statistics
from wxml.data.variables import Variable
from wxml.errors import DataError
from wxml.testing.tiny_world import tiny_graph, tiny_grid
from wxml.training.loss_space import LossSpace

VARIABLES = (
    Variable("t_850", param="t", level=850, units="K", level_units="hPa", level_type="isobaric"),
    Variable("t_250", param="t", level=250, units="K", level_units="hPa", level_type="isobaric"),
    Variable("tp", units="mm"),
)
CHANGES = (0.25, 0.5, 1.0)
SIX_HOURS = np.timedelta64(6 * 3600, "s")


def tiny_loss_space(steps: int = 3, members: int = 1) -> LossSpace:
    """Make a space of `t_850`, `t_250` (prognostic) and `tp` (diagnostic) on 6 × 8 nodes, all forecast.

    The variables are normalised, and their typical changes in a step are 0.25, 0.5 and 1. The source has the field
    `lsm`, 1 in the eastern hemisphere and 0 in the western, and `orog`, which rises from 0 m to 4700 m.
    """
    grid, count, names = tiny_grid(), len(VARIABLES), tuple(variable.name for variable in VARIABLES)
    zero, one = np.zeros(count), np.ones(count)
    return LossSpace(
        variables=VARIABLES,
        prognostic=frozenset(names[:2]),
        grid=grid,
        graph=tiny_graph(grid),
        is_forecast=np.ones(len(grid), bool),
        statistics=Statistics(names, zero, one, -4 * one, 4 * one, np.array(CHANGES)),
        steps=steps,
        timestep=SIX_HOURS,
        members=members,
        field=_field,
    )


def _field(name: str) -> NDArray[np.float32]:
    grid = tiny_grid()
    fields = {"lsm": grid.longitudes < 180, "orog": 100.0 * np.arange(len(grid))}
    if name not in fields:
        raise DataError(f"the data source has no variable {name!r}", fix="write the name of a variable")
    return fields[name].astype(np.float32)
