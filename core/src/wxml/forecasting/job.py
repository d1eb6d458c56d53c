"""Make forecasts: from a checkpoint and initial states to a file."""

__all__ = ["ForecastRequest", "forecast"]

from dataclasses import replace
from itertools import chain
from pathlib import Path

from wxml.artefacts.formats import check_suffix, format_plugin
from wxml.artefacts.provenance import Provenance
from wxml.artefacts.replacement import check_target, source_paths
from wxml.config.plugin_use import FORECAST, used_plugins
from wxml.experiment import describe_source
from wxml.files.record_file import record_text, write_record
from wxml.files.staging import check_absent, staged
from wxml.forecasting.plan import ForecastPlan, plan_forecast
from wxml.forecasting.region import Region
from wxml.forecasting.request import ForecastRequest
from wxml.forecasting.writer import ForecastWriter
from wxml.plugins.create import create
from wxml.plugins.lock import UsedPlugin, lock
from wxml.plugins.options.choices import PluginChoice
from wxml.plugins.resolve import resolve
from wxml.terminal import progress


def forecast(request: ForecastRequest) -> Path:
    """Run the model from every initial time and write the file; return its path.

    Raises:
        WxmlError: names what is wrong and the fix; nothing is left behind.
    """
    check_absent(request.output, overwrite=request.overwrite)
    plan = plan_forecast(request)
    config = plan.experiment.config
    choice = config.forecast.writer or PluginChoice(plugin=format_plugin(request.output))
    _check_output(request, config.data.source, choice)
    check_suffix(request.output, choice.plugin)
    header = replace(plan.header, provenance=_record(plan, choice, request).to_dict())
    region = config.forecast.region and Region.of(config.forecast.region, header)
    header = region.header(header) if region else header
    with staged(request.output, overwrite=request.overwrite) as temporary:
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
    write_record(request.output, beside)
    return request.output


def _check_output(request: ForecastRequest, source: PluginChoice, writer: PluginChoice) -> None:
    """Refuse an output that exists, unless it is a forecast that may be replaced."""
    inputs = chain([request.checkpoint], source_paths(source))
    check_target(request.output, "forecast", inputs, overwrite=request.overwrite, writer=writer.plugin)


def _record(plan: ForecastPlan, writer: PluginChoice, request: ForecastRequest) -> Provenance:
    """The provenance of the forecast; it has a config of its own where that differs from the checkpoint's."""
    is_changed, experiment = request.source is not None or request.changed is not None, plan.experiment
    boundary = {"boundary": plan.boundary.record()} if plan.boundary else {}
    written_by = UsedPlugin(resolve("forecast-writer", writer.plugin, where="forecast.writer"), writer.options)
    return Provenance(
        artefact="forecast",
        plugins=lock([*used_plugins(experiment.config, FORECAST), written_by]),
        data={**describe_source(experiment.source), **boundary},
        parents=[experiment.provenance.to_dict()],
        config=experiment.config.model_dump(mode="json") if is_changed else {},
        origins=request.changed.origins if request.changed else {},
        execution=plan.execution.to_dict(),
    )
