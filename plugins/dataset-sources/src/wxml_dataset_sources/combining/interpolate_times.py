"""Times between the times of a source."""

__all__ = ["InterpolateTimes"]

from dataclasses import replace
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import ReadRequest
from wxml.data.times import format_duration, parse_duration
from wxml.errors import DataError

from wxml_dataset_sources.combining.combination import Combination, Part, Source, opened
from wxml_dataset_sources.combining.neighbours import Neighbours
from wxml_dataset_sources.combining.time_choice import shortest_step


class InterpolateTimes(Combination):
    """A source at more times: on the straight line between the time before and the time after.

    Gaps, which are longer than the shortest step between the times, stay.
    """

    name = "interpolate-times"

    def __init__(
        self,
        *,
        source: Source,
        frequency: Annotated[
            str, Field(description="the new step between the times, such as 1h, dividing the old one")
        ],
    ) -> None:
        part = opened(source)
        super().__init__((part,), {"frequency": frequency})
        step, new, own = shortest_step(part.header.times), parse_duration(frequency), part.header.times
        if step % new:
            old = format_duration(step)
            raise DataError(
                f"`frequency` is {format_duration(new)}, and the times of {part.called} are {old} apart",
                fix=f"choose a step that divides {old}",
            )
        _check_instants(part)
        between = own[:-1][np.diff(own) == step, None] + new * np.arange(1, step // new)
        self.header = replace(part.header, times=np.sort(np.concatenate([own, between.ravel()])))

    def chunk_groups(self) -> NDArray[np.intp]:
        """Those of the source, which has the same variables."""
        return self._sources[0].chunk_groups()

    def _read_part(self, request: ReadRequest, out: NDArray[np.float32]) -> None:
        source = self._sources[0]
        around = Neighbours.of(source.header.times, self.header.times[request.times])
        around.fill(source, request, out, "interpolate")


def _check_instants(part: Part) -> None:
    """Raise a DataError if a variable describes periods."""
    for variable in part.header.variables:
        if variable.period or variable.step_type not in ("", "instant"):
            raise DataError(
                f"{variable.name!r} of {part.called} describes periods ({variable.step_type} {variable.period}), "
                "and has no values between them",
                fix="leave it out with `subset` and its option `drop`",
            )
