"""ForecastWriter: puts forecasts into a file."""

__all__ = ["ForecastWriter"]

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from wxml.data.fields import Fields
from wxml.errors import DataError
from wxml.forecasting.layout import ForecastHeader
from wxml.forecasting.stored import StoredForecast


class ForecastWriter(ABC):
    """Writes one file of forecasts: `open`, then `write` once per initial and lead time in any order, then `close`.

    Core calls it with a path beside the one that the user named and moves it there after `close`, so that a crash
    leaves nothing half-written. `wxml.forecasting.layout` says what stands in the file. All options are keyword-only.
    """

    suffixes: ClassVar[tuple[str, ...]] = ()
    """The suffixes of the files, in lower case, such as `(".nc", ".nc4")`; a path with one of them chooses the writer.

    Core refuses other ones. By default it is the plugin's name, and any that no other writer declares will do.
    """

    def __init__(self, target: str) -> None:
        self.target = target

    @abstractmethod
    def open(self, header: ForecastHeader) -> None:
        """Make the file and everything in it that is known beforehand.

        Raises:
            DataError: this format cannot hold what the header describes.
            OSError: the disk refuses; passes through to core.
        """

    @abstractmethod
    def write(self, fields: Fields, lead_time: np.timedelta64) -> None:
        """Write one step: `fields.valid_time` is the initial time plus `lead_time`."""

    @abstractmethod
    def close(self) -> None:
        """Finish the file; also called after a failure, then with steps missing."""

    @classmethod
    @abstractmethod
    def read_provenance(cls, target: str) -> dict[str, Any]:
        """The provenance that a file of this format carries, forecast or scores.

        Raises:
            ArtefactError: the file is damaged, or was not written by wxml.
        """

    @classmethod
    def read(cls, target: str) -> StoredForecast:
        """Open a forecast of this format; what `wxml.open_forecast` and with it `wxml verify` call.

        A writer need not have it: its files can then be inspected, but not verified.

        Raises:
            DataError: the file is damaged, or no forecast; or, by default, the format cannot be read back.
        """
        raise DataError(
            f"`{target}` cannot be read back: its forecast writer `{cls.__name__}` has no `read`",
            fix="write the forecast in a format that can be, such as zarr",
        )

    @classmethod
    def foreign_files(cls, target: str) -> list[str]:
        """The files in the folder `target` that no writer of this format makes, relative to it and sorted.

        `wxml forecast --overwrite` replaces no folder that holds any. By default all files in a folder are foreign, so
        the writer of a format that is a folder must override this. A file has none.
        """
        root = Path(target)
        found = (path for path in root.rglob("*") if path.is_symlink() or not path.is_dir())
        return sorted(path.relative_to(root).as_posix() for path in found)
