"""Times that are missing in a source: passed over, refused or filled."""

__all__ = ["Missing"]

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import Moments, ReadRequest
from wxml.data.times import format_duration, format_time, parse_duration, parse_time
from wxml.errors import DataError

from wxml_dataset_sources.combining.combination import Combination, Part, Source, opened
from wxml_dataset_sources.combining.filled_values import FilledValues, ValuePolicy
from wxml_dataset_sources.combining.neighbours import Neighbours, Way
from wxml_dataset_sources.combining.time_choice import last_instant, shortest_step

LOG = logging.getLogger("wxml")
Times = NDArray[np.datetime64]


class Missing(Combination):
    """A source without gaps: its times are those of its shortest step, or of `frequency`, from the first to the last.

    `policy` is about times that are not there, `values` about single values that are missing (NaN) in fields that are.
    """

    name = "missing"

    def __init__(
        self,
        *,
        source: Source,
        policy: Annotated[
            Literal["skip", "error"] | Way,
            Field(
                description="skip: gaps stay, and are counted in the log; error: they are refused; others fill them, "
                "from the times before and after: on the line between both, the nearer one, their mean …, or NaN"
            ),
        ] = "error",
        frequency: Annotated[
            str | None, Field(description="the step between the times, such as 6h; else the shortest one there")
        ] = None,
        longest: Annotated[
            str | None, Field(description="fill only gaps with this time or less between their ends, such as 24h")
        ] = None,
        extend_start: Annotated[
            str | None, Field(description="times are missing from here on; they are filled from the first one")
        ] = None,
        extend_end: Annotated[
            str | None, Field(description="times are missing up to here; they are filled from the last one")
        ] = None,
        values: Annotated[
            ValuePolicy,
            Field(
                description="single missing values: keep; error; nearest-node: that of the nearest node with a value; "
                "the others: from the times before and after"
            ),
        ] = "keep",
        variables: Annotated[
            list[str] | None,
            Field(description="`values` is about these: names (t_850) or parameters (t); else about all"),
        ] = None,
    ) -> None:
        part = _filled(opened(source), values, variables)
        limits = {"longest": longest, "extend_start": extend_start, "extend_end": extend_end}
        options = {"policy": policy, "frequency": frequency, **limits}
        super().__init__((part,), {key: value for key, value in options.items() if value is not None})
        own = part.header.times
        complete = _complete(part, frequency, extend_start, extend_end)
        missing = np.setdiff1d(complete, own, assume_unique=True)
        self._count = len(missing)
        _report(part, missing, len(complete), policy)
        self._way: Way = "nan" if policy == "skip" or policy == "error" else policy  # for mypy
        filled = missing[:0] if policy in ("skip", "error") else missing
        if longest is not None and len(filled):
            around = Neighbours.of(own, filled)
            filled = filled[(own[around.after] - own[around.before]) <= parse_duration(longest)]
        self.header = replace(part.header, times=np.sort(np.concatenate([own, filled])))

    def provenance(self) -> dict[str, Any]:
        """That of every combination, and the number of times that are missing in the source."""
        return super().provenance() | {"missing_times": self._count}

    def moments(
        self, times: NDArray[np.datetime64], variables: Sequence[str], timestep: np.timedelta64 | None = None
    ) -> Moments | None:
        """Those of the source, if nothing is filled."""
        source = self._sources[0]
        is_same = len(self.header.times) == len(source.header.times)
        return source.moments(times, variables, timestep) if is_same else None

    def chunk_groups(self) -> NDArray[np.intp]:
        """Those of the source, which has the same variables."""
        return self._sources[0].chunk_groups()

    def _read_part(self, request: ReadRequest, out: NDArray[np.float32]) -> None:
        source = self._sources[0]
        around = Neighbours.of(source.header.times, self.header.times[request.times])
        around.fill(source, request, out, self._way)


def _filled(part: Part, values: ValuePolicy, variables: list[str] | None) -> Part:
    """The source with its single missing values filled.

    Raises:
        DataError: `variables` are named, and nothing is done with them.
    """
    if values != "keep":
        return Part(FilledValues(part, values, variables), part.called)
    if variables is not None:
        raise DataError(
            "`variables` is about the single values that `values` fills, and it keeps them",
            fix="write for example `values: nearest-node`, or leave `variables` out",
        )
    return part


def _report(part: Part, missing: Times, count: int, policy: str) -> None:
    """Tell how many of `count` times are missing in the log; raise a DataError if none may be."""
    if not len(missing):
        return
    text = f"{part.called} lacks {len(missing)} of {count} times, the first is {format_time(missing[0])}"
    if policy == "error":
        raise DataError(text, fix="fill them with `policy: interpolate`, or leave the gaps with `policy: skip`")
    LOG.warning("%s (policy: %s)", text, policy)


def _complete(part: Part, frequency: str | None, start: str | None, end: str | None) -> Times:
    """All times that should be there, from the first to the last, or from `start` to `end`.

    Raises:
        DataError: a time of the source is not among them.
    """
    own = part.header.times
    step = parse_duration(frequency) if frequency else shortest_step(own)
    before = (own[0] - parse_time(start)) // step if start else 0
    last = last_instant(end) if end else own[-1]
    complete = np.arange(own[0] - max(before, 0) * step, max(last, own[-1]) + np.timedelta64(1, "s"), step)
    others = np.setdiff1d(own, complete)
    if len(others):
        raise DataError(
            f"{part.called} has a time {format_time(others[0])}, which is no multiple of {format_duration(step)} after "
            f"{format_time(own[0])}",
            fix="give a `frequency` that divides all steps between the times, or choose times with `subset`",
        )
    return complete
