"""The file of statistics: what each case adds to the scores, for other groups of cases and for comparisons."""

__all__ = ["StatisticsFile", "StatisticsHeader"]

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import zarr
from numpy.typing import NDArray
from wxml import Subject
from wxml.errors import DataError
from wxml.files.json_loader import load_json
from wxml.files.zarr_metadata import check_zarr_store

from wxml_verification.arrays import Array

AXES = ("time", "prediction_timedelta", "forecast", "subject", "statistic", "region")
FORMAT = 1
CHUNK_BYTES = 8 * 2**20


@dataclass(frozen=True, slots=True, eq=False)
class StatisticsHeader:
    """What the axes of the statistics are."""

    initial_times: NDArray[np.datetime64]
    lead_times: NDArray[np.timedelta64]
    forecasts: tuple[str, ...]
    regions: tuple[str, ...]
    variables: tuple[str, ...]
    units: tuple[str, ...]
    members: int
    subjects: Mapping[str, tuple[Subject, ...]]
    """Metric → what it has statistics of."""
    choices: Mapping[str, Mapping[str, Any]]
    """Metric → its plugin and options."""

    def as_json(self) -> dict[str, Any]:
        """The header as JSON values."""
        second = np.timedelta64(1, "s")
        return {
            "format": FORMAT,
            "time": [str(time) for time in self.initial_times.astype("datetime64[s]")],
            "prediction_timedelta_seconds": [int(lead // second) for lead in self.lead_times],
            "forecast": list(self.forecasts),
            "region": list(self.regions),
            "variable": list(self.variables),
            "units": list(self.units),
            "members": self.members,
            "metric": {
                name: {
                    **self.choices[name],
                    "subjects": [
                        {"name": one.name, "units": one.units, "variables": list(one.variables)} for one in subjects
                    ],
                }
                for name, subjects in self.subjects.items()
            },
        }

    @classmethod
    def of_json(cls, found: Mapping[str, Any]) -> Self:
        """The header from what `as_json` gave."""
        metrics = found["metric"]
        return cls(
            np.array(found["time"], "datetime64[s]"),
            np.array(found["prediction_timedelta_seconds"], "timedelta64[s]"),
            tuple(found["forecast"]),
            tuple(found["region"]),
            tuple(found["variable"]),
            tuple(found["units"]),
            int(found["members"]),
            {
                name: tuple(Subject(one["name"], one["units"], tuple(one["variables"])) for one in metric["subjects"])
                for name, metric in metrics.items()
            },
            {name: {key: metric[key] for key in ("plugin", "options")} for name, metric in metrics.items()},
        )


class StatisticsFile:
    """Statistics in a zarr store, one array for each metric, with the axes `AXES`.

    A weight of 0 says that a case has nothing to add. Read it with `statistics(metric, subject)`, a subject at a time.
    """

    def __init__(self, group: zarr.Group, header: StatisticsHeader) -> None:
        self._group = group
        self.header = header
        self._last: tuple[tuple[str, str], Array] | None = None
        self._arrays: dict[str, Any] = {}  # opening one reads its metadata

    @classmethod
    def new(cls, path: Path, header: StatisticsHeader, provenance: Mapping[str, Any]) -> Self:
        """Begin a file; another one at this path is removed."""
        group = zarr.open_group(str(path), mode="w", zarr_format=2)
        group.attrs.update({"wxml_statistics": json.dumps(header.as_json()), "wxml_provenance": json.dumps(provenance)})
        return cls(group, header)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a file.

        Raises:
            DataError: there is no such file, or it holds no statistics that this version can read.
        """
        fix = "verify the forecast again"
        if not path.is_dir():
            raise DataError(f"there are no statistics at `{path}`", fix=fix)
        check_zarr_store(str(path))
        group = zarr.open_group(str(path), mode="r", zarr_format=2)
        try:
            found = load_json(str(group.attrs["wxml_statistics"]))
            if found["format"] != FORMAT:
                raise DataError(f"`{path}` has statistics of another version of wxml: {found['format']!r}", fix=fix)
            header = StatisticsHeader.of_json(found)
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"`{path}` holds no statistics that wxml wrote", fix=fix) from error
        return cls(group, header)

    @property
    def provenance(self) -> dict[str, Any]:
        """The record of the scores; empty where there is none that can be read."""
        try:
            found = load_json(str(self._group.attrs["wxml_provenance"]))
        except (KeyError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def put(self, metric: str, subjects: tuple[Subject, ...], values: Array) -> None:
        """Write the statistics of some subjects of a metric, in the order of the axes."""
        names = [one.name for one in self.header.subjects[metric]]
        if metric not in self._group:
            shape = (*values.shape[:3], len(names), *values.shape[4:])
            array = self._group.create_array(
                metric, shape=shape, chunks=_chunks(shape), dtype=np.float64, fill_value=0.0
            )
            array.attrs["_ARRAY_DIMENSIONS"] = list(AXES)
        self._last = None
        for place, one in enumerate(subjects):
            self._array(metric)[:, :, :, names.index(one.name)] = values[:, :, :, place]

    def has(self, metric: str) -> bool:
        """Whether there are statistics of a metric; none are where it needs a climatology that is not known."""
        return metric in self._arrays or metric in self._group

    def statistics(self, metric: str, subject: str) -> Array:
        """The statistics of a subject, shape `[statistic, time, lead_time, forecast, region]`."""
        if self._last is None or self._last[0] != (metric, subject):
            names = [one.name for one in self.header.subjects[metric]]
            found = np.asarray(self._array(metric)[:, :, :, names.index(subject)])
            self._last = (metric, subject), np.moveaxis(found, 3, 0)
        return self._last[1]

    def blocks(self, metric: str, subject: str) -> Iterator[tuple[slice, Array]]:
        """Some cases after the others, and their statistics, as `statistics` gives them of all."""
        place = [one.name for one in self.header.subjects[metric]].index(subject)
        array = self._array(metric)
        for start in range(0, array.shape[0], array.chunks[0]):
            times = slice(start, min(start + array.chunks[0], array.shape[0]))
            yield times, np.moveaxis(np.asarray(array[times, :, :, place]), 3, 0)

    def _array(self, metric: str) -> Any:
        if metric not in self._arrays:
            self._arrays[metric] = self._group[metric]
        return self._arrays[metric]


def _chunks(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The whole array if it is small, else one subject and as many times as fit."""
    if 8 * int(np.prod(shape)) <= CHUNK_BYTES:
        return tuple(max(length, 1) for length in shape)
    one = 8 * int(np.prod(shape[1:3])) * int(np.prod(shape[4:]))
    return (min(shape[0], max(1, CHUNK_BYTES // one)), *shape[1:3], 1, *shape[4:])
