"""Forecasts as one file of GRIB 2 messages, one message for each variable, member and time."""

__all__ = ["Grib2Writer"]

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field
from wxml import Fields, ForecastHeader, ForecastWriter, StoredForecast
from wxml.errors import ContractError
from wxml.files.staging import check_absent
from wxml.forecasting.layout import ForecastLayout, provenance_from_text

from wxml_grib_writer.choices import Choices, Packing
from wxml_grib_writer.local_section import first_record

if TYPE_CHECKING:
    from wxml_grib_writer.message_file import MessageFile

PARAMETERS = Field(
    description="GRIB keys of variables, by name, where those of the data or of the short name do not fit",
    examples=[{"snow": "paramId=228141"}],
)
PERIODS = Field(
    description="By name, the period before its time that an accumulation, mean or extreme describes, or `start` for "
    "one that begins at the initial time, where the data do not say it",
    examples=[{"tp": "6h"}],
)
GRID = Field(
    description="The keys of a projected grid, whose projection the places of its nodes do not say",
    examples=[
        {
            "gridType": "lambert",
            "LaDInDegrees": 52.5,
            "LoVInDegrees": 3.0,
            "Latin1InDegrees": 52.5,
            "Latin2InDegrees": 52.5,
            "DxInMetres": 2500,
            "DyInMetres": 2500,
            "jScansPositively": 1,
        }
    ],
)
PRECISION = Field(
    description="By name, the largest error that packing may cause, in the units of the message: as many bits as that "
    "takes, in place of `bits`",
    examples=[{"t_850": 0.01}],
)


class Grib2Writer(ForecastWriter):
    """Writes GRIB 2 of the samples of ecCodes, with no template: the grid, the time, the level and the member.

    Every message is whole when it is in the file, so that a forecast that breaks off leaves messages that can be read.
    """

    suffixes = (".grib2", ".grb2", ".grib", ".grb")

    def __init__(
        self,
        target: str,
        *,
        packing: Annotated[
            Literal["ccsds", "simple", "jpeg", "ieee"],
            Field(description="How values are packed: the first three lose digits, ieee (32 bits) none"),
        ] = "ccsds",
        bits: Annotated[int, Field(ge=1, le=32, description="Bits of each value, but for ieee")] = 16,
        precision: Annotated[dict[str, Annotated[float, Field(gt=0)]], PRECISION] = {},  # noqa: B006  # pydantic copies
        parameters: Annotated[dict[str, str], PARAMETERS] = {},  # noqa: B006
        periods: Annotated[dict[str, str], PERIODS] = {},  # noqa: B006
        grid: Annotated[dict[str, int | float | str], GRID] = {},  # noqa: B006
        centre: Annotated[
            int, Field(ge=0, le=65535, description="Originating centre, by its number (common table C-11): 255 is none")
        ] = 255,
        sub_centre: Annotated[int, Field(ge=0, le=65535, description="Sub-centre, by its number (C-12)")] = 0,
        process: Annotated[
            int, Field(ge=0, le=255, description="The number of the model, as the centre counts them (255: none)")
        ] = 255,
    ) -> None:
        super().__init__(target)
        identity = {"centre": centre, "subCentre": sub_centre, "generatingProcessIdentifier": process}
        self._choices = Choices(Packing(packing, bits, precision), parameters, periods, grid, identity)
        self._file: MessageFile | None = None

    def open(self, header: ForecastHeader) -> None:
        """Make the file, and find the keys of every variable.

        Raises:
            ArtefactError: the file exists already, or its folder does not.
            ContractError: the writer is open.
            DataError: GRIB 2 has no such grid, or no such parameter, level or period.
            OSError: the disk refuses.
        """
        self._begin(header, None)

    def mark(self) -> dict[str, Any]:
        """The bytes that are in the file.

        Raises:
            ContractError: the writer is not open.
            OSError: the disk refuses.
        """
        return {"bytes": self._opened().size}

    def reopen(self, header: ForecastHeader, mark: dict[str, Any]) -> None:
        """Cut the file where it was at the mark, and go on there; see `ForecastWriter`.

        Raises:
            ArtefactError: the file is shorter.
            OSError: the disk refuses.
        """
        self._begin(header, int(mark["bytes"]))

    def _begin(self, header: ForecastHeader, size: int | None) -> None:
        from wxml_grib_writer.message_file import MessageFile  # ecCodes: not for the sake of a suffix

        if self._file is not None:
            raise ContractError("`open` was called twice", fix="call `close` first, or use a second writer")
        ForecastLayout.of(header)  # which refuses a forecast of nothing, and a provenance that is no JSON
        if size is None:
            check_absent(Path(self.target))
        self._file = MessageFile(self.target, header, self._choices, size)

    def _opened(self) -> "MessageFile":
        if self._file is None:
            raise ContractError(
                "`write` was called on a writer that is not open", fix="call `open` with a header first"
            )
        return self._file

    def write(self, fields: Fields, lead_time: np.timedelta64) -> None:
        """Append the messages of one step; the steps may come in any order, each once.

        Raises:
            ContractError: the writer is not open, or the step was written before.
            DataError: the header does not announce this step, or a value is infinite.
            OSError: the disk refuses.
        """
        self._opened().write(fields, lead_time)

    def close(self) -> None:
        """Finish the file; does nothing where none is open."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    @classmethod
    def read_provenance(cls, target: str) -> dict[str, Any]:
        """The provenance in the first message.

        Raises:
            ArtefactError: the file is absent or damaged, wxml did not write it, or it is of the centre ECMWF.
        """
        record = first_record(target)
        return provenance_from_text(target, None if record is None else record["provenance"])

    @classmethod
    def read(cls, target: str) -> StoredForecast:
        """Open forecasts in GRIB 2, also those of others, as long as their messages lie on one grid.

        Raises:
            DataError: there is no such file, it is damaged, or it holds no forecast.
        """
        from wxml_grib_writer.reading import stored_forecast  # with ecCodes, as above

        return stored_forecast(Path(target))
