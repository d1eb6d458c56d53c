"""Samples: the model values in windows of time."""

__all__ = ["SampleSet", "incomplete_samples"]

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wxml.data.batch_reader import BatchReader
from wxml.data.holes import Incomplete, incomplete
from wxml.data.preprocessing import Preprocessing
from wxml.data.sample_batch import SampleBatch
from wxml.data.sample_needs import SampleNeeds
from wxml.data.times import format_time
from wxml.data.window import Window
from wxml.errors import DataError

logger = logging.getLogger("wxml")
FIX = (
    "write `data.missing_inputs: leave-out` to go without these samples, or `impute` to put means in their place; or "
    "drop the variable"
)


def incomplete_samples(
    preprocessing: Preprocessing, window: Window, initial_times: NDArray[np.datetime64]
) -> Incomplete:
    """Find the samples with an input that is missing, without reading them if the holes are known.

    Args:
        preprocessing: knows the holes of its source (`holes`); none are found if it does not.
        window: the times of a sample.
        initial_times: of the samples, rising; the source has all their times.
    """
    needs = SampleNeeds.of(preprocessing, window)
    read = preprocessing.left_missing(preprocessing.origins(needs.names)[0])
    columns = [needs.names.index(name) for name in read]
    needed = (needs.values & ~needs.truth)[:, columns]
    asked = np.flatnonzero(needed.any(axis=0)).tolist()
    names = tuple(read[place] for place in asked)
    return incomplete(initial_times, window.offsets, needed[:, asked], names, preprocessing.holes)


class SampleSet(Sequence[NDArray[np.float32]]):
    """The samples of a period: one per initial time and member, each a window of model values.

    A sample has shape `[time, variable, node]` with the variables of `Preprocessing.variables`. A missing value is NaN
    in the truth, where a loss must leave it out. What nobody needs is NaN, and is not read where that saves reading
    (`DataSource.chunk_groups`): a diagnostic variable at an input time, a forcing at the last time.

    Samples that lack an input are refused or left out, as `Preprocessing.missing_inputs` says, before one is read.
    """

    def __init__(
        self, preprocessing: Preprocessing, window: Window, period: tuple[np.datetime64, np.datetime64]
    ) -> None:
        self.preprocessing = preprocessing
        self.window = window
        self.initial_times = window.initial_times(preprocessing.source.header.times, period)
        if not len(self.initial_times):
            first, last = map(format_time, period)
            raise DataError(
                f"no sample fits between {first} and {last}: one needs {window.description}",
                fix="choose a longer period (`data.split`), fewer steps, or a `data.timestep` that the source has",
            )
        self.initial_times = self._complete(period)
        self._reader = BatchReader(preprocessing, window)

    def _complete(self, period: tuple[np.datetime64, np.datetime64]) -> NDArray[np.datetime64]:
        """The initial times of the samples that have all their inputs.

        Raises:
            DataError: one lacks an input, and `missing_inputs` is `fail`; or all of them do.
        """
        found = incomplete_samples(self.preprocessing, self.window, self.initial_times)
        if not found.samples.any():
            return self.initial_times
        first, last = map(format_time, period)
        said = f"between {first} and {last}, {found}"
        if self.preprocessing.missing_inputs == "fail":
            raise DataError(said, fix=FIX)
        if found.samples.all():
            raise DataError(said, fix="choose another period (`data.split`), or `data.missing_inputs: impute`")
        logger.warning("%s; these samples are left out (`data.missing_inputs`)", said)
        return self.initial_times[~found.samples]

    @property
    def sample_size(self) -> int:
        """The bytes of one sample."""
        values = len(self.window) * len(self.preprocessing.variables) * len(self.preprocessing.source.header.grid)
        return values * np.dtype(np.float32).itemsize

    def __len__(self) -> int:
        return len(self.initial_times) * self.preprocessing.source.header.members

    def __getitem__(self, index: int) -> NDArray[np.float32]:  # type: ignore[override]  # no slices
        return self.with_imputed(index)[0]

    def with_imputed(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Read a sample, and whether a transform filled in each value of its last input state.

        A rollout does not feed such values back: see `imputed` of `wxml.model.unroll`.

        Returns:
            The sample, shape `[time, variable, node]`, and the mask, shape `[prognostic, node]`.

        Raises:
            IndexError: there is no such sample.
            DataError: a value that the model reads is missing.
        """
        batch = self.batch([index])
        return batch.values[0], batch.imputed[0]

    def batch(self, indices: ArrayLike) -> SampleBatch:
        """Read samples as one: the states that several of them have are read once, and in the order of their times.

        Raises:
            IndexError: there is no such sample.
            DataError: a value that the model reads is missing.
        """
        chosen = np.asarray(indices, np.intp)
        for index in chosen[(chosen < -len(self)) | (chosen >= len(self))]:
            raise IndexError(f"sample {index} of {len(self)}")
        start, member = np.divmod(chosen % len(self), self.preprocessing.source.header.members)
        return self._reader.read(self.initial_times[start], member)
