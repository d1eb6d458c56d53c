"""How the inputs of one encoder follow from those of another one."""

__all__ = ["InputMap", "input_map", "node_columns"]

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wxml.model.several_grids import GridVariables
from wxml.transfer.pairs import Pair
from wxml.transfer.side import Side

Array = NDArray[np.float64]
ROUNDING = 1e-12
GEOMETRY = 4
"""The columns of the places of nodes, see `NodeSet.features`."""


@dataclass(frozen=True, slots=True, eq=False)
class InputMap:
    """u_old = matrix · u_new + shift, where u are the features of a node (see `wxml.model.features.GridFeatures`).

    An encoder that computes W u_old + b computes the same from u_new with W' = W · matrix and b' = b + W · shift.
    """

    matrix: Array
    """Shape `[old column, new column]`."""
    shift: Array
    """Shape `[old column]`."""

    @property
    def is_identity(self) -> bool:
        """Whether both read the same."""
        rows, columns = self.matrix.shape
        return rows == columns and bool(np.array_equal(self.matrix, np.eye(rows))) and not self.shift.any()


@dataclass(frozen=True, slots=True)
class _Layout:
    """The columns of the features of the nodes of one data node set: time by time, prognostic before forcing ones."""

    names: tuple[str, ...]
    steps: int

    @classmethod
    def of(cls, side: Side, grid: GridVariables) -> "_Layout":
        prognostic = tuple(side.roles.prognostic[place] for place in grid.prognostic)
        forcing = tuple(side.roles.forcing[place] for place in grid.forcing)
        return cls(prognostic + forcing, len(side.task.calls[0].states))

    @classmethod
    def of_means(cls, side: Side, grid: GridVariables) -> "_Layout":
        """That of the means of changes and the departures behind them; without variables if they are not read."""
        read = grid.prognostic if side.config.model.input_means else ()
        return cls(tuple(side.roles.prognostic[place] for place in read), len(side.task.calls[0].states))

    def columns(self, name: str) -> NDArray[np.intp]:
        """The column of a variable at each input time."""
        return self.names.index(name) + len(self.names) * np.arange(self.steps)

    @property
    def width(self) -> int:
        return len(self.names) * self.steps


def input_map(
    parent: tuple[Side, GridVariables], child: tuple[Side, GridVariables], pairs: Mapping[str, Pair]
) -> InputMap:
    """Map the features of the nodes of one data node set; what the checkpoint read and nobody reads now is its mean.

    Args:
        parent: the model of the checkpoint, and the variables of its node set.
        child: the new model, and the variables of its node set.
        pairs: the variables that are taken over, by their new name.
    """
    (old_side, _), (new_side, _) = parent, child
    old, new = _Layout.of(*parent), _Layout.of(*child)
    matrix, shift = np.zeros((old.width, new.width)), np.zeros(old.width)
    for name in old.names:
        shift[old.columns(name)[_values_read(old_side, name, old.steps)]] = old_side.usual_value(name)
    taken_over = {pair.old for pair in pairs.values() if not pair.is_copy and pair.name in new.names}
    for pair in pairs.values():
        if pair.name not in new.names or pair.old not in old.names:
            continue
        rows, columns = old.columns(pair.old), new.columns(pair.name)
        block, constant = _block(old_side, new_side, pair, (old.steps, new.steps))
        matrix[np.ix_(rows, columns)] += block
        if not pair.is_copy or pair.old not in taken_over:
            shift[rows] = constant
    learned = old_side.config.model.trainable_features.grid, new_side.config.model.trainable_features.grid
    nodes = node_columns(*learned)
    whole = _diagonal(matrix, nodes, _means_map(parent, child, pairs))
    return InputMap(whole, np.concatenate([shift, np.zeros(len(whole) - len(shift))]))


def node_columns(old: int, new: int) -> Array:
    """The matrix of the features of nodes: their place, then the learned ones that both have."""
    return np.eye(GEOMETRY + old, GEOMETRY + new)


def _diagonal(*blocks: Array) -> Array:
    """The matrix that has these blocks along its diagonal, and 0 elsewhere."""
    whole = np.zeros(np.sum([block.shape for block in blocks], axis=0))
    row = column = 0
    for block in blocks:
        rows, columns = block.shape
        whole[row : row + rows, column : column + columns] = block
        row, column = row + rows, column + columns
    return whole


def _means_map(
    parent: tuple[Side, GridVariables], child: tuple[Side, GridVariables], pairs: Mapping[str, Pair]
) -> Array:
    """Map the means of changes and the departures, see `Reads.means`; what nobody reads now is 0, which is usual."""
    old, new = _Layout.of_means(*parent), _Layout.of_means(*child)
    matrix = np.zeros((old.width, new.width))
    aligned = np.eye(old.steps, new.steps, new.steps - old.steps)  # a state before the first one is the first one
    for pair in pairs.values():
        if pair.name in new.names and pair.old in old.names:
            units = np.ones(old.steps) if pair.is_copy else _units_of_means(parent[0], child[0], pair, old.steps)
            block = _without_rounding(units[:, None] * aligned)
            matrix[np.ix_(old.columns(pair.old), new.columns(pair.name))] += block
    return matrix


def _units_of_means(old: Side, new: Side, pair: Pair, steps: int) -> Array:
    """By what changes and the departure are larger for the checkpoint; an offset is in neither of them."""
    change = new.typical_change(pair.name) / old.typical_change(pair.old)
    return pair.slope * np.append(np.full(steps - 1, change), 1.0)


def _values_read(side: Side, name: str, steps: int) -> slice:
    """The input times at which a variable enters as a value and not as a change."""
    return slice(steps - 1, steps) if side.is_tendency(name) else slice(steps)


def _block(old: Side, new: Side, pair: Pair, steps: tuple[int, int]) -> tuple[Array, Array]:
    """The part of the map that belongs to one variable: a matrix `[old time, new time]` and a shift `[old time]`.

    Times are counted from the last one; if the checkpoint read more of them, the earliest new one stands for those
    before.
    """
    old_steps, new_steps = steps
    back = np.arange(old_steps - 1, -1, -1)  # steps before the last time
    aligned = np.eye(new_steps)[np.maximum(new_steps - 1 - back, 0)]
    if pair.is_copy:
        return aligned, np.zeros(old_steps)
    read = _read_from_values(old, pair.old, old_steps)
    values = _values_from_read(new, pair.name, new_steps)
    return _without_rounding(read @ (pair.slope * aligned) @ values), read @ np.full(old_steps, pair.offset)


def _without_rounding(matrix: Array) -> Array:
    """The matrix with whole numbers where σ / σ is not exactly 1, so that equal sides keep their weights bit by bit."""
    whole = np.rint(matrix)
    return np.where(np.abs(matrix - whole) < ROUNDING, whole, matrix)


def _read_from_values(side: Side, name: str, steps: int) -> Array:
    """What a model reads, from the model values at the input times; both in order of time."""
    matrix = np.eye(steps)
    if side.is_tendency(name):
        change = np.diff(np.eye(steps), axis=0) / side.typical_change(name)
        matrix[:-1] = change
        matrix[-1] *= side.config.model.input_last_state
    return matrix


def _values_from_read(side: Side, name: str, steps: int) -> Array:
    """The inverse of `_read_from_values`: x_t = x_T − σ Σ of the changes from t on."""
    matrix = np.eye(steps)
    if side.is_tendency(name):
        matrix = np.triu(np.full((steps, steps), -side.typical_change(name)))
        matrix[:, -1] = float(side.config.model.input_last_state)
    return matrix
