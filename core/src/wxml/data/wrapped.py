"""What every source has that gives the values of another one in another form: the files of that one."""

__all__ = ["Wrapped"]

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wxml.data.fingerprint import fingerprint_of
from wxml.data.source import DataSource, SelectiveSource


class Wrapped(SelectiveSource):
    """A source in another form: in other units, or in another order of nodes. A subclass sets `header`.

    What was read is what is told: the provenance, the checksums and the stamp are those of the source as it is.
    """

    def __init__(self, source: DataSource, *form: Any) -> None:
        """Keep the source.

        Args:
            source: the source as it is.
            form: what tells its new form from others, as JSON values, for the fingerprint.
        """
        self._source, self._form = source, form

    def provenance(self) -> dict[str, Any]:
        """That of the source as it is."""
        return self._source.provenance()

    def checksums(self) -> list[str]:
        """Those of the source as it is."""
        return self._source.checksums()

    def stamp(self) -> str:
        """That of the source as it is."""
        return self._source.stamp()

    def fingerprint(self) -> str | None:
        """That of the source as it is, and its new form."""
        own = self._source.fingerprint()
        return None if own is None else fingerprint_of(own, *self._form)

    def forget(self) -> None:
        """See `DataSource.forget`."""
        self._source.forget()

    def chunk_groups(self) -> NDArray[np.intp]:
        """Those of the source as it is: it has the same variables."""
        return self._source.chunk_groups()
