"""A source of a dataset that is in memory."""

__all__ = ["DatasetSource"]

from typing import Any

from wxml_dataset_sources.xarray_reading.block import Selection
from wxml_dataset_sources.xarray_reading.files import DataFile
from wxml_dataset_sources.xarray_reading.in_memory import NAME, DatasetAt, dataset_record
from wxml_dataset_sources.xarray_source import XarraySource


class DatasetSource(XarraySource):
    """An `xarray.Dataset` as a source: no plugin, since no config can name it."""

    def __init__(self, dataset: Any) -> None:
        """Understand a dataset as a file is understood; it has to stay as it is.

        Raises:
            DataError: it is no dataset, or its coordinates are not understood.
        """
        self._dataset, self._locations = DatasetAt.of(dataset), ()
        self._open([DataFile(NAME, "memory", self._dataset)], Selection(None, None, {}, {}))

    def provenance(self) -> dict[str, Any]:
        """The file that the dataset comes from, its size, and a hash of the values that are in memory."""
        return {"source": "dataset in memory", "files": [dataset_record(self._dataset)]}

    def checksums(self) -> list[str]:
        """None: there are no files."""
        return []

    def stamp(self) -> str:
        """Empty: the record has a hash of the values."""
        return ""

    def fingerprint(self) -> str | None:
        """None: what is lazy in a dataset may change at any time."""
        return None
