"""Make forecasts: from a checkpoint and initial states to a file."""

__all__ = ["ForecastRequest", "forecast", "reported_forecast"]

from dataclasses import replace
from itertools import chain
from pathlib import Path

from wxml.artefacts.formats import check_suffix, format_plugin
from wxml.artefacts.replacement import check_target, source_paths
from wxml.errors import DataError
from wxml.files.record_file import record_text, write_record
from wxml.files.staging import check_absent, staged
from wxml.forecasting.plan import plan_forecast
from wxml.forecasting.record import forecast_record
from wxml.forecasting.region import Region
from wxml.forecasting.report import ForecastReport
from wxml.forecasting.request import ForecastRequest
from wxml.forecasting.writer import ForecastWriter
from wxml.plugins.create import create
from wxml.plugins.lock import UsedPlugin
from wxml.plugins.options.choices import PluginChoice
from wxml.plugins.resolve import resolve
from wxml.terminal import progress


def forecast(request: ForecastRequest) -> Path:
    """Run the model from every initial time and write the file; return its path; see `reported_forecast`."""
    return reported_forecast(request).paths[0]


def reported_forecast(request: ForecastRequest) -> ForecastReport:
    """Run the model from every initial time, write the file, and say what became of each.

    Raises:
        WxmlError: names what is wrong and the fix; nothing is left behind.
    """
    output = _output(request)
    check_absent(output, overwrite=request.overwrite)
    plan = plan_forecast(request)
    config = plan.experiment.config
    choice = config.forecast.writer or PluginChoice(plugin=format_plugin(output))
    inputs = chain([request.checkpoint], source_paths(config.data.source))
    check_target(output, "forecast", inputs, overwrite=request.overwrite, writer=choice.plugin)
    check_suffix(output, choice.plugin)
    used = UsedPlugin(resolve("forecast-writer", choice.plugin, where="forecast.writer"), choice.options)
    header = replace(plan.header, provenance=forecast_record(plan, request, [used]).to_dict())
    region = config.forecast.region and Region.of(config.forecast.region, header)
    header = region.header(header) if region else header
    with staged(output, overwrite=request.overwrite) as temporary:
        writer: ForecastWriter = create(
            "forecast-writer", choice.plugin, choice.options, str(temporary), where="forecast.writer"
        )
        try:
            writer.open(header)
            for lead_time, field in progress(plan.fields(), len(plan.times) * plan.steps, "forecast"):
                writer.write(region.fields(field) if region else field, lead_time)
        finally:
            writer.close()
        beside = record_text(temporary, header.provenance)
    write_record(output, beside)
    return ForecastReport((output,), plan.times, plan.failures)


def _output(request: ForecastRequest) -> Path:
    if request.output is None:
        raise DataError("`output` of a forecast names no file", fix="name one, such as forecast.zarr")
    return request.output
