"""The part that the writers of all formats share: the order of the calls, the checks, and the layout."""

__all__ = ["CfWriter"]

from abc import abstractmethod
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from wxml import Fields, ForecastWriter, StoredForecast
from wxml.errors import ArtefactError, ContractError
from wxml.extras import libraries_of_extra
from wxml.files.failures import damage_errors
from wxml.files.staging import check_absent
from wxml.forecasting.cf_names import cf_attributes
from wxml.forecasting.layout import ForecastHeader, ForecastLayout, provenance_from_text


class CfWriter(ForecastWriter):
    """Writes the layout of `wxml.forecasting.layout`; a format says how an array gets into its file.

    Nothing is held between two calls of `write`: a forecast of any length takes the memory of one step.
    """

    _header: ForecastHeader | None = None
    _step_shape: tuple[int, ...] = ()

    @final
    def open(self, header: ForecastHeader) -> None:
        """Make the whole file, its forecast variables filled with NaN.

        Raises:
            ArtefactError: the file exists already, or its folder does not.
            ContractError: the writer is open.
            DataError: a name cannot stand in a file, or the provenance is not JSON.
            OSError: the disk refuses.
        """
        layout = self._laid_out(header)
        check_absent(Path(self.target))
        self._create(layout, {v.name: {**cf_attributes(v), "coordinates": layout.auxiliary} for v in header.variables})
        self._take(header, layout)

    @final
    def _laid_out(self, header: ForecastHeader) -> ForecastLayout:
        """The layout of a forecast that is to be opened.

        Raises:
            ContractError: the writer is open.
            DataError: a name cannot stand in a file, or the provenance is not JSON.
        """
        if self._header is not None:
            raise ContractError("`open` was called twice", fix="call `close` first, or use a second writer")
        return ForecastLayout.of(header)

    @final
    def _take(self, header: ForecastHeader, layout: ForecastLayout) -> None:
        """Write steps of this forecast from now on: its file is open."""
        self._header, self._step_shape = header, layout.step_shape

    @final
    def write(self, fields: Fields, lead_time: np.timedelta64) -> None:
        """Write one step; the steps may come in any order, and a step that comes twice replaces the first.

        Raises:
            ContractError: the writer is not open.
            DataError: the header does not announce this step, or not with these variables, members and nodes.
            OSError: the disk refuses.
        """
        if self._header is None:
            raise ContractError(
                "`write` was called on a writer that is not open", fix="call `open` with a header first"
            )
        step = self._header.place(fields, lead_time)
        self._put(step, {name: fields[name].reshape(self._step_shape) for name in fields.variables})

    @final
    def close(self) -> None:
        """Finish the file; does nothing where none is open.

        Raises:
            OSError: the disk refuses.
        """
        self._header = None
        self._finish()

    @final
    @classmethod
    def read_provenance(cls, target: str) -> dict[str, Any]:
        """The provenance that a file of this format carries, forecast or scores.

        Raises:
            ArtefactError: the file is absent or damaged, or was not written by wxml.
        """
        with damage_errors(partial(_damaged, target)):
            text = cls._read_provenance_text(target)
        return provenance_from_text(target, text)

    @final
    @classmethod
    def read(cls, target: str) -> StoredForecast:
        """Open a forecast in the layout of `wxml.forecasting.layout`.

        Raises:
            DataError: there is no such file, it is damaged, or no forecast.
        """
        with libraries_of_extra("read", "wxml-forecast-writers", what=f"reading the forecast `{target}`"):
            from wxml_forecast_writers.reading import stored_forecast  # with xarray, which no writer needs

        return stored_forecast(Path(target))

    @abstractmethod
    def _create(self, layout: ForecastLayout, attributes: dict[str, dict[str, Any]]) -> None:
        """Make the file.

        Args:
            layout: the dimensions, the coordinates, and the attributes of the file.
            attributes: the attributes of each forecast variable, by its name.

        Where this fails, `_finish` is called all the same and must let go of the half-made file.
        """

    @abstractmethod
    def _put(self, step: tuple[int, int], values: Mapping[str, NDArray[np.float32]]) -> None:
        """Store the variables at one `(time, prediction_timedelta)`: by name, values of shape `layout.step_shape`."""

    @abstractmethod
    def _finish(self) -> None:
        """Let go of the file; called any number of times, also where `_create` never was."""

    @classmethod
    @abstractmethod
    def _read_provenance_text(cls, target: str) -> Any:
        """The attribute `wxml_provenance` of a file, or None; whatever the library raises passes through."""


def _damaged(target: str, error: Exception) -> ArtefactError:
    return ArtefactError(
        f"`{target}` cannot be read: {error}",
        fix="name a file that `wxml forecast` or `wxml verify` wrote, or write it again",
    )
