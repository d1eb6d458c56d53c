"""What the writers of all formats share: the order of calls, the checks, and the layout."""

__all__ = ["CfWriter"]

from abc import abstractmethod
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from wxml.data.fields import Fields
from wxml.errors import ArtefactError, ContractError
from wxml.files.staging import check_absent
from wxml.forecasting.writer import ForecastHeader, ForecastWriter

from wxml_forecast_writers.layout import Layout
from wxml_forecast_writers.provenance import DAMAGE, FIX, provenance_from_text
from wxml_forecast_writers.steps import Steps


class CfWriter(ForecastWriter):
    """Writes the layout of `wxml_forecast_writers.layout`; a format says how an array gets into its file.

    Nothing is held between two calls of `write`: a forecast of any length takes the memory of one step.
    """

    _steps: Steps | None = None
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
        if self._steps is not None:
            raise ContractError("`open` was called twice", fix="call `close` first, or use a second writer")
        layout = Layout.of(header)
        check_absent(Path(self.target))
        self._create(layout)
        self._steps, self._step_shape = Steps(header), layout.step_shape

    @final
    def write(self, fields: Fields, lead_time: np.timedelta64) -> None:
        """Write one step; the steps may come in any order, and a step that comes twice replaces the first.

        Raises:
            ContractError: the writer is not open.
            DataError: the header does not announce this step, or not with these variables, members and nodes.
            OSError: the disk refuses.
        """
        if self._steps is None:
            raise ContractError(
                "`write` was called on a writer that is not open", fix="call `open` with a header first"
            )
        step = self._steps.place(fields, lead_time)
        for name in fields.variables:
            self._put(name, step, fields[name].reshape(self._step_shape))

    @final
    def close(self) -> None:
        """Finish the file; does nothing where none is open.

        Raises:
            OSError: the disk refuses.
        """
        self._steps = None
        self._finish()

    @final
    @classmethod
    def read_provenance(cls, target: str) -> dict[str, Any]:
        """The provenance that a file of this format carries, forecast or scores.

        Raises:
            ArtefactError: the file is absent or damaged, or was not written by wxml.
        """
        try:
            text = cls._read_provenance_text(target)
        except DAMAGE as error:
            raise ArtefactError(f"`{target}` cannot be read: {error}", fix=FIX) from error
        return provenance_from_text(target, text)

    @abstractmethod
    def _create(self, layout: Layout) -> None:
        """Make the file; what was made must be left to `_finish` also when this fails."""

    @abstractmethod
    def _put(self, name: str, step: tuple[int, int], values: NDArray[np.float32]) -> None:
        """Store one variable at one `(time, prediction_timedelta)`: values of shape `layout.step_shape`."""

    @abstractmethod
    def _finish(self) -> None:
        """Let go of the file; called any number of times, also where `_create` never was."""

    @classmethod
    @abstractmethod
    def _read_provenance_text(cls, target: str) -> Any:
        """The attribute `wxml_provenance` of a file, or None; whatever the library raises passes through."""
