"""Make forecasts: from a checkpoint and initial states to files."""

__all__ = ["ForecastRequest", "forecast", "reported_forecast"]

from collections.abc import Iterable
from dataclasses import replace
from itertools import chain
from pathlib import Path

from wxml.artefacts.replacement import source_paths
from wxml.files.staging import check_absent
from wxml.forecasting.input_sources import input_choices
from wxml.forecasting.layout import ForecastHeader
from wxml.forecasting.output_choice import check_outputs, outputs_of
from wxml.forecasting.outputs import Output, Step, write_outputs
from wxml.forecasting.plan import plan_forecast
from wxml.forecasting.record import forecast_record
from wxml.forecasting.report import ForecastReport
from wxml.forecasting.request import ForecastRequest
from wxml.plugins.lock import UsedPlugin
from wxml.plugins.resolve import resolve
from wxml.terminal import progress


def forecast(request: ForecastRequest) -> Path:
    """Run the model from every initial time and write the files; return the first path; see `reported_forecast`."""
    return reported_forecast(request).paths[0]


def reported_forecast(request: ForecastRequest) -> ForecastReport:
    """Run the model from every initial time, write the files, and say what became of each.

    Raises:
        WxmlError: names what is wrong and the fix; nothing is left behind.
    """
    for path in request.paths:
        check_absent(path, overwrite=request.overwrite)
    plan = plan_forecast(request)
    config = plan.experiment.config
    outputs = outputs_of(request.paths, config.forecast, plan.header, plan.experiment.roles)

    def inputs() -> Iterable[Path]:
        return chain([request.checkpoint], *map(source_paths, input_choices(config)))

    def header(output: Output) -> ForecastHeader:
        used = UsedPlugin(resolve("forecast-writer", output.writer.plugin, where=output.where), output.writer.options)
        return replace(plan.header, provenance=forecast_record(plan, request, [used]).to_dict())

    check_outputs(outputs, inputs, overwrite=request.overwrite)
    steps: Iterable[Step] = progress(plan.fields(), len(plan.times) * plan.steps, "forecast")
    write_outputs(outputs, header, steps, held=config.forecast.batch_size, overwrite=request.overwrite)
    return ForecastReport(tuple(output.path for output in outputs), plan.times, plan.failures)
