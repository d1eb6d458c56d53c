"""The forecasts that a user asks for."""

__all__ = ["ForecastRequest"]

from dataclasses import dataclass
from pathlib import Path

from wxml.artefacts.source_changes import Changes
from wxml.config.forecast_schema import OnError
from wxml.config.schema import ExperimentConfig
from wxml.data.source import DataSource
from wxml.errors import ConfigError, Fault
from wxml.forecasting.execution import with_backend
from wxml.forecasting.planned_output import Ways
from wxml.plugins.options.choices import PluginChoice


@dataclass(frozen=True, slots=True)
class ForecastRequest:
    """The forecasts that the user asks for."""

    checkpoint: Path
    output: Path | tuple[Path, ...] = ()
    """The file, or several, that get the whole forecast; `forecast.outputs` of the config may name further ones."""
    start: str | None = None
    """The first initial time, or `latest`, the last that the data allow; None: the start of the test period, or of the
    validation period if there is no test."""
    end: str | None = None
    """The last initial time; None: `start`, or the end of that period if `start` is None too."""
    every: str | None = None
    """The time between two initial times; None: as the task says, such as the model's time step."""
    lead_time: str | None = None
    """The last lead time; None: `forecast.lead_time` of the config. Only of a task that feeds its outputs back."""
    source: PluginChoice | DataSource | None = None
    """Other data than those of the training, or what opens them."""
    overwrite: bool = False
    members: int | None = None
    """The number of forecasts from each state; None: `forecast.members` of the config."""
    spread: bool = False
    """Write the standard deviations, too; False: as `forecast.spread` of the config says."""
    changed: Changes | None = None
    """The config of the checkpoint with changes to `forecast`; the provenance of the forecast records it."""
    dates: tuple[str, ...] = ()
    """The initial times one by one, in any order; then `start`, `end` and `every` are None."""
    on_error: OnError | None = None
    """What an initial time does that has not its inputs; None: as `forecast.on_error` of the config says."""

    member: str | None = None
    """The members that are made, by their numbers, such as `17` or `0-9,12`; None: all."""
    resume: bool = False
    """Go on with what a command that was killed has left of the output, or begin it; keep what a failure leaves."""
    append: bool = False
    """Add the initial times to an output that is there."""
    clean: bool = False
    """First remove what dead commands have left in the folders of the outputs."""

    @property
    def ways(self) -> Ways:
        """What is done with files that are there."""
        return Ways(self.overwrite, self.resume, self.append)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files that get the whole forecast."""
        return self.output if isinstance(self.output, tuple) else (self.output,)

    @property
    def other_source(self) -> PluginChoice | DataSource | None:
        """Other data than those of the training: changes to `data.source`, or `forecast.inputs.initial`."""
        return self.source or (self.changed and self.changed.config.forecast.inputs.initial) or None

    def config_of(self, recorded: ExperimentConfig) -> ExperimentConfig:
        """The config of the forecast from that of the checkpoint.

        Raises:
            ConfigError: no part of the model has the `forecast.backend`, or two sources have the initial states.
        """
        section = self.changed.config.forecast if self.changed else recorded.forecast
        if isinstance(self.source, PluginChoice) and section.inputs.initial is not None:
            problem = "it has the initial states, and so has the changed `data.source`"
            raise ConfigError([Fault("forecast.inputs.initial", problem)], fix="give one of the two")
        return with_backend(recorded.model_copy(update={"forecast": section}))
