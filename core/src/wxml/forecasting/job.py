"""Make forecasts: from a checkpoint and initial states to a file."""

__all__ = ["ForecastRequest", "forecast"]

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wxml.artefacts.formats import format_plugin
from wxml.artefacts.provenance import Provenance
from wxml.artefacts.source_changes import Changes
from wxml.config.plugin_use import FORECAST, used_plugins
from wxml.config.schema import PluginChoice, check_members
from wxml.data.times import format_duration, format_time, parse_duration, parse_time
from wxml.errors import DataError
from wxml.experiment import Experiment, describe_source, restore
from wxml.files.staging import check_absent, staged
from wxml.forecasting.layout import ForecastHeader
from wxml.forecasting.rollout import rollout
from wxml.forecasting.writer import ForecastWriter
from wxml.plugins.create import create
from wxml.plugins.lock import UsedPlugin, lock
from wxml.plugins.resolve import resolve
from wxml.terminal import progress

logger = logging.getLogger("wxml")


@dataclass(frozen=True, slots=True)
class ForecastRequest:
    """What to forecast."""

    checkpoint: Path
    output: Path
    start: str | None = None
    """The first initial time; None: where the test period begins (the validation period, where there is no test)."""
    end: str | None = None
    """The last initial time; None: `start`, or the end of that period where `start` is None too."""
    every: str | None = None
    """Between initial times; None: the model's time step."""
    lead_time: str | None = None
    """How far; None: what the config says."""
    source: PluginChoice | None = None
    """Other data than those of the training."""
    overwrite: bool = False
    members: int | None = None
    """How many forecasts a model with noise makes from each initial state; None: what the config says."""
    changed: Changes | None = None
    """The config of the checkpoint with changes to `forecast`; the provenance of the forecast records it."""


def forecast(request: ForecastRequest) -> Path:
    """Run the model from every initial time and write the file; return its path.

    Raises:
        WxmlError: names what is wrong and the fix; nothing is left behind.
    """
    check_absent(request.output, overwrite=request.overwrite)
    experiment, model = restore(request.checkpoint, source=request.source)
    if request.changed:
        config = experiment.config.model_copy(update={"forecast": request.changed.config.forecast})
        experiment = replace(experiment, config=config)
    timestep = parse_duration(experiment.config.data.timestep)
    steps = _steps(request.lead_time or experiment.config.forecast.lead_time, timestep)
    members = request.members or experiment.config.forecast.members
    check_members(members, experiment.config.model)
    times = _initial_times(request, experiment, steps)
    logger.info("forecast: %d initial times from %s, %d steps", len(times), times[0], steps)
    choice = _writer_choice(experiment, request.output)
    record = _record(experiment, choice, request.changed)
    lead_times = np.arange(1, steps + 1) * timestep
    source = experiment.source.header
    header = ForecastHeader(
        source.grid, experiment.output_variables, times, lead_times, members * source.members, record.to_dict()
    )
    batch_size = experiment.config.forecast.batch_size
    fields = rollout(experiment, model, times, steps, batch_size=batch_size, members=members)
    with staged(request.output, overwrite=request.overwrite) as temporary:
        writer = _writer(choice, temporary)
        try:
            writer.open(header)
            for lead_time, field in progress(fields, len(times) * steps, "forecast"):
                writer.write(field, lead_time)
        finally:
            writer.close()
    return request.output


def _steps(lead_time: str, timestep: np.timedelta64) -> int:
    steps = int(parse_duration(lead_time) // timestep)
    if steps * timestep != parse_duration(lead_time):
        raise DataError(
            f"`lead_time` must be a multiple of the time step of {format_duration(timestep)}, got {lead_time!r}",
            fix=f"choose {format_duration(max(steps, 1) * timestep)}",
        )
    return steps


def _initial_times(request: ForecastRequest, experiment: Experiment, steps: int) -> NDArray[np.datetime64]:
    """Every initial time that was asked for; the source must have the input states of each."""
    if request.start is None:
        return _period_times(request, experiment, steps)
    first = parse_time(request.start)
    last = first if request.end is None else parse_time(request.end)
    times = np.arange(first, last + np.timedelta64(1, "s"), _between(request, experiment))
    if not len(times):
        raise DataError(f"`end` is before `start`, got {request.end!r} and {request.start!r}", fix="exchange the two")
    for offset in reversed(experiment.window(0).offsets):  # the time that was asked for first
        experiment.source.header.time_indices(times + offset)
    return times


def _period_times(request: ForecastRequest, experiment: Experiment, steps: int) -> NDArray[np.datetime64]:
    """Of the period kept for testing, those initial times whose input states and whose truth the source has."""
    split = experiment.config.data.split
    first, last = split.period("test" if split.test is not None else "validation")
    if request.end is not None:
        last = parse_time(request.end)
    possible = experiment.window(steps).initial_times(experiment.source.header.times)
    inside: NDArray[np.datetime64] = possible[(possible >= first) & (possible <= last)]
    if not len(inside):
        raise DataError(
            f"the source has no initial times between {format_time(first)} and {format_time(last)} with "
            f"{steps} steps of truth after them",
            fix="pass --start and --end, or a shorter --lead-time",
        )
    return np.asarray(inside[(inside - inside[0]) % _between(request, experiment) == np.timedelta64(0, "s")])


def _between(request: ForecastRequest, experiment: Experiment) -> np.timedelta64:
    return parse_duration(request.every or experiment.config.data.timestep)


def _record(experiment: Experiment, writer: PluginChoice, changed: Changes | None) -> Provenance:
    """The provenance of the forecast."""
    written_by = UsedPlugin(resolve("forecast-writer", writer.plugin, where="forecast.writer"), writer.options)
    return Provenance(
        artefact="forecast",
        plugins=lock([*used_plugins(experiment.config, FORECAST), written_by]),
        data=describe_source(experiment.source),
        parents=[experiment.provenance.to_dict()],
        **(changed.record() if changed else {}),
    )


def _writer_choice(experiment: Experiment, output: Path) -> PluginChoice:
    """What the config says, else what knows the suffix of the output."""
    return experiment.config.forecast.writer or PluginChoice(plugin=format_plugin(output))


def _writer(choice: PluginChoice, temporary: Path) -> ForecastWriter:
    writer: ForecastWriter = create(
        "forecast-writer", choice.plugin, choice.options, str(temporary), where="forecast.writer"
    )
    return writer
