"""Make forecasts: from a checkpoint and initial states to files."""

__all__ = ["ForecastRequest", "forecast", "reported_forecast"]

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path

from wxml.artefacts.replacement import source_paths
from wxml.errors import DataError
from wxml.files.staging import check_absent
from wxml.forecasting.input_sources import input_choices
from wxml.forecasting.kept_output import refuse_unfinished
from wxml.forecasting.layout import ForecastHeader
from wxml.forecasting.output_choice import check_outputs, outputs_of
from wxml.forecasting.outputs import Output, Receiver, Step, planned, write_outputs
from wxml.forecasting.plan import ForecastPlan, plan_forecast
from wxml.forecasting.planned_output import PlannedOutput
from wxml.forecasting.record import forecast_record
from wxml.forecasting.report import ForecastReport
from wxml.forecasting.request import ForecastRequest
from wxml.forecasting.restart import appended, begun_at, left_to_do, tell_leftovers, without_whole
from wxml.forecasting.saved_state import StateFile, read_state
from wxml.forecasting.state_keeper import StateKeeper
from wxml.plugins.lock import UsedPlugin
from wxml.plugins.resolve import resolve
from wxml.terminal import progress

logger = logging.getLogger("wxml")

NewReceiver = Callable[[ForecastHeader], Receiver]


def forecast(request: ForecastRequest) -> Path:
    """Run the model from every initial time and write the files; return the first path; see `reported_forecast`."""
    return reported_forecast(request).paths[0]


def reported_forecast(request: ForecastRequest, receiver: NewReceiver | None = None) -> ForecastReport:
    """Run the model from every initial time, write the files, and say what became of each.

    Args:
        request: what is asked for.
        receiver: makes what takes all steps beside the files, from the header of the whole forecast; then there may be
            no file.

    Raises:
        WxmlError: names what is wrong and the fix; nothing is left behind.
    """
    ways = request.ways
    _look_around(request.paths, request)
    plan = plan_forecast(request)
    config = plan.experiment.config
    outputs = outputs_of(request.paths, config.forecast, plan.header, plan.experiment.roles)

    if not outputs and receiver is None:
        raise DataError(
            "neither `--output` nor `forecast.outputs` names a file", fix="name one, such as --output forecast.zarr"
        )

    def inputs() -> Iterable[Path]:
        return chain([request.checkpoint], *map(source_paths, input_choices(config)))

    _look_around([one.path for one in outputs if one.path not in request.paths], request)
    check_outputs(outputs, inputs, overwrite=ways.overwrite or ways.resume or ways.append)
    files = {one.path: _planned(one, plan, request) for one in outputs}
    state = _state_file(plan, list(files.values())) if receiver is None else None
    if state:
        files = {path: replace(file, state=state.path) for path, file in files.items()}
    try:
        lacking = without_whole(list(files.values()), ways)
        if lacking or receiver:
            begun = [(one, files[one.path]) for one in outputs if files[one.path] in lacking]
            _make(begun, plan, request, state, receiver)
    finally:
        if state:
            state.remove_unless_needed(list(files))
    return ForecastReport(tuple(output.path for output in outputs), plan.times, plan.failures)


def _make(
    outputs: Sequence[tuple[Output, PlannedOutput]],
    plan: ForecastPlan,
    request: ForecastRequest,
    state: StateFile | None,
    receiver: NewReceiver | None,
) -> None:
    """Make the forecasts that some output lacks, from a saved state on if there is one."""
    chosen, lacking = plan.experiment.config.forecast, [file for _, file in outputs]
    times = left_to_do(lacking, plan.times, chosen.batch_size) if lacking else plan.times
    keeper, there, moment = None, 0, None
    if state and chosen.save_state_every:
        saved = read_state(state) if request.resume else None
        begun = begun_at(lacking, saved, times, chosen.batch_size)
        keeper = StateKeeper(chosen.save_state_every, state, begun)
        there, moment = (begun.steps * len(begun.moment.times), begun.moment) if begun else (0, None)
    fields = replace(plan, times=times).fields(keeper)
    steps: Iterable[Step] = progress(fields, len(times) * plan.steps - there, "forecast")
    header = replace(plan.header, provenance=forecast_record(plan, request, []).to_dict())
    others = [partial(receiver, header)] if receiver else []
    files = [(one, replace(file, begins=moment)) for one, file in outputs]
    write_outputs(files, steps, held=chosen.batch_size, ways=request.ways, others=others, keeper=keeper)


def _state_file(plan: ForecastPlan, files: Sequence[PlannedOutput]) -> StateFile | None:
    """Where states are saved, if they are, and if the model is called for one step after the other."""
    if plan.experiment.config.forecast.save_state_every is None:
        return None
    if plan.experiment.plan(plan.steps).calls is not None:
        logger.warning("no state is saved: the task of this model has calls of its own")
        return None
    return StateFile.beside(files[0].path, [one.settings for one in files])


def _look_around(paths: Sequence[Path], request: ForecastRequest) -> None:
    """Name or remove what dead commands have left, and refuse paths at which something is."""
    ways = request.ways
    goes_on = ways.overwrite or ways.resume
    tell_leftovers(paths, clean=request.clean, known=paths if goes_on else ())
    for path in paths:
        check_absent(path, overwrite=goes_on or ways.append)
        if not goes_on:
            refuse_unfinished(path)


def _planned(output: Output, plan: ForecastPlan, request: ForecastRequest) -> PlannedOutput:
    used = UsedPlugin(resolve("forecast-writer", output.writer.plugin, where=output.where), output.writer.options)
    header = replace(plan.header, provenance=forecast_record(plan, request, [used]).to_dict())
    file = planned(output, header)
    return appended(file, request.ways, output.writer.plugin) if request.ways.append else file
