"""The values of one source with the statistics of another."""

__all__ = ["StatisticsOf"]

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import DataSource, Kind, PluginChoice, ReadRequest
from wxml.errors import DataError

from wxml_dataset_sources.combining.combination import Combination, Part, Source, opened
from wxml_dataset_sources.combining.fitting import check_quantities, in_units_of_first


class StatisticsOf(Combination):
    """The values of one source, for a training that takes its statistics from another one, at all of its times.

    The other source has every variable of the first; its nodes, times and members may be others. It must be the
    outermost source of an experiment.
    """

    name = "statistics-of"

    def __init__(
        self,
        *,
        source: Source,
        of: Annotated[
            PluginChoice, Kind("data-source"), Field(description="the source that the statistics are computed of")
        ],
    ) -> None:
        part, other = in_units_of_first((opened(source), opened(of, "of")))
        _check_variables(part, other)
        check_quantities((part, other))
        super().__init__((part, other), {})
        self.header = part.header

    def statistics_source(self) -> DataSource:
        """The other source."""
        return self._sources[1]

    def chunk_groups(self) -> NDArray[np.intp]:
        """Those of the source, which has the same variables."""
        return self._sources[0].chunk_groups()

    def _read_part(self, request: ReadRequest, out: NDArray[np.float32]) -> None:
        self._sources[0].fill(request, out)


def _check_variables(part: Part, other: Part) -> None:
    """Raise a DataError if the other part lacks a variable."""
    lacking = [name for name in part.header.names if name not in other.header.names]
    if lacking:
        raise DataError(
            f"{part.called} has {lacking[0]!r}, and {other.called}, which gives the statistics, has "
            f"{', '.join(map(repr, other.header.names))}",
            fix="read that variable there too, or leave it out of both with `subset` and its option `drop`",
        )
