"""The part of time that the values of a variable describe: its cell method over time, and the bounds of its times."""

__all__ = ["period_of", "step_type", "warn_of_cells"]

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from wxml.errors import DataError

from wxml_dataset_sources.xarray_reading.block import Block, Period, Stamp
from wxml_dataset_sources.xarray_reading.instants import ValidTimes

logger = logging.getLogger("wxml")

STEP_TYPES: Final = {"point": "instant", "mean": "avg", "sum": "accum", "maximum": "max", "minimum": "min"}
"""The step type of GRIB for a cell method of CF."""
CELL_METHOD: Final = re.compile(
    r"(?P<names>(?:\w+:\s*)+)(?P<method>[A-Za-z]\w*)(?P<more>(?:\s+(?:within|over|where)\s+\w+)*)(?!\w*:)"
)
"""One cell method of CF without what stands in parentheses, such as `lat: lon: mean` or `time: mean within days`."""


def step_type(attributes: Mapping[str, object], times: Sequence[str] = ()) -> str:
    """The step type in `GRIB_stepType` or `step_type`, or in the cell methods over time; empty if none is there.

    Args:
        attributes: those of the variable.
        times: the names of the coordinates and dimensions of time; `time` and `time0`, `time1` … count, too.

    >>> step_type({"cell_methods": "area: mean time: sum (interval: 1 hour)"})
    'accum'
    >>> step_type({"cell_methods": "time: lat: mean"}), step_type({"cell_methods": "lat: lon: mean"})
    ('avg', '')
    >>> step_type({"cell_methods": "time: maximum within days time: mean over days"})
    'max within days, avg over days'
    """
    stated = attributes.get("GRIB_stepType", attributes.get("step_type"))
    if stated is not None:
        return str(stated)
    text = re.sub(r"\([^)]*\)", " ", str(attributes.get("cell_methods", "")))
    found = []
    for match in CELL_METHOD.finditer(text):
        names = match["names"].replace(":", " ").split()
        if any(name in times or re.fullmatch(r"time\d*", name) for name in names):
            method = match["method"].lower()
            found.append(" ".join([STEP_TYPES.get(method, method), *match["more"].split()]))
    return ", ".join(found)


def period_of(name: str, attributes: Mapping[str, object], times: ValidTimes) -> Period:
    """The period of each value of a variable.

    Args:
        name: the name of the variable in the file, for messages.
        attributes: those of the variable.
        times: its times, with their bounds if the file has them.

    Raises:
        DataError: the times lie neither at the starts, nor in the middle, nor at the ends of their bounds.
    """
    kind = step_type(attributes, (*times.names, *times.dims))
    if times.times is None or times.cells is None or kind == "instant":
        return Period(kind)
    before, after = times.cells.T
    lengths = after - before
    if not kind:
        return Period(stamp="unstated" if lengths.any() else "end")
    starts = times.times.astype(np.int64) + before
    stamp = _stamp(name, before, after)
    return Period(kind, frozenset(lengths.tolist()), frozenset(starts.tolist()), stamp)


def _stamp(name: str, before: NDArray[np.int64], after: NDArray[np.int64]) -> Stamp:
    """Where the times stand in their periods, which run from `before` to `after` in seconds from each time."""
    if not after.any():
        return "end"
    if not before.any():
        return "start"
    if np.all(np.abs(before + after) <= 1):
        return "middle"
    odd = int(np.argmax((before != -after) & (after != 0)))
    raise DataError(
        f"the times of `{name}` must lie at the ends of their bounds, or all in the middle or at the starts; one lies "
        f"{-before[odd]} s after the start and {after[odd]} s before the end",
        fix="correct the times or the bounds, or leave the variable out with `variables`",
    )


def warn_of_cells(blocks: Sequence[Block]) -> None:
    """Log a warning for periods that do not end at their times, and one for periods of values without a cell method."""
    for stamp, where in (("start", "begin at"), ("middle", "lie around")):
        concerned = [block for block in blocks if block.period.stamp == stamp]
        if concerned:
            logger.warning(
                "the values of %s describe periods that %s their times, and are read as if they were known at these "
                "times, as in GRIB, where every period ends at its time; write the ends of the bounds as times to have "
                "them later",
                _listed(concerned),
                where,
            )
    unstated = [block for block in blocks if block.period.stamp == "unstated"]
    if unstated:
        logger.warning(
            "the times of %s have bounds, and no `cell_methods` says whether the values are means, sums or instants: "
            "they are read as instants",
            _listed(unstated),
        )


def _listed(blocks: Sequence[Block]) -> str:
    """The first place, and how many follow."""
    more = f" and {len(blocks) - 1} more" if len(blocks) > 1 else ""
    return f"{blocks[0].place}{more}"
