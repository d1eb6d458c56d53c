"""A source whose values are looked at as they are read."""

__all__ = ["LookedAt"]

from abc import abstractmethod
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from wxml.data.moments import Moments
from wxml.data.read_request import ReadRequest
from wxml.data.source import DataSource
from wxml.data.wrapped import Wrapped


class LookedAt(Wrapped):
    """The values of another source, each variable of which is looked at until there was something to tell of it."""

    def __init__(self, source: DataSource, called: str, names: Iterable[str]) -> None:
        """Keep the source.

        Args:
            source: the source.
            called: what it is called in messages, as in `the initial states`.
            names: the variables that are looked at.
        """
        super().__init__(source)
        self.header = source.header
        self._called, self._names = called, {*names}

    def moments(
        self, times: NDArray[np.datetime64], variables: Sequence[str], timestep: np.timedelta64 | None = None
    ) -> Moments | None:
        """Those of the source."""
        return self._source.moments(times, variables, timestep)

    def _read_part(self, request: ReadRequest, out: NDArray[np.float32]) -> None:
        self._source.fill(request, out)
        for column, index in enumerate(request.variables.tolist()):
            name = self.header.names[index]
            if name in self._names and self._tell(name, request, out[:, :, column]):
                self._names.remove(name)

    @abstractmethod
    def _tell(self, name: str, request: ReadRequest, values: NDArray[np.float32]) -> bool:
        """Tell what is remarkable in values `[time, member, node]`; whether there was anything."""
