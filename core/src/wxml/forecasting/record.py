"""The provenance of a forecast."""

__all__ = ["forecast_record"]

from collections.abc import Sequence
from dataclasses import replace

from wxml.artefacts.brief_files import with_brief_files
from wxml.artefacts.provenance import Provenance
from wxml.config.plugin_use import FORECAST, used_plugins
from wxml.data.source import DataSource
from wxml.experiment.parts import describe_source
from wxml.forecasting.input_sources import inputs_record
from wxml.forecasting.plan import ForecastPlan
from wxml.forecasting.request import ForecastRequest
from wxml.plugins.lock import UsedPlugin, lock


def forecast_record(plan: ForecastPlan, request: ForecastRequest, beside: Sequence[UsedPlugin]) -> Provenance:
    """The provenance of a forecast; it has a config of its own where that differs from the checkpoint's.

    Args:
        plan: what is run.
        request: what was asked for.
        beside: the plugins that are used and that the config does not name, such as the writer.
    """
    experiment, is_open = plan.experiment, isinstance(request.source, DataSource)
    is_changed = request.changed is not None or (not is_open and request.other_source is not None)
    is_changed = is_changed or experiment.config.forecast.inputs.initial is not None
    boundary = {"boundary": plan.boundary.record()} if plan.boundary else {}
    record = Provenance(
        artefact="forecast",
        plugins=lock([*used_plugins(experiment.config, FORECAST - {"data-source"} if is_open else FORECAST), *beside]),
        data={**describe_source(experiment.source), **inputs_record(experiment), **boundary},
        parents=[with_brief_files(experiment.provenance.to_dict())],
        config=experiment.config.model_dump(mode="json") if is_changed else {},
        origins=request.changed.origins if request.changed else {},
        execution=plan.execution.to_dict(),
    )
    if request.source is not None:
        return record
    return replace(record, data=with_brief_files(record.to_dict())["data"])  # the checkpoint has the list
