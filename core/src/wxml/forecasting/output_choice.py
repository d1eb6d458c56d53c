"""Which outputs a forecast has: those of the command line, and those of the config."""

__all__ = ["check_outputs", "outputs_of"]

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from wxml.artefacts.formats import check_suffix, format_plugin
from wxml.artefacts.replacement import check_target
from wxml.config.forecast_schema import ForecastConfig
from wxml.data.variables import VariableRoles
from wxml.errors import ArtefactError
from wxml.forecasting.layout import ForecastHeader
from wxml.forecasting.outputs import Output
from wxml.forecasting.view import WHOLE, view_of
from wxml.plugins.options.choices import PluginChoice


def outputs_of(
    paths: Sequence[Path], config: ForecastConfig, header: ForecastHeader, roles: VariableRoles
) -> list[Output]:
    """The files that are to be written, and what each has of the forecast.

    Args:
        paths: those that get all of it.
        config: the settings of the forecast, which may name further ones.
        header: the whole forecast.
        roles: those of the variables in the model.

    Raises:
        ConfigError: an output asks for what the forecast does not have.
        ArtefactError: a path has no suffix that says which format it has.
    """
    outputs = [Output(path, _writer(path, config.writer), "forecast.writer", WHOLE) for path in paths]
    for number, one in enumerate(config.outputs):
        path, where = Path(one.path).expanduser(), f"forecast.outputs.{number}"
        outputs.append(Output(path, _writer(path, one.writer), f"{where}.writer", view_of(one, header, roles, where)))
    return outputs


def _writer(path: Path, chosen: PluginChoice | None) -> PluginChoice:
    return chosen or PluginChoice(plugin=format_plugin(path))


def check_outputs(outputs: Sequence[Output], inputs: Callable[[], Iterable[Path]], *, overwrite: bool) -> None:
    """Refuse outputs that cannot be written, before the first step.

    Args:
        outputs: the files.
        inputs: gives the files and folders that the forecast reads; asked for where an output exists.
        overwrite: replace forecasts that are there.

    Raises:
        ArtefactError: two outputs are one file, one exists and may not be replaced, or a suffix is not that of the
            writer.
    """
    places = [os.path.realpath(output.path) for output in outputs]
    for output, place in zip(outputs, places, strict=True):
        if places.count(place) > 1:
            raise ArtefactError(f"`{output.path}` is an output twice", fix="name each file once")
        paths = inputs() if os.path.lexists(output.path) else ()
        check_target(output.path, "forecast", paths, overwrite=overwrite, writer=output.writer.plugin)
        check_suffix(output.path, output.writer.plugin)
