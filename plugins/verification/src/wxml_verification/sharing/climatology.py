"""A climatology that workers make together: each adds up the past of some dates."""

__all__ = ["SharedClimatology"]

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from wxml_verification.climatology import Climatology, PastBins
from wxml_verification.kept_sums import KeptSums
from wxml_verification.sharing.work import Part
from wxml_verification.usual import Past

PARTS_OF_A_WORKER = 4
"""So that one that is slow, or late, holds up the others for a short time."""


@dataclass(frozen=True, slots=True, eq=False)
class SharedClimatology:
    """The sums of the past by date and time of day, as `Climatology.of` makes them in one process.

    A date is added up in one process, in the order of its times, so that the sums are the same to the last bit.
    """

    name: str
    past: Past
    variables: tuple[str, ...]
    window: int
    bins: PastBins
    take: Callable[[Climatology], None]
    """Gets the climatology."""

    def parts(self, workers: int) -> Sequence[Part]:
        """Some dates in a row each."""
        days = len(self.bins.days)
        count = min(days, PARTS_OF_A_WORKER * workers)
        bounds = [days * number // count for number in range(count + 1)]
        return list(pairwise(bounds))

    def do(self, part: Part, folder: Path) -> None:
        """Read the past of some dates, and add it up."""
        first, last = part
        sums = KeptSums((last - first, len(self.bins.hours)), self._shape, folder)
        self.bins.add(sums, self.past.source, self.variables, slice(first, last))
        sums.close()

    def put_together(self, parts: Mapping[Part, Path], folder: Path) -> None:
        """Add to each date those before it."""
        whole = KeptSums(self.bins.shape, self._shape, folder)
        for (first, last), place in parts.items():
            part = KeptSums.opened((last - first, len(self.bins.hours)), self._shape, place)
            whole.take(part, first)
            part.close()
        whole.accumulate()
        whole.close()

    def use(self, folder: Path) -> None:
        """Open the sums, of which one field is read at a time."""
        sums = KeptSums.opened(self.bins.shape, self._shape, folder)
        self.take(Climatology.kept(self.bins, self.window, sums))

    @property
    def _shape(self) -> tuple[int, int]:
        return len(self.variables), len(self.past.source.header.grid)
