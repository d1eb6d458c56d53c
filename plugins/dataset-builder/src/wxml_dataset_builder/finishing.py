"""Makes a dataset of its parts: statistics from the moments of all dates, attributes, checksums, and its name."""

__all__ = ["finish"]

import hashlib
import json
import uuid
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from wxml import Moments
from wxml.errors import ArtefactError
from wxml.files.zarr_metadata import check_zarr_store

from wxml_dataset_builder.arrays import create_array, finish_group
from wxml_dataset_builder.attributes import attributes_of
from wxml_dataset_builder.checksums import CHECKSUMS, write_checksums
from wxml_dataset_builder.kept import MOMENTS
from wxml_dataset_builder.plan import Plan, change_set
from wxml_dataset_builder.records import UnitRecord, read_record
from wxml_dataset_builder.shifting import joined, shifted
from wxml_dataset_builder.workplace import Workplace

MOMENT_ROWS = 4096
"""The dates in a chunk of the moments."""
Statistics = dict[str, NDArray[np.float64]]


def finish(place: Workplace, plan: Plan) -> None:
    """Write what follows from the records of all units, and give the dataset its name.

    Raises:
        ArtefactError: a unit is not written, or has changes that are not computed.
    """
    records = _all_records(place, plan)
    moments = {name: joined([record.moments[name] for record in records]) for name in records[0].moments}
    for path in place.store.rglob("*.partial"):
        path.unlink()
    _write_moments(place.store, plan, moments)
    _write_statistics(place.store, plan, moments)
    lengths = np.array([len(plan.geometry.dates_of(unit)) for unit in range(plan.geometry.units)], np.int64)
    create_array(place.store, "_build/flags", np.ones(len(lengths), np.bool_), plan.geometry, ("group",))
    create_array(place.store, "_build/lengths", lengths, plan.geometry, ("group",))
    (place.store / CHECKSUMS).unlink(missing_ok=True)
    files = {name: digest for record in records for name, (_, digest) in record.files.items()}
    attributes = {**attributes_of(plan, moments), "uuid": _identity(place.store, plan, files)}
    groups = ("_build", MOMENTS, *(f"{MOMENTS}/{name}" for name in moments))
    finish_group(place.store, groups, attributes, plan.geometry)
    check_zarr_store(place.store)
    write_checksums(place.store, files)
    place.publish()


def _all_records(place: Workplace, plan: Plan) -> list[UnitRecord]:
    records = [read_record(place.records, unit, place.store) for unit in range(plan.geometry.units)]
    absent = [unit for unit, record in enumerate(records) if record is None or not record.is_closed]
    if absent:
        raise ArtefactError(
            f"{len(absent)} of the {len(records)} parts of `{place.target}` are not written, the first of them part "
            f"{absent[0]}",
            fix="build the parts that are missing, then finalise again",
        )
    return [record for record in records if record is not None]


def _write_moments(store: Path, plan: Plan, moments: Mapping[str, Moments]) -> None:
    """Write `_build/moments/SET/FIELD`; there, a change belongs to its earlier date."""
    steps = {change_set(kind, plan, count): count for kind in ("area", "equal") for count in plan.tendencies.values()}
    for name, found in moments.items():
        for field, values in shifted(found, -steps.get(name, 0)).arrays().items():
            create_array(store, f"{MOMENTS}/{name}/{field}", values, plan.geometry, ("time", "variable"), MOMENT_ROWS)


def _write_statistics(store: Path, plan: Plan, moments: Mapping[str, Moments]) -> None:
    first, last = np.searchsorted(plan.axis.dates, np.array(plan.period))
    parts = {"": moments["equal"][first : last + 1]}
    for name, steps in plan.tendencies.items():
        parts[f"statistics_tendencies_{name}_"] = moments[change_set("equal", plan, steps)][
            min(first + steps, last + 1) : last + 1
        ]
    for prefix, found in parts.items():
        for name, values in _statistics(found.merged()).items():
            create_array(store, f"{prefix}{name}", values, plan.geometry, ("variable",))


def _statistics(moments: Moments) -> Statistics:
    """Mean, standard deviation and extremes; NaN without a value."""
    found = {"mean": moments.mean, "stdev": moments.std, "minimum": moments.minimum, "maximum": moments.maximum}
    return {name: np.where(moments.weight > 0, values, np.nan) for name, values in found.items()}


def _identity(store: Path, plan: Plan, files: Mapping[str, str]) -> str:
    """A UUID that follows from the recipe, the places and the values: equal datasets have the same."""
    digest = hashlib.sha256(json.dumps([plan.recipe, plan.variables], sort_keys=True).encode())
    for name in sorted(files):
        digest.update(f"{files[name]}  {name}\n".encode())
    for name in ("dates", "latitudes", "longitudes"):
        for path in sorted((store / name).rglob("*")):
            if path.is_file():
                digest.update(path.read_bytes())
    return str(uuid.UUID(bytes=digest.digest()[:16], version=5))
