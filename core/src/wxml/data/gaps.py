"""Gaps: where the variables of a training have no value, and data that have none elsewhere."""

__all__ = ["Gaps", "HeldGaps", "find_gaps", "no_gaps"]

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray

from wxml.data.grid import Grid
from wxml.data.holes import Holes
from wxml.data.looked_at import LookedAt
from wxml.data.read_request import ReadRequest
from wxml.data.source import DataSource
from wxml.data.times import format_time
from wxml.errors import DataError

logger = logging.getLogger("wxml")

WhereOtherGaps = Literal["error", "accept"]
"""What a forecast does whose input lacks other values than the training: stop, or say so and go on."""
MOST_TIMES: Final = 32
"""At so many times of a training, evenly spread over those with gaps, its gaps are looked at."""
TOLD: Final = 0.02
"""Told of is a variable with gaps if a greater share of the nodes is another than in the training."""
REFUSED: Final = 0.5
"""Refused is one if a greater share of the nodes is another; one without gaps in the training, beyond `TOLD`."""


@dataclass(frozen=True, slots=True, eq=False)
class Gaps:
    """Where variables have no value at the training times. A variable that is not named has all of its values."""

    variables: tuple[str, ...]
    shares: NDArray[np.float64]
    """The share of the values that is missing, over all times, members and nodes, shape `[variable]`."""
    always: NDArray[np.bool_]
    """Whether a node lacks the variable at each time that was looked at, in each member, shape `[variable, node]`."""
    ever: NDArray[np.bool_]
    """Whether it lacks it at one of them, in one of the members."""

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays by name, as a file may hold them: the masks as bits."""
        masks = {name: np.packbits(getattr(self, name), axis=None) for name in ("always", "ever")}
        return {"shares": self.shares, **masks}

    @classmethod
    def of_arrays(cls, variables: tuple[str, ...], nodes: int, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Make them of what `arrays` gave; the bits are as many as there are variables and nodes, up to whole bytes."""
        shape = len(variables), nodes
        masks = (np.unpackbits(arrays[name], count=shape[0] * shape[1]) for name in ("always", "ever"))
        always, ever = (mask.reshape(shape).astype(bool) for mask in masks)
        return cls(variables, arrays["shares"], always, ever)

    def of(self, name: str, nodes: int) -> tuple[float, NDArray[np.bool_], NDArray[np.bool_]]:
        """Share, `always` and `ever` of a variable, named here or not, on a grid of so many nodes."""
        if name not in self.variables:
            return 0.0, np.zeros(nodes, bool), np.zeros(nodes, bool)
        where = self.variables.index(name)
        return float(self.shares[where]), self.always[where], self.ever[where]


def no_gaps(nodes: int) -> Gaps:
    """Those of data that have all values, on so many nodes."""
    nothing = np.zeros((0, nodes), bool)
    return Gaps((), np.zeros(0), nothing, nothing.copy())


def find_gaps(source: DataSource, variables: Sequence[str], times: NDArray[np.datetime64], holes: Holes) -> Gaps:
    """Find gaps by reading some of the times that have them.

    Args:
        source: the source.
        variables: names that it has.
        times: `datetime64[s]` that it has.
        holes: whether a variable lacks a value at a time, shape `[time, variable]`.

    Raises:
        DataError: the data cannot be read.
    """
    lacks = np.asarray(holes.any(axis=0))
    names = tuple(np.array(variables)[lacks].tolist())
    with_holes = np.flatnonzero(holes.any(axis=1))
    if not names:
        return no_gaps(len(source.header.grid))
    chosen = with_holes[np.unique(np.linspace(0, len(with_holes) - 1, MOST_TIMES).round().astype(np.intp))]
    counts = np.zeros((len(names), len(source.header.grid)), np.int64)
    for time in times[chosen]:
        counts += np.isnan(source.read([time], names)[0]).sum(axis=0)
    looked_at = source.header.members * len(chosen)
    shares = counts.mean(axis=1) / looked_at * (len(with_holes) / len(times))
    always = (counts == looked_at) & np.asarray(holes[:, lacks].all(axis=0))[:, None]
    return Gaps(names, shares, always, counts > 0)


class HeldGaps(LookedAt):
    """A source whose gaps are held against those of the training as they are read: once for each variable.

    A node is another than in the training if it lacks a value that it never lacked there, or has one that it always
    lacked. What a part of the grid does not have at all does not count.

    Raises:
        DataError: a variable lacks other values than in the training at more than half of the nodes, or lacks more than
            2 % and lacked none there (unless `where_other` is `accept`).
    """

    def __init__(
        self,
        source: DataSource,
        gaps: Gaps,
        places: Grid,
        called: str,
        where_other: WhereOtherGaps = "error",
        passed: Iterable[str] = (),
    ) -> None:
        """Watch a source.

        Args:
            source: the source, on the nodes of the training.
            gaps: those of the training.
            places: the grid of the training, with its parts.
            called: what the source is called in messages, as in `the initial states`.
            where_other: `accept`: no variable is refused.
            passed: variables that are not looked at: whoever reads them refuses a missing value.
        """
        super().__init__(source, called, {*source.header.names} - {*passed})
        self._gaps, self._places, self._where_other = gaps, places, where_other

    def _tell(self, name: str, request: ReadRequest, values: NDArray[np.float32]) -> bool:
        """Hold the gaps of a variable against those of the training."""
        is_missing = np.isnan(values)
        _, always, ever = self._gaps.of(name, len(self._places))
        nodes, has_gaps = request.nodes, name in self._gaps.variables
        counts = ~self._lacking(name)[nodes]
        other = np.where(is_missing, ~ever[nodes], always[nodes]) & counts
        shares = other.sum(axis=-1) / max(1, int(counts.sum()))
        worst = np.unravel_index(np.argmax(shares), shares.shape)
        if shares[worst] <= (TOLD if has_gaps else 0.0):
            return False
        place = int(np.arange(len(self._places))[nodes][other[worst].argmax()])
        found = float((is_missing[worst] & counts).sum() / counts.sum())
        message = self._sentence(name, request.times[worst[0]], place, found, float(shares[worst]))
        if self._where_other == "error" and shares[worst] > (REFUSED if has_gaps else TOLD):
            raise DataError(
                message,
                fix="give data that have these values, or write `forecast.inputs.other_gaps: accept` to go on with "
                "what stands for missing values",
            )
        logger.warning("%s; is it another mask, or another variable?", message)
        return True

    def _sentence(self, name: str, time: int, place: int, found: float, other: float) -> str:
        """What differs: the shares that are missing, and a node that is another."""
        share, grid = self._gaps.of(name, len(self._places))[0], self._places
        return (
            f"variable {name!r} of {self._called} is missing at {found:.1%} of the nodes at "
            f"{format_time(self.header.times[time])}, and at {share:.1%} in the training; {other:.1%} of the nodes are "
            f"others than there, such as {grid.latitudes[place]:.7g}°N {grid.longitudes[place]:.7g}°E"
        )

    def _lacking(self, name: str) -> NDArray[np.bool_]:
        """The nodes of the parts of the grid that do not have a variable, shape `[node]`."""
        lacks = np.zeros(len(self._places), bool)
        for part in self._places.parts:
            lacks[self._places.ranges[part.name]] = name in part.lacks
        return lacks
