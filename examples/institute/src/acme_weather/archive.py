"""The data source `acme-archive`: the institute's own archive, a file of fields for each day."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from wxml import DataError, DataSource, Grid, SourceHeader, Variable
from wxml.files.json_loader import load_json

INDEX = "archive.json"
DAY = np.timedelta64(1, "D")


class Index(BaseModel):
    """What `archive.json` says of all days."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    latitudes: list[float] = Field(min_length=2)
    longitudes: list[float] = Field(min_length=2)
    hours: list[int] = Field(min_length=1)
    """Hours of the day that every file has."""
    variables: dict[str, str] = Field(min_length=1)
    """Name → units."""


class Archive(DataSource):
    """A folder with `archive.json` and a file `YYYY-MM-DD.npy` of each day, shape `[hour, variable, latitude, longitude]`.

    NaN in a file is a missing value. A day without a file is a gap, and is no error.

    Raises:
        DataError: there is no such folder, its index cannot be read, or a file has another shape than the index says.
    """

    def __init__(self, *, path: Annotated[str, Field(description="the folder", examples=["archive"])]) -> None:
        self.path = Path(path)
        self.index = read_index(self.path / INDEX)
        self.files = sorted(self.path.glob("????-??-??.npy"))
        if not self.files:
            raise DataError(f"`path` {path} has no file of a day", fix="name a folder with files like 2000-01-01.npy")
        hours = np.array(self.index.hours, "timedelta64[h]")
        days = np.array([file.stem for file in self.files], "datetime64[D]")
        self.header = SourceHeader(
            grid=Grid.regular(self.index.latitudes, self.index.longitudes),
            variables=tuple(Variable(name, units=units) for name, units in self.index.variables.items()),
            times=(days[:, None] + hours).ravel().astype("datetime64[s]"),
        )

    def _read(
        self, time_indices: NDArray[np.intp], variable_indices: NDArray[np.intp], out: NDArray[np.float32]
    ) -> None:
        count = len(self.index.hours)
        for position, time in enumerate(time_indices):
            fields = self.fields(self.files[time // count])[time % count, variable_indices]
            out[position, 0] = fields.reshape(len(variable_indices), -1)

    def fields(self, file: Path) -> NDArray[np.float32]:
        """The fields of a day, mapped: only what is asked for is read."""
        wanted = (len(self.index.hours), len(self.index.variables), *self.header.grid.shape)
        try:
            fields: NDArray[np.float32] = np.load(file, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise DataError(f"{file} cannot be read: {error}", fix="fetch it from the archive again") from error
        if fields.shape != wanted:
            raise DataError(f"{file} must have the shape {wanted}, got {fields.shape}", fix=f"compare it with {INDEX}")
        return fields

    def provenance(self) -> dict[str, Any]:
        """The days, which a checkpoint will name."""
        return {"kind": "acme-archive", "files": [file.name for file in self.files]}

    def stamp(self) -> str:
        """Another text after a file was written or copied."""
        facts = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in self.files]
        return str((self.index.model_dump_json(), facts))


def read_index(path: Path) -> Index:
    """What `archive.json` says.

    Raises:
        DataError: it is not there, is no JSON, or lacks something.
    """
    try:
        return Index.model_validate(load_json(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:  # pydantic's ValidationError is a ValueError
        said = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        raise DataError(f"{path} is no index of an archive: {said}", fix="name the folder of an archive") from error
