"""Reads the samples of a batch as one: each state is read and transformed once, then put where samples have it."""

__all__ = ["BatchReader", "check_finite"]

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from wxml.data.absent import MissingWhere
from wxml.data.fetching import fetching_seconds
from wxml.data.preprocessing import Preprocessing
from wxml.data.sample_batch import ReadingCost, SampleBatch
from wxml.data.sample_needs import ReadPart, SampleNeeds
from wxml.data.shared_reads import SharedReads
from wxml.data.times import format_time
from wxml.data.window import Window
from wxml.errors import DataError

BLOCK_BYTES: Final = 2**21
"""States are transformed in blocks of about so many bytes, which fit into the cache of a processor core."""


class BatchReader:
    """Reads batches of the samples of one window; `wxml.data.samples.SampleSet` says what a sample is."""

    def __init__(self, preprocessing: Preprocessing, window: Window) -> None:
        self.preprocessing = preprocessing
        self.window = window
        needs = SampleNeeds.of(preprocessing, window)
        self._layout = _Layout.of(preprocessing, window, needs)
        self._allowed = ~needs.values | needs.truth

    def read(self, initial_times: NDArray[np.datetime64], members: NDArray[np.intp]) -> SampleBatch:
        """Read one sample for each initial time and member, both of shape `[sample]`.

        Raises:
            DataError: a value that the model reads is missing: the first one of the first sample that lacks one.
        """
        times, nodes = initial_times[:, None] + self.window.offsets, len(self.preprocessing.source.header.grid)
        shared = SharedReads.of(times, members)
        with self.preprocessing.scratch.lent((shared.count, len(self._layout.read), nodes)) as physical:
            return self._filled(_Batch(self._layout, shared, physical), times)

    def _filled(self, batch: "_Batch", times: NDArray[np.datetime64]) -> SampleBatch:
        """Read, transform and gather the samples of a batch."""
        before = fetching_seconds()
        with batch.cost.of("reading"):
            batch.read(self.preprocessing)
        batch.cost.fetching = fetching_seconds() - before
        for states in batch.blocks():
            batch.put(states, self.preprocessing)
        batch.put_computed(self.preprocessing)
        with batch.cost.of("gathering"):
            absent = batch.absent()
            batch.put_masks(absent)
            self._check(batch, times)
            batch.empty_truth(absent)
        held = absent[:, : self._layout.prognostic]
        return SampleBatch(batch.values, held, batch.cost, self.window.steps)

    def _check(self, batch: "_Batch", times: NDArray[np.datetime64]) -> None:
        """Refuse a sample without a value that the model reads."""
        bad = ~batch.finite[batch.states] & ~self._allowed
        if bad.any():
            sample = int(np.argmax(bad.any(axis=(1, 2))))
            check_finite(batch.values[sample], self._allowed[..., None], self._layout.names, times[sample])


_Runs = tuple[tuple[slice, slice], ...]
"""Places of variables in what is read or computed, and in the samples."""


@dataclass(frozen=True, slots=True, eq=False)
class _Layout:
    """The variables of a sample, and where each comes from."""

    names: tuple[str, ...]
    read: tuple[str, ...]
    """Those that are read, in the order of `names`."""
    computed: tuple[str, ...]
    read_places: NDArray[np.intp]
    """Their places in `names`."""
    computed_places: NDArray[np.intp]
    masks: tuple[tuple[int, int], ...]
    """The place of each mask in `names`, and the place in `read` of the variable of which it tells."""
    read_runs: tuple[_Runs, ...]
    """At each time of a sample, those that are needed there."""
    computed_runs: tuple[_Runs, ...]
    unneeded: tuple[tuple[int, slice], ...]
    """Times of a sample, and the places in `names` of variables that nothing needs there."""
    parts: tuple[ReadPart, ...]
    missing: tuple[tuple[int, int, MissingWhere], ...]
    """The place of a variable in `names`, and the place in `read` of that which says where it is missing."""
    input_steps: int
    steps: int
    prognostic: int
    output: int

    @classmethod
    def of(cls, preprocessing: Preprocessing, window: Window, needs: SampleNeeds) -> Self:
        names, roles = preprocessing.variables, preprocessing.roles
        read, computed = preprocessing.origins(names)
        masks = tuple((names.index(mask), read.index(name)) for mask, name in preprocessing.masks.items())
        unneeded = [(time, run) for time, needed in enumerate(needs.values) for _, run in _runs(names, names, ~needed)]
        return cls(
            names=names,
            read=read,
            computed=computed,
            read_places=_places(names, read),
            computed_places=_places(names, computed),
            masks=masks,
            read_runs=tuple(_runs(names, read, needed) for needed in needs.values),
            computed_runs=tuple(_runs(names, computed, needed) for needed in needs.values),
            unneeded=tuple(unneeded),
            parts=needs.parts(preprocessing.source, read),
            missing=tuple(
                (names.index(name), read.index(rule.where), rule) for name, rule in preprocessing.missing.items()
            ),
            input_steps=window.input_steps,
            steps=window.steps,
            prognostic=len(roles.prognostic),
            output=len(roles.output),
        )


def _places(names: Sequence[str], some: Sequence[str]) -> NDArray[np.intp]:
    return np.array([names.index(name) for name in some], np.intp)


def _runs(names: Sequence[str], some: Sequence[str], needed: NDArray[np.bool_]) -> _Runs:
    """The places in `some` and in `names` of the needed variables that follow each other in both.

    Args:
        names: the variables of a sample.
        some: some of them, in any order.
        needed: for each of `names`.
    """
    pairs = [(here, names.index(name)) for here, name in enumerate(some)]
    runs: list[tuple[slice, slice]] = []
    for here, there in (pair for pair in pairs if needed[pair[1]]):
        if runs and (runs[-1][0].stop, runs[-1][1].stop) == (here, there):
            runs[-1] = slice(runs[-1][0].start, here + 1), slice(runs[-1][1].start, there + 1)
        else:
            runs.append((slice(here, here + 1), slice(there, there + 1)))
    return tuple(runs)


class _Batch:
    """A batch that is being read: the states as the source has them, and the samples."""

    def __init__(self, layout: _Layout, shared: SharedReads, physical: NDArray[np.float32]) -> None:
        self.layout = layout
        self.shared = shared
        self.states = shared.states
        self.cost = ReadingCost()
        self.physical = physical
        self.lacks = np.zeros(self.physical.shape[:2], bool)
        """Whether the source lacks a value, shape `[state, variable that is read]`."""
        self.finite = np.ones((shared.count, len(layout.names)), bool)
        """Whether all model values are finite, shape `[state, variable]`."""
        memory = np.empty((*self.states.shape, physical.shape[-1], len(layout.names)), np.float32)
        self.values = np.swapaxes(memory, -1, -2)
        for time, variables in layout.unneeded:
            self.values[:, time, variables] = np.nan
        self._times_of_samples = self.values.reshape(-1, *self.values.shape[2:])
        self._users = shared.users()
        self._is_at = shared.is_at()

    def read(self, preprocessing: Preprocessing) -> None:
        """Fill `physical`: NaN where a variable that need not be read is not."""
        done = 0
        for times, members in self.shared.reads:
            count = len(times) * len(members)
            shape = len(times), len(members)
            out = self.physical[done : done + count].reshape(*shape, *self.physical.shape[1:])
            for part in self.layout.parts:
                needed = np.asarray(part.is_needed(self._is_at[done : done + count]).reshape(shape).any(axis=1))
                part.fill(preprocessing.source, times, members, needed, out)
            done += count

    def blocks(self) -> Iterator[slice]:
        """The states in blocks of a size that suits the cache."""
        size = max(1, BLOCK_BYTES // max(1, self.physical[:1].nbytes))
        return (slice(first, first + size) for first in range(0, self.shared.count, size))

    def put(self, states: slice, preprocessing: Preprocessing) -> None:
        """Transform some states and put them where the samples have them."""
        with self.cost.of("transforming"):
            physical = self.physical[states]
            model = preprocessing.inputs(physical, self.layout.read)
            self.lacks[states] = np.isnan(physical).any(axis=-1)
        with self.cost.of("gathering"):
            self._scatter(states, model, self.layout.read_places, self.layout.read_runs)

    def put_computed(self, preprocessing: Preprocessing) -> None:
        """Compute forcings once for each instant and put them where the samples have them."""
        if not self.layout.computed:
            return
        with self.cost.of("transforming"):
            has_runs = np.array([bool(runs) for runs in self.layout.computed_runs])
            states = np.flatnonzero((self._is_at & has_runs).any(axis=1)).tolist()
            instants, which = np.unique(self.shared.times[states], return_inverse=True)
            fields = preprocessing.computed(self.layout.computed, instants)
        with self.cost.of("gathering"):
            for state, instant in zip(states, which.tolist(), strict=True):
                self._scatter(
                    slice(state, state + 1),
                    fields[instant][None],
                    self.layout.computed_places,
                    self.layout.computed_runs,
                )

    def _scatter(
        self, states: slice, fields: NDArray[np.float32], places: NDArray[np.intp], runs_at: Sequence[_Runs]
    ) -> None:
        """Put `fields`, shape `[state, variable, node]`, where the samples need their variables."""
        self.finite[states, places] = np.isfinite(fields).all(axis=-1)
        for field, users in zip(fields, self._users[states], strict=True):
            for user in users.tolist():
                for here, there in runs_at[user % len(runs_at)]:
                    self._times_of_samples[user, there] = field[here]

    def put_masks(self, absent: NDArray[np.bool_]) -> None:
        """Put the masks: at an input time what was missing then, later where forecasts have no value (`absent`)."""
        inputs = self.layout.input_steps
        for there, variable in self.layout.masks:
            self.values[:, :, there] = 0
            for sample, time, _ in self._holes(self.states[:, :inputs], slice(variable, variable + 1)):
                self.values[sample, time, there] = self._missing(self.states[sample, time], variable)
            self.values[:, inputs:, there] = absent[:, None, self.layout.names.index(self.layout.read[variable])]

    def empty_truth(self, absent: NDArray[np.bool_]) -> None:
        """Make the truth NaN where it is missing, or where forecasts have no value (`absent`).

        A transform may have filled it, and the loss must see it.
        """
        inputs, outputs = self.layout.input_steps, slice(0, self.layout.output)
        for sample, time, variable in self._holes(self.states[:, inputs:], outputs):
            missing = self._missing(self.states[sample, inputs + time], variable)
            self.values[sample, inputs + time, variable][missing] = np.nan
        for sample, variable in np.argwhere(absent.any(axis=-1)).tolist():
            ahead = self.values[sample, inputs : inputs + self.layout.steps, variable]
            ahead[:, absent[sample, variable]] = np.nan

    def absent(self) -> NDArray[np.bool_]:
        """Where forecasts have no value, shape `[sample, output, node]`; see `Preprocessing.absent`."""
        last = self.states[:, self.layout.input_steps - 1]
        out = np.zeros((len(last), self.layout.output, self.physical.shape[-1]), bool)
        for sample, _, variable in self._holes(last[:, None], slice(0, self.layout.prognostic)):
            out[sample, variable] = self._missing(last[sample], variable)
        for variable, where, rule in self.layout.missing:
            out[:, variable] = rule.of(self.physical[last, where])
        return out

    def _holes(self, states: NDArray[np.intp], variables: slice) -> list[list[int]]:
        """Sample, time and variable of each field with missing values among `states`, shape `[sample, time]`."""
        found = np.argwhere(self.lacks[states][:, :, variables])
        return [[sample, time, variables.start + variable] for sample, time, variable in found.tolist()]

    def _missing(self, state: int, variable: int) -> NDArray[np.bool_]:
        missing: NDArray[np.bool_] = np.isnan(self.physical[state, variable])
        return missing


def check_finite(
    values: NDArray[np.float32],
    allowed: NDArray[np.bool_],
    variables: tuple[str, ...],
    times: NDArray[np.datetime64],
) -> None:
    """Refuse values `[time, variable, node]` that are not finite where a model reads them.

    Raises:
        DataError: names the variable, the time and how many nodes are missing.
    """
    bad = ~np.isfinite(values) & ~allowed
    if bad.any():
        time, variable, _ = np.argwhere(bad)[0]
        raise DataError(
            f"variable {variables[variable]!r} is missing at {format_time(times[time])} on "
            f"{int(bad[time, variable].sum())} of {values.shape[-1]} nodes, and the model needs it there",
            fix="add {plugin: impute} before normalise in `data.transforms`, drop the variable, or choose other times",
        )
