"""From which times forecasts start, and how many steps they make."""

__all__ = ["initial_times_of", "offsets_read", "steps_of"]

import numpy as np
from numpy.typing import NDArray

from wxml.data.call_plan import steps_until
from wxml.data.times import format_time, parse_duration, parse_time
from wxml.errors import ConfigError, DataError, Fault
from wxml.experiment.parts import Experiment
from wxml.forecasting.dates import listed_times
from wxml.forecasting.latest import LATEST, latest_time
from wxml.forecasting.request import ForecastRequest

MOST = 10**6
"""So many initial times are listed of a period without end; the source lacks some of them."""


def steps_of(request: ForecastRequest, experiment: Experiment) -> int:
    """The number of forecast steps.

    Raises:
        DataError: no output is valid at the lead time.
        ConfigError: there is one, and the task feeds nothing back.
    """
    task = experiment.task
    if task.steps is None:
        return steps_until(task, parse_duration(request.lead_time or experiment.config.forecast.lead_time))
    changes = request.changed.origins if request.changed else {}
    if request.lead_time is not None or "forecast.lead_time" in changes:
        name = experiment.config.data.task.plugin
        problem = f"task {name!r} has its own times and feeds nothing back, so it has no `lead_time`"
        raise ConfigError([Fault("forecast.lead_time", problem)], fix="leave --lead-time and `forecast.lead_time` out")
    return task.steps


def initial_times_of(request: ForecastRequest, experiment: Experiment, steps: int) -> NDArray[np.datetime64]:
    """The initial times that the request names, or those of a period; `check_usable` says if their inputs are there."""
    if request.dates:
        return listed_times(request.dates)
    every = experiment.task.spacing if request.every is None else parse_duration(request.every)
    if request.start is None:
        return _period_times(experiment, steps, every, None if request.end is None else parse_time(request.end))
    first = latest_time(experiment, steps) if request.start == LATEST else parse_time(request.start)
    last = first if request.end is None else parse_time(request.end)
    if last < first:
        raise DataError(f"`end` is before `start`, got {request.end!r} and {request.start!r}", fix="exchange the two")
    known = experiment.source.header.times
    return _times_between(first, last, every, known)


def _times_between(
    first: np.datetime64, last: np.datetime64, every: np.timedelta64 | None, known: NDArray[np.datetime64]
) -> NDArray[np.datetime64]:
    """The initial times from `first` to `last`; without a time between them, those that the source has."""
    if every is None:
        inside = known[(known > first) & (known <= last)]
        return np.concatenate([np.atleast_1d(first).astype(known.dtype), inside])
    count = min(int((last - first) // every), max(len(known), MOST))
    times: NDArray[np.datetime64] = first + np.arange(count + 1) * every
    return times


def offsets_read(experiment: Experiment, steps: int) -> NDArray[np.timedelta64]:
    """When states are read from the source, that which was asked for first; without states, when forcings are."""
    if experiment.task.has_states:
        window = experiment.window(1)  # of more steps they are the same, and the list of all its offsets may be long
        return window.offsets[: window.input_steps][::-1]
    window = experiment.window(steps)
    read, _ = experiment.preprocessing.origins(experiment.roles.forcing)
    changing = [name for name in read if name not in experiment.preprocessing.constants]
    return window.offsets[window.forcing_positions] if changing else window.offsets[:0]


def _period_times(
    experiment: Experiment, steps: int, every: np.timedelta64 | None, end: np.datetime64 | None
) -> NDArray[np.datetime64]:
    """The initial times in the test period (else validation) that have their input states and their truth."""
    split = experiment.config.data.split
    if split.test is None and split.validation is None:
        raise DataError(
            "the model was trained without `data.split.test` and `data.split.validation`, whose times would be the "
            "initial times",
            fix="pass --start, and --end for several initial times",
        )
    first, last = split.period("test" if split.test is not None else "validation")
    last = last if end is None else end
    possible = experiment.window(steps).initial_times(experiment.source.header.times)
    inside: NDArray[np.datetime64] = possible[(possible >= first) & (possible <= last)]
    if not len(inside):
        raise DataError(
            f"the source has no initial times between {format_time(first)} and {format_time(last)} with "
            f"{steps} steps of truth after them",
            fix="pass --start and --end, or a shorter --lead-time",
        )
    return inside if every is None else np.asarray(inside[(inside - inside[0]) % every == np.timedelta64(0, "s")])
