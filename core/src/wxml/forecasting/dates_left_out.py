"""Initial times whose forecasts cannot be made: they stop a command, or are left out and named."""

__all__ = ["DateFailure", "check_usable", "usable_times"]

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wxml.data.times import format_time
from wxml.errors import ArtefactError, DataError, WxmlError
from wxml.experiment.parts import Experiment
from wxml.forecasting.boundary import BoundaryForcing
from wxml.forecasting.earlier_runs import check_earlier
from wxml.forecasting.initial_times import offsets_read
from wxml.forecasting.inputs import check_inputs
from wxml.forecasting.perturbed import Perturbations

logger = logging.getLogger("wxml")

Times = NDArray[np.datetime64]


@dataclass(frozen=True, slots=True)
class DateFailure:
    """An initial time from which no forecast was made."""

    time: np.datetime64
    why: str


def check_usable(
    experiment: Experiment,
    times: Times,
    steps: int,
    boundary: BoundaryForcing | None,
    members: Sequence[int] = (),
) -> None:
    """Check that the sources have the times that the forecasts read, with those of perturbed members.

    Raises:
        DataError: one is lacking; the error names the first.
    """
    for offset in offsets_read(experiment, steps):
        experiment.source.header.time_indices(times + offset)
    if boundary:
        boundary.check_times(times, experiment.window(steps).lead_times)
    perturbations = Perturbations.of(experiment) if members else None
    if perturbations:
        read = offsets_read(experiment, 1)
        for plugin in perturbations.plugins:
            plugin.check(np.unique(times[:, None] + read))
        check_earlier(experiment, times, perturbations.runs(members), boundary)


def usable_times(
    experiment: Experiment,
    times: Times,
    steps: int,
    boundary: BoundaryForcing | None,
    members: Sequence[int] = (),
) -> tuple[Times, tuple[DateFailure, ...]]:
    """The initial times whose inputs are there and without gaps, and why the others are not; each is read once.

    Raises:
        DataError: there is no forecast to make.
    """
    plan = experiment.plan(steps)

    def check(time: Times) -> None:
        check_usable(experiment, time, steps, boundary, members)
        check_inputs(experiment, time, plan)

    failures = tuple(_failures(times, check))
    for one in failures:
        logger.warning("no forecast from %s: %s", format_time(one.time), one.why)
    if len(failures) == len(times):
        raise DataError(
            f"none of the {len(times)} initial times has its inputs; {format_time(times[0])}: {failures[0].why}",
            fix="choose other initial times, or other data",
        )
    return times[~np.isin(times, [one.time for one in failures])], failures


def _failures(times: Times, check: Callable[[Times], None]) -> Iterator[DateFailure]:
    for number, time in enumerate(times):
        try:
            check(times[number : number + 1])
        except (DataError, ArtefactError, OSError) as error:
            yield DateFailure(time, error.message if isinstance(error, WxmlError) else str(error))
