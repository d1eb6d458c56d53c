"""The section `forecast` of a config."""

__all__ = [
    "Compiler",
    "FilterChoice",
    "ForecastConfig",
    "ForecastPrecision",
    "InputsConfig",
    "OnError",
    "check_members",
    "check_spread",
]

import re
from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from wxml.config.model_schema import ModelConfig
from wxml.config.output_schema import OutputConfig
from wxml.config.section import Duration, Section, Size
from wxml.data.forcing_reader import WhereMissing
from wxml.data.gaps import WhereOtherGaps
from wxml.errors import DataError
from wxml.plugins.options.choices import Kind, PluginChoice

Compiler = Literal["inductor", "aot-eager"]
"""A backend of `torch.compile`."""
ForecastPrecision = Literal["float32", "bf16", "fp16"]
"""The numbers of the products in the model of a forecast."""

DEVICES = "auto|mps|{0}(,{0})*".format(r"(cpu|cuda(:\d{1,3})?)")
"""What `forecast.device` may be, as a regular expression."""

OnError = Literal["stop", "skip"]
"""What an initial time does whose forecast cannot be made."""


class InputsConfig(Section):
    """The data of forecasts beside those of the training."""

    initial: Annotated[PluginChoice | None, Kind("data-source")] = None
    """The data of the initial states, in place of `data.source`; null: those of the training."""
    constants: Annotated[PluginChoice | None, Kind("data-source")] = None
    """Has the forcings of `data.variables.constant`, at any time; null: the data of the initial states."""
    forcings: Annotated[PluginChoice | None, Kind("data-source")] = None
    """Has the other forcings that are read, at each time; null: the data of the initial states."""
    missing_forcings: WhereMissing = "error"
    """Where forcings end: persist takes their last values, climatology the mean of other years, same hour, ±5 days."""
    other_gaps: WhereOtherGaps = "error"
    """Where values are missing that never were in the training: error stops, accept says so and goes on."""
    boundary: Annotated[PluginChoice | None, Kind("data-source")] = None
    """What is given at the boundary of a limited area; null: with `model.boundary` the data of the initial states."""


class FilterChoice(PluginChoice):
    """A filter of states, and where it stands."""

    where: Literal["input", "step", "output"] = "output"
    """On the states that are read, on what each step feeds back, or on what comes out."""


class ForecastConfig(Section):
    """The settings of forecasts."""

    lead_time: Duration = "48h"
    """How far a forecast goes."""
    inputs: InputsConfig = InputsConfig()
    """The data of forecasts beside those of the training."""
    outputs: tuple[OutputConfig, ...] = ()
    """Files of the forecast, beside those of `--output`, and what each has of it."""
    filters: Annotated[tuple[FilterChoice, ...], Kind("state-filter")] = ()
    """What happens to states, one filter after the other: units, names, limits, sums, observations."""
    writer: Annotated[PluginChoice | None, Kind("forecast-writer")] = None
    """The writer of the files of `--output`; null: their suffixes choose it."""
    on_error: OnError = "stop"
    """An initial time that has not its inputs: stop, before any forecast if that is known; skip makes the others."""
    batch_size: Annotated[int, Field(gt=0)] = 8
    """How many initial times are under way at once."""
    save_state_every: Annotated[int | None, Field(gt=0)] = None
    """So many steps lie between two states from which `--resume` goes on within a forecast; null: none is saved."""
    memory_limit: Size | None = None
    """The memory of forecasts, such as 20GiB: fewer initial times are under way until they fit; null: no limit."""
    together: bool = False
    """Call the model for all forecasts at once: faster on small grids, but last bits then depend on the others."""
    members: Annotated[int, Field(gt=0)] = 1
    """How many forecasts are made from each initial state, by the noise of the model or by `perturbations`."""
    perturbations: Annotated[list[PluginChoice], Kind("perturbation")] = []
    """What is added to the initial state of each member but the control; the differences of several are added up."""
    control: bool = False
    """Member 0 is the control: it starts from the initial state as it is, and the numbers of its noise are 0."""
    spread: bool = False
    """Write the standard deviations of a model with `model.spread`, too, each as its variable's name + `_spread`."""
    device: str = "auto"
    """Where the model runs: cpu, cuda:1, mps, several such as cuda:0,cuda:1; auto: the first of cuda, mps, cpu."""
    precision: ForecastPrecision | None = None
    """The numbers of the products in the model; null: those of the training, where the device has them."""
    compile: Compiler | None = None
    """Compile the model: inductor makes fewer and faster operations, aot-eager the same ones; null: not."""
    threads: Annotated[int | None, Field(gt=0, le=1024)] = None
    """The number of CPU threads; null: as many as torch takes."""
    backend: str | None = None
    """The `backend` of the parts of the model that have one of this name; null: that of the training."""

    @model_validator(mode="after")
    def _known_devices(self) -> Self:
        if re.fullmatch(DEVICES, self.device) is None:
            raise DataError(
                f"`device` must be auto, cpu, cuda, cuda:1 or mps, or several with commas, got {self.device!r}",
                fix="write auto, or the devices as torch names them, such as cuda:0,cuda:1",
            )
        return self


def check_members(members: int, model: ModelConfig, perturbations: Sequence[PluginChoice] = ()) -> None:
    """Check that the members of an ensemble differ.

    Raises:
        DataError: there are several, and neither noise nor a perturbation.
    """
    if members > 1 and model.noise is None and not perturbations:
        raise DataError(
            f"`members` must be 1 for a model without noise, whose members would be equal, got {members}",
            fix="leave `members` out, or perturb the initial states, such as forecast.perturbations='[{plugin: "
            "gaussian}]', or train a model with noise, such as `model.noise: {channels: 4}`",
        )


def check_spread(wanted: bool, model: ModelConfig) -> None:
    """Check that there are standard deviations to write.

    Raises:
        DataError: they are wanted, and the model has none.
    """
    if wanted and model.spread is None:
        raise DataError(
            "`spread` of a forecast is that of a model with `model.spread`, and this one forecasts values alone",
            fix="leave `spread` out, or train a model with `model.spread: {}` and a loss such as gaussian-crps",
        )
