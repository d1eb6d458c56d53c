"""What of a sample anybody needs, and what a source is asked for because of it."""

__all__ = ["ReadPart", "SampleNeeds"]

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wxml.data.preprocessing import Preprocessing
from wxml.data.read_request import Positions, run
from wxml.data.source import DataSource
from wxml.data.window import Window


@dataclass(frozen=True, slots=True, eq=False)
class SampleNeeds:
    """Where in a sample a model or a loss reads values.

    A model reads prognostic variables at the input times and forcings where the window says so, a loss prognostic and
    diagnostic variables at the times of the forecast.
    """

    names: tuple[str, ...]
    values: NDArray[np.bool_]
    """Shape `[time, variable]`."""
    truth: NDArray[np.bool_]
    """Whether it is truth, which may be missing; likewise."""

    @classmethod
    def of(cls, preprocessing: Preprocessing, window: Window) -> Self:
        """Find them from the roles; masks, which cost nothing, are needed everywhere."""
        names, roles, inputs = preprocessing.variables, preprocessing.roles, window.input_steps
        prognostic, output = len(roles.prognostic), len(roles.output)
        values, truth = np.zeros((len(window), len(names)), bool), np.zeros((len(window), len(names)), bool)
        truth[inputs : inputs + window.steps, :output] = True
        values[:inputs, :prognostic] = True
        values[window.forcing_positions, output:] = True
        values[:, [names.index(mask) for mask in preprocessing.masks]] = True
        if preprocessing.missing:
            values[inputs - 1, [names.index(rule.where) for rule in preprocessing.missing.values()]] = True
        values |= truth
        return cls(names, values, truth)

    def parts(self, source: DataSource, read: Sequence[str]) -> tuple["ReadPart", ...]:
        """Share the variables `read` among reads: those that are needed at the same times, or lie in one chunk."""
        groups = source.chunk_groups()[source.header.variable_indices(read)]
        needed = self.values[:, [self.names.index(name) for name in read]]
        of_group = {group: needed[:, groups == group].any(axis=1) for group in set(groups.tolist())}
        sharing: dict[bytes, list[int]] = {}
        for column, group in enumerate(groups.tolist()):
            sharing.setdefault(of_group[group].tobytes(), []).append(column)
        return tuple(
            ReadPart(tuple(read[column] for column in columns), run(np.array(columns)), np.frombuffer(key, bool))
            for key, columns in sharing.items()
        )


@dataclass(frozen=True, slots=True, eq=False)
class ReadPart:
    """Variables that are read together, at the same times of a sample."""

    variables: tuple[str, ...]
    columns: Positions
    """Their positions among all that are read."""
    times: NDArray[np.bool_]
    """Whether one of them is needed at each time of a sample."""

    def is_needed(self, is_at: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Whether they are needed of states that are at some times of samples, shape `[state, time]`."""
        return np.asarray((is_at & self.times).any(axis=1))

    def fill(
        self,
        source: DataSource,
        times: NDArray[np.datetime64],
        members: ArrayLike,
        needed: NDArray[np.bool_],
        out: NDArray[np.float32],
    ) -> None:
        """Write their values to `out[time, member, variable, node]`, NaN at the times at which they are not needed."""
        rows = run(np.flatnonzero(needed))
        if not needed.all():
            out[np.flatnonzero(~needed)[:, None], :, self._places] = np.nan
        if not needed.any():
            return
        if isinstance(rows, slice) and isinstance(self.columns, slice):
            source.read(times[rows], self.variables, members=members, out=out[rows, :, self.columns])
            return
        values = source.read(times[rows], self.variables, members=members)
        out[np.flatnonzero(needed)[:, None], :, self._places] = values.swapaxes(1, 2)

    @property
    def _places(self) -> NDArray[np.intp]:
        columns = self.columns
        return np.arange(columns.start, columns.stop) if isinstance(columns, slice) else columns
