"""What a dataset that this package has built says of itself, so that another one can take its place."""

__all__ = ["Kept"]

from dataclasses import asdict, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from wxml import Grid, GridPart, Moments, Variable
from wxml.data.times import parse_duration, parse_time
from wxml.errors import DataError
from wxml.files.failures import damage_errors
from wxml.files.zarr_metadata import check_zarr_store

from wxml_dataset_builder.arrays import array_form, group_attributes, read_array
from wxml_dataset_builder.checksums import CHECKSUMS
from wxml_dataset_builder.date_axis import DateAxis
from wxml_dataset_builder.geometry import Geometry
from wxml_dataset_builder.records import FIELDS
from wxml_dataset_builder.shifting import shifted

MOMENTS = "_build/moments"


class Kept:
    """A dataset whose dates are kept."""

    def __init__(self, path: Path) -> None:
        """Read everything but the values.

        Raises:
            DataError: there is none, it is damaged, or anemoi-datasets has built it.
        """
        self.path = path
        if not path.is_dir():
            raise DataError(f"there is no dataset `{path}`", fix="build it first: wxml dataset build")
        with damage_errors(lambda error: _damaged(path, error)):
            for folder in (path, path / "_build", path / MOMENTS, *_folders(path / MOMENTS)):
                if folder.is_dir():
                    check_zarr_store(folder)
            attributes = group_attributes(path)
            if not {"builder", "grid", "recipe"} <= attributes.keys() or not (path / MOMENTS).is_dir():
                raise DataError(
                    f"`{path}` was not built by wxml, which needs the moments of each date to go on",
                    fix="build a dataset from it: `source: {plugin: anemoi, path: …}`",
                )
            self._read(attributes)

    def _read(self, attributes: dict[str, Any]) -> None:
        dates = read_array(self.path, "dates").astype("M8[s]")
        missing = np.array([parse_time(date) for date in attributes["missing_dates"]], "M8[s]")
        self.axis = DateAxis(dates, np.isin(dates, missing), parse_duration(attributes["frequency"]))
        self.recipe: dict[str, Any] = attributes["recipe"]
        self.provenance: dict[str, Any] = attributes["provenance"]
        self.history: tuple[dict[str, Any], ...] = tuple(attributes["history"])
        self.variables = tuple(
            _variable(attributes["variables_metadata"][name]["wxml"]) for name in attributes["variables"]
        )
        latitudes, longitudes, areas = (
            read_array(self.path, name) for name in ("latitudes", "longitudes", "area_weights")
        )
        self.grid_record: dict[str, Any] = attributes["grid"]
        grid = self.grid_record
        parts = tuple(map(GridPart.of_record, grid.get("parts", ())))
        self.grid = Grid(latitudes, longitudes, areas, tuple(grid["shape"]), grid["is_regular"], parts)
        self.geometry = Geometry(**array_form(self.path), compression=self.recipe["output"]["compression"])

    @cached_property
    def checksums(self) -> dict[str, str]:
        """The SHA-256 of every file by its name."""
        lines = (self.path / CHECKSUMS).read_text(encoding="utf-8").splitlines()
        return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}

    def moments(self, name: str, steps: int = 0) -> Moments | None:
        """The moments `[date, variable]` of a set; None if it is not there.

        Args:
            name: that of the set.
            steps: of a change, on the axis; those of a change belong to its later date.
        """
        if not (self.path / MOMENTS / name).is_dir():
            return None
        return shifted(
            Moments.from_arrays({field: read_array(self.path, f"{MOMENTS}/{name}/{field}") for field in FIELDS}), steps
        )


def _folders(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []


def _variable(record: dict[str, Any]) -> dict[str, Any]:
    known = {field.name for field in fields(Variable)}
    return asdict(Variable(**{key: value for key, value in record.items() if key in known}))


def _damaged(path: Path, error: Exception) -> DataError:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return DataError(f"`{path}` cannot be read: {reason}", fix="copy it again from where it was made")
