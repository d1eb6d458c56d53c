"""Make forecasts: from a checkpoint and initial states to a file."""

__all__ = ["ForecastRequest", "forecast"]

import logging
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wxml.artefacts.formats import check_suffix, format_plugin
from wxml.artefacts.provenance import Provenance
from wxml.artefacts.replacement import check_target, source_paths
from wxml.artefacts.source_changes import Changes
from wxml.config.forecast_schema import check_members, check_spread
from wxml.config.plugin_use import FORECAST, used_plugins
from wxml.config.schema import ExperimentConfig
from wxml.data.call_plan import steps_until
from wxml.data.times import format_time, parse_duration, parse_time
from wxml.errors import ConfigError, DataError, Fault
from wxml.experiment import VALUE, Experiment, describe_source, restore
from wxml.files.record_file import record_text, write_record
from wxml.files.staging import check_absent, staged
from wxml.forecasting.boundary import BoundaryForcing
from wxml.forecasting.execution import execution_of, with_backend
from wxml.forecasting.layout import ForecastHeader, spread_variable
from wxml.forecasting.region import Region
from wxml.forecasting.rollout import rollout
from wxml.forecasting.writer import ForecastWriter
from wxml.memory import check_memory
from wxml.plugins.create import create
from wxml.plugins.lock import UsedPlugin, lock
from wxml.plugins.options.choices import PluginChoice
from wxml.plugins.resolve import resolve
from wxml.terminal import progress

logger = logging.getLogger("wxml")


@dataclass(frozen=True, slots=True)
class ForecastRequest:
    """The forecasts that the user asks for."""

    checkpoint: Path
    output: Path
    start: str | None = None
    """The first initial time; None: the start of the test period, or of the validation period if there is no test."""
    end: str | None = None
    """The last initial time; None: `start`, or the end of that period if `start` is None too."""
    every: str | None = None
    """The time between two initial times; None: as the task says, such as the model's time step."""
    lead_time: str | None = None
    """The last lead time; None: `forecast.lead_time` of the config. Only of a task that feeds its outputs back."""
    source: PluginChoice | None = None
    """Other data than those of the training."""
    overwrite: bool = False
    members: int | None = None
    """The number of forecasts that a model with noise makes from each state; None: `forecast.members` of the config."""
    spread: bool = False
    """Write the standard deviations, too; False: as `forecast.spread` of the config says."""
    changed: Changes | None = None
    """The config of the checkpoint with changes to `forecast`; the provenance of the forecast records it."""

    def config_of(self, recorded: ExperimentConfig) -> ExperimentConfig:
        """The config of the forecast from that of the checkpoint.

        Raises:
            ConfigError: no part of the model has the `forecast.backend`.
        """
        section = self.changed.config.forecast if self.changed else recorded.forecast
        return with_backend(recorded.model_copy(update={"forecast": section}))


def forecast(request: ForecastRequest) -> Path:
    """Run the model from every initial time and write the file; return its path.

    Raises:
        WxmlError: names what is wrong and the fix; nothing is left behind.
    """
    check_absent(request.output, overwrite=request.overwrite)
    experiment, model = restore(request.checkpoint, source=request.source, change=request.config_of)
    execution = execution_of(experiment.config)
    execution.place(model)
    config, source = experiment.config, experiment.source.header
    steps = _steps(request, experiment)
    members = request.members or config.forecast.members
    check_members(members, config.model)
    spread = request.spread or config.forecast.spread
    check_spread(spread, config.model)
    times = _initial_times(request, experiment, steps)
    _check_memory(experiment, min(config.forecast.batch_size, len(times)), members, steps)
    logger.info("forecast: %d initial times from %s, %d steps", len(times), times[0], steps)
    boundary = BoundaryForcing.of(experiment)
    if boundary:
        boundary.check_times(times, experiment.window(steps).lead_times)
    choice = config.forecast.writer or PluginChoice(plugin=format_plugin(request.output))
    _check_output(request, config.data.source, choice)
    check_suffix(request.output, choice.plugin)
    header = ForecastHeader(
        replace(source.grid, parts=experiment.preprocessing.places.parts),
        (*experiment.output_variables, *(map(spread_variable, experiment.output_variables) if spread else ())),
        times,
        experiment.window(steps).lead_times,
        members * source.members,
        replace(_record(experiment, choice, request, boundary), execution=execution.to_dict()).to_dict(),
        experiment.boundary,
    )
    region = config.forecast.region and Region.of(config.forecast.region, header)
    header, at_once = region.header(header) if region else header, config.forecast.batch_size
    fields = rollout(
        experiment, model, times, steps, batch_size=at_once, members=members, spread=spread, execution=execution
    )
    with execution.settled(), staged(request.output, overwrite=request.overwrite) as temporary:
        writer: ForecastWriter = create(
            "forecast-writer", choice.plugin, choice.options, str(temporary), where="forecast.writer"
        )
        try:
            writer.open(header)
            for lead_time, field in progress(fields, len(times) * steps, "forecast"):
                writer.write(region.fields(field) if region else field, lead_time)
        finally:
            writer.close()
        beside = record_text(temporary, header.provenance)
    write_record(request.output, beside)
    return request.output


def _check_memory(experiment: Experiment, at_once: int, members: int, steps: int) -> None:
    """Refuse forecasts whose inputs and first outputs alone do not fit the free memory; the model takes more."""
    roles, source, window = experiment.roles, experiment.source.header, experiment.window(steps)
    forecast = len(roles.output) * (1 if experiment.config.model.spread is None else 2)
    values = window.input_steps * len(roles.prognostic) + len(window) * len(roles.forcing) + forecast
    count = at_once * members * source.members
    check_memory(
        VALUE * (count * values * len(source.grid) + steps),
        f"a batch of {count:,} forecasts ({at_once:,} initial times, each {members * source.members:,} members) of "
        f"{steps:,} steps",
        fix="reduce `members`, `forecast.batch_size` or `lead_time`",
    )


def _check_output(request: ForecastRequest, source: PluginChoice, writer: PluginChoice) -> None:
    """Refuse an output that exists, unless it is a forecast that may be replaced."""
    inputs = chain([request.checkpoint], source_paths(source))
    check_target(request.output, "forecast", inputs, overwrite=request.overwrite, writer=writer.plugin)


def _steps(request: ForecastRequest, experiment: Experiment) -> int:
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


def _initial_times(request: ForecastRequest, experiment: Experiment, steps: int) -> NDArray[np.datetime64]:
    """The initial times that the request names, or those of a period; the source has the input states of each."""
    every = experiment.task.spacing if request.every is None else parse_duration(request.every)
    if request.start is None:
        return _period_times(experiment, steps, every, None if request.end is None else parse_time(request.end))
    first = parse_time(request.start)
    last = first if request.end is None else parse_time(request.end)
    if last < first:
        raise DataError(f"`end` is before `start`, got {request.end!r} and {request.start!r}", fix="exchange the two")
    known = experiment.source.header.times
    times = _times_between(first, last, every, known)
    for offset in _offsets_read(experiment, steps):
        experiment.source.header.time_indices(times + offset)
    return times


def _times_between(
    first: np.datetime64, last: np.datetime64, every: np.timedelta64 | None, known: NDArray[np.datetime64]
) -> NDArray[np.datetime64]:
    """The initial times from `first` to `last`; without a time between them, those that the source has."""
    if every is None:
        inside = known[(known > first) & (known <= last)]
        return np.concatenate([np.atleast_1d(first).astype(known.dtype), inside])
    count = min(int((last - first) // every), len(known))  # one time more than the source has is one that it lacks
    times: NDArray[np.datetime64] = first + np.arange(count + 1) * every
    return times


def _offsets_read(experiment: Experiment, steps: int) -> NDArray[np.timedelta64]:
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


def _record(
    experiment: Experiment, writer: PluginChoice, request: ForecastRequest, boundary: BoundaryForcing | None
) -> Provenance:
    """The provenance of the forecast; it has a config of its own where that differs from the checkpoint's."""
    is_changed = request.source is not None or request.changed is not None
    written_by = UsedPlugin(resolve("forecast-writer", writer.plugin, where="forecast.writer"), writer.options)
    return Provenance(
        artefact="forecast",
        plugins=lock([*used_plugins(experiment.config, FORECAST), written_by]),
        data={**describe_source(experiment.source), **({"boundary": boundary.record()} if boundary else {})},
        parents=[experiment.provenance.to_dict()],
        config=experiment.config.model_dump(mode="json") if is_changed else {},
        origins=request.changed.origins if request.changed else {},
    )
