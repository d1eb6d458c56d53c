"""ForecastWriter: puts forecasts into a file."""

__all__ = ["ForecastWriter"]

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from wxml.data.fields import Fields
from wxml.errors import ContractError, DataError
from wxml.forecasting.layout import ForecastHeader
from wxml.forecasting.stored import StoredForecast


class ForecastWriter(ABC):
    """Writes one file of forecasts: `open`, then `write` once per initial and lead time in any order, then `close`.

    Core calls it with a path beside the one that the user named and moves it there after `close`, so that a crash
    leaves nothing half-written. A format that can be gone on with after a kill has `mark` and `reopen`, one that takes
    more initial times `extend`. `wxml.forecasting.layout` says what stands in the file. All options are keyword-only.
    """

    suffixes: ClassVar[tuple[str, ...]] = ()
    """The suffixes of the files, in lower case, such as `(".nc", ".nc4")`; a path with one of them chooses the writer.

    Core refuses other ones. By default it is the plugin's name, and any that no other writer declares will do.
    """

    keeps_values: ClassVar[bool] = True
    """Whether the files hold every value; False for pictures and the like, from which none reads back."""

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

    def mark(self) -> dict[str, Any] | None:
        """Put all that was written where it outlives this process, and say how `reopen` gets back to this moment.

        Core calls it between two steps: when some initial times have all of theirs and no other one has any, and, where
        the state of the forecast is saved, when those that are under way have reached one lead time.

        Returns:
            JSON values; None: a file of this format that breaks off cannot be gone on with, and is begun anew.
        """
        return None

    def reopen(self, header: ForecastHeader, mark: dict[str, Any]) -> None:
        """Open a file that was not closed, in place of `open`, as it was when `mark` returned this.

        Steps that came after it may be in the file, also cut short; they are written again. Nothing else is left over.

        Args:
            header: that of `open`.
            mark: what `mark` returned, perhaps in another process.
        """
        raise ContractError(
            f"`{type(self).__name__}` returns marks, and has no `reopen`",
            fix="this is a fault of the forecast writer: tell its authors",
        )

    def extend(self, header: ForecastHeader) -> None:
        """Open a whole file, in place of `open`, for more initial times, which come after those that are there.

        Core calls it with a copy in which files may be shared with the whole one: what is changed must be written anew
        and put in the place of what was there, as `os.replace` does.

        Args:
            header: that of all initial times, the old and the new ones.

        Raises:
            DataError: a file of this format takes no more, as by default.
        """
        raise DataError(
            f"`{self.target}` takes no more initial times: its forecast writer `{type(self).__name__}` cannot append",
            fix="append to a format that can, such as zarr, or write a file of its own",
        )

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
