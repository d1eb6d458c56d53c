"""Builds a dataset from a plan: all of it or a part, from nothing or from where an earlier process stopped."""

__all__ = ["begin", "build_all", "build_part", "finalise"]

import logging
from pathlib import Path

import numpy as np
from wxml import Grid
from wxml.errors import ArtefactError

from wxml_dataset_builder.arrays import create_array, hide, make_data
from wxml_dataset_builder.finishing import finish
from wxml_dataset_builder.full_disk import full_disk_told
from wxml_dataset_builder.keeping import keep_units
from wxml_dataset_builder.part import Part
from wxml_dataset_builder.plan import Plan
from wxml_dataset_builder.reading import Reading
from wxml_dataset_builder.records import read_record
from wxml_dataset_builder.replaceable import check_replaceable
from wxml_dataset_builder.scheduling import Task, Work, Workers, run_tasks
from wxml_dataset_builder.span import build_span, close_units
from wxml_dataset_builder.workplace import Workplace

logger = logging.getLogger("wxml.dataset")

TASK_DATES = 64
"""About so many dates are one task: enough that few changes reach into the task before."""
TASK_BYTES = 2**30


def begin(place: Workplace, plan: Plan, grid: Grid, *, restart: bool = False) -> None:
    """Make the place of a build, or take up the one that is there.

    Args:
        place: where it is built.
        plan: what is built.
        grid: that of the dataset.
        restart: drop what is there.

    Raises:
        ArtefactError: another dataset is being built there, or the disk is full.
    """
    with full_disk_told(place.target), place.lock("begin", seconds=-1):
        if not restart and place.plan_file.exists() and place.store.is_dir():
            if place.plan().identity != plan.identity:
                raise ArtefactError(
                    f"another dataset is being built in `{place.folder}`: its recipe or its data differ",
                    fix="finish it with its own recipe, or begin anew with --restart",
                )
            logger.info("going on with the build in %s", place.folder)
            return
        place.wait_for_tasks()
        place.clear()
        _make(place, plan, grid)


def _make(place: Workplace, plan: Plan, grid: Grid) -> None:
    """Make the arrays, and the plan last: from then on parts can be built."""
    place.records.mkdir(parents=True)
    geometry = plan.geometry
    make_data(place.store, geometry)
    create_array(place.store, "dates", plan.axis.dates.astype("M8[s]"), geometry, ("time",))
    for name, values in (
        ("latitudes", grid.latitudes),
        ("longitudes", grid.longitudes),
        ("area_weights", grid.area_weights),
    ):
        create_array(place.store, name, np.asarray(values, np.float64), geometry, ("cell",))
    hide(place.store)
    if plan.kept:
        keep_units(place, plan)
    temporary = place.plan_file.with_name("plan.partial")
    temporary.write_text(plan.to_text(), encoding="utf-8")
    temporary.replace(place.plan_file)


def build_all(
    place: Workplace, plan: Plan, grid: Grid, reading: Reading, workers: Workers, *, restart: bool = False
) -> None:
    """Begin, or go on, and finish.

    Raises:
        ArtefactError: another dataset is being built there, or the disk is full.
        DataError: the source cannot be read.
    """
    begin(place, plan, grid, restart=restart)
    build_part(place, reading, Part(), workers)
    finalise(place, workers)


def build_part(place: Workplace, reading: Reading, part: Part, workers: Workers) -> None:
    """Build the units of a part that are not done.

    Tasks of an earlier command that was killed may still be at work on a cluster: they end first.

    Raises:
        ArtefactError: nothing has begun, another process builds this part, or the disk is full.
        DataError: the source cannot be read.
    """
    with place.lock(str(part)):
        plan = place.plan()
        units = part.units(plan.geometry.units)
        place.wait_for_tasks(units)
        todo = [unit for unit in units if read_record(place.records, unit, place.store) is None]
        run_tasks(_tasks(build_span, place.target, plan, reading, todo), workers, "build")


def finalise(place: Workplace, workers: Workers, *, overwrite: bool = False) -> None:
    """Finish a dataset of which every part is built.

    Raises:
        ArtefactError: a part is missing, the dataset exists and `overwrite` is not set, or the disk is full.
    """
    with full_disk_told(place.target), place.lock("finalise"):
        plan = place.plan()
        if not plan.replaces:
            check_replaceable(place.target, overwrite=overwrite)
        records = [read_record(place.records, unit, place.store) for unit in range(plan.geometry.units)]
        open_units = [unit for unit, record in enumerate(records) if record is not None and not record.is_closed]
        run_tasks(_tasks(close_units, place.target, plan, None, open_units), workers, "changes")
        finish(place, plan)


def _tasks(function: Work, target: Path, plan: Plan, reading: Reading | None, units: list[int]) -> list[Task]:
    """Spans of units that follow each other."""
    geometry = plan.geometry
    dates = max(1, min(TASK_DATES, TASK_BYTES // geometry.date_bytes))
    length = max(1, dates // geometry.unit)
    if not units:
        return []
    tasks = []
    for run in np.split(np.array(units), np.flatnonzero(np.diff(units) > 1) + 1):
        for start in range(0, len(run), length):
            span = run[start : start + length]
            tasks.append(Task(function, target, plan.identity, reading, int(span[0]), int(span[-1]) + 1))
    return tasks
