"""What a dataset or a source is, as JSON values."""

__all__ = ["describe"]

import os
from collections.abc import Iterator
from dataclasses import asdict
from math import prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from wxml import Grid, SourceHeader
from wxml.data.times import format_duration, format_time

from wxml_dataset_builder.opening import Opened
from wxml_dataset_builder.stored import Stored

SAID: Final = (
    "resolution",
    "description",
    "licence",
    "attribution",
    "history",
    "uuid",
    "version",
    "provenance",
    "recipe",
)
"""The attributes that are told as they are."""
SHOWN: Final = 20
"""So many gaps are listed."""
Facts = dict[str, Any]


def describe(opened: Opened) -> Facts:
    """Everything that can be told without reading a field, in JSON values.

    A dataset has the keys `store`, `missing_dates`, and what its attributes say; a recipe or experiment has not.
    """
    header = opened.source.header
    facts: Facts = {
        "path": str(opened.path),
        "kind": "source" if opened.stored is None else "dataset",
        "grid": _grid(header.grid),
        "dates": _dates(header.times),
        "members": header.members,
        "variables": [dict(asdict(variable)) for variable in header.variables],
    }
    return facts if opened.stored is None else facts | _of_store(opened.stored, header)


def _grid(grid: Grid) -> Facts:
    kind = "regular" if grid.is_regular else "curvilinear" if len(grid.shape) == 2 else "unstructured"
    return {
        "kind": kind,
        "nodes": len(grid),
        "shape": list(grid.shape),
        "is_global": grid.is_global,
        "south": float(grid.latitudes.min()),
        "north": float(grid.latitudes.max()),
        **_west_east(grid),
        "identity": grid.identity,
    }


def _west_east(grid: Grid) -> Facts:
    """The meridians between which the nodes lie: the largest gap between longitudes is outside."""
    around = np.unique(grid.longitudes)
    gaps = np.diff(around, append=around[0] + 360.0)
    gap = len(gaps) - 1 - int(np.argmax(gaps[::-1]))
    return {"west": float(around[(gap + 1) % len(around)]), "east": float(around[gap])}


def _dates(times: NDArray[np.datetime64]) -> Facts:
    steps = np.diff(times)
    facts: Facts = {"count": len(times), "first": format_time(times[0]), "last": format_time(times[-1])}
    if not len(steps):
        return facts | {"step": None, "gaps": [], "number_of_gaps": 0}
    values, counts = np.unique(steps, return_counts=True)
    step = values[np.argmax(counts)]
    after = np.flatnonzero(steps > step)
    gaps = [{"after": format_time(times[one]), "before": format_time(times[one + 1])} for one in after[:SHOWN]]
    return facts | {"step": format_duration(step), "gaps": gaps, "number_of_gaps": len(after)}


def _of_store(stored: Stored, header: SourceHeader) -> Facts:
    missing = stored.dates[stored.is_missing]
    facts: Facts = {
        "store": _storage(stored),
        "frequency": str(stored.attributes.get("frequency", "")),
        "axis": {
            "count": len(stored.dates),
            "first": format_time(stored.dates[0]),
            "last": format_time(stored.dates[-1]),
        },
        "missing_dates": [format_time(date) for date in missing],
        "statistics": _statistics(stored, ""),
        "statistics_period": [stored.attributes.get(f"statistics_{end}_date") for end in ("start", "end")],
        "tendencies": {period: _statistics(stored, prefix) for period, prefix in stored.tendencies().items()},
    }
    return facts | {key: stored.attributes[key] for key in SAID if key in stored.attributes}


def _storage(stored: Stored) -> Facts:
    data = stored.data
    sizes = list(_sizes(stored))
    return {
        "format": f"zarr {data.metadata.zarr_format}",
        "type": str(data.dtype),
        "shape": list(data.shape),
        "chunks": list(data.chunks),
        "shards": None if data.shards is None else list(data.shards),
        "compression": ", ".join(_codec(one) for one in data.compressors) or "none",
        "files": len(sizes),
        "bytes": sum(sizes),
        "bytes_of_values": data.dtype.itemsize * prod(data.shape),
        "has_checksums": (stored.path / "checksums.sha256").is_file(),
    }


def _sizes(stored: Stored) -> Iterator[int]:
    for folder, _, names in os.walk(stored.path):
        yield from (os.path.getsize(os.path.join(folder, name)) for name in names)


def _codec(codec: Any) -> str:
    """The name of a codec, with that of the method where it has several, and its level."""
    said = codec.get_config() if hasattr(codec, "get_config") else codec.to_dict()
    settings = said.get("configuration", said)
    name = str(said.get("id", said.get("name")))
    parts = [name, *(str(settings[key]) for key in ("cname",) if key in settings)]
    level = settings.get("clevel", settings.get("level"))
    return " ".join(parts) + ("" if level is None else f" level {level}")


def _statistics(stored: Stored, prefix: str) -> dict[str, dict[str, float]]:
    """Name of a variable → its statistics by name."""
    arrays = stored.statistics(prefix)
    return {
        name: {statistic: float(values[place]) for statistic, values in arrays.items()}
        for place, name in enumerate(stored.names)
    }
