"""A source whose states go through filters."""

__all__ = ["FilteredSource"]

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wxml.data.read_request import ReadRequest
from wxml.data.source import DataSource, SelectiveSource
from wxml.data.state_filter import StateFilter


class FilteredSource(SelectiveSource):
    """The states of a source after filters; all of its variables are read for each of them, and all nodes."""

    def __init__(
        self, source: DataSource, make: Callable[[], Sequence[StateFilter]], record: list[dict[str, Any]]
    ) -> None:
        """`make` makes the filters of one state; `record` is what the provenance says of them."""
        self._source, self._make, self._record = source, make, record
        last = make()[-1]
        self.header = replace(source.header, variables=last.variables, grid=last.grid)

    def _read_part(self, request: ReadRequest, out: NDArray[np.float32]) -> None:
        inner = self._source.header
        for row, index in enumerate(request.times):
            time = inner.times[index]
            state = self._source.read([time], inner.names)[0]
            for one in self._make():
                state = one.apply(state, time)
            out[row] = state[request.members][:, request.variables][..., request.nodes]

    def provenance(self) -> dict[str, Any]:
        """That of the source, with the filters."""
        return self._source.provenance() | {"filters": self._record}

    def checksums(self) -> list[str]:
        """Those of the source."""
        return self._source.checksums()

    def stamp(self) -> str:
        """That of the source."""
        return self._source.stamp()

    def forget(self) -> None:
        """Let the source go of what it keeps."""
        self._source.forget()
