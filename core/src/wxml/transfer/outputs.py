"""How the outputs of one decoder follow from those of another one."""

__all__ = ["OutputMap", "output_map"]

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wxml.model.several_grids import GridVariables
from wxml.transfer.pairs import Pair
from wxml.transfer.side import Side


@dataclass(frozen=True, slots=True, eq=False)
class OutputMap:
    """y_new = factor · y_old[origin] + shift, where y are the outputs of a decoder; 0 where there is no origin."""

    origin: NDArray[np.intp]
    """The old row of each new one, −1 for none; shape `[new row]`."""
    factor: NDArray[np.float64]
    shift: NDArray[np.float64]
    old_rows: int

    @property
    def is_identity(self) -> bool:
        """Whether both forecast the same."""
        is_same = len(self.origin) == self.old_rows and np.array_equal(self.origin, np.arange(self.old_rows))
        return is_same and bool(np.all(self.factor == 1)) and not self.shift.any()


def output_map(
    parent: tuple[Side, GridVariables], child: tuple[Side, GridVariables], pairs: Mapping[str, Pair]
) -> OutputMap:
    """Map the outputs of the decoder of one data node set; rows are step by step, variable by variable.

    With a spread the rows of its raw values follow. They are taken over as they are: a spread stays the same in units
    of the typical change.

    Args:
        parent: the model of the checkpoint, and the variables of its node set.
        child: the new model, and the variables of its node set.
        pairs: the variables that are taken over, by their new name.
    """
    (old_side, old_grid), (new_side, new_grid) = parent, child
    old, new = _names(old_side, old_grid), _names(new_side, new_grid)
    (old_kinds, old_steps), (kinds, steps) = _rows(old_side), _rows(new_side)
    origin, (factor, shift) = np.full((kinds, steps, len(new)), -1), np.zeros((2, kinds, steps, len(new)))
    both, there = min(kinds, old_kinds), min(steps, old_steps)
    rows = len(old) * (old_steps * np.arange(both)[:, None] + np.arange(there))
    for place, name in enumerate(new):
        pair = pairs.get(name)
        if pair is None or pair.old not in old or not same_outputs(old_side, new_side, pair):
            continue
        origin[:both, :there, place] = old.index(pair.old) + rows
        factor[:both, :there, place] = 1.0
        factor[0, :there, place], shift[0, :there, place] = _line(old_side, new_side, pair)
    return OutputMap(origin.ravel(), factor.ravel(), shift.ravel(), old_kinds * old_steps * len(old))


def _rows(side: Side) -> tuple[int, int]:
    """The kinds of rows, values and their spread, and the output steps of each."""
    return 1 if side.config.model.spread is None else 2, side.task.outputs


def same_outputs(parent: Side, child: Side, pair: Pair) -> bool:
    """Whether the network forecasts the same of a variable in both models: its change, its value, or its share."""
    return _forecasts(parent, pair.old) == _forecasts(child, pair.name)


def _forecasts(side: Side, name: str) -> str:
    if side.is_fraction(name):
        return "a share"
    is_change = name in side.roles.prognostic and side.config.model.residual != "none"
    return f"a change from {side.config.model.residual}" if is_change else "a value"


def _names(side: Side, grid: GridVariables) -> tuple[str, ...]:
    return tuple(side.roles.output[place] for place in grid.output)


def _line(parent: Side, child: Side, pair: Pair) -> tuple[float, float]:
    """Factor and shift of one variable.

    With m_old = slope · m_new + offset, and s the units of the outputs: a change s_old y_old of m_old is one of
    s_old / slope · y_old of m_new; a value is (s_old y_old − offset) / slope. A share is the same in all units.
    """
    if pair.is_copy or parent.is_fraction(pair.old):
        return 1.0, 0.0
    old_scale, new_scale = parent.increment_scale(pair.old), child.increment_scale(pair.name)
    factor = old_scale / (pair.slope * new_scale)
    is_change = pair.name in child.roles.prognostic and child.config.model.residual != "none"
    return factor, 0.0 if is_change else -pair.offset / (pair.slope * new_scale)
