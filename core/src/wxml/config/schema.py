"""The schema of a config: every section, key, type and default. The options of a plugin stand beside its name."""

__all__ = ["ExperimentConfig"]

from typing import Annotated

import numpy as np
from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from wxml.config.data_schema import DataConfig
from wxml.config.forecast_schema import ForecastConfig, check_members, check_spread
from wxml.config.fork import TrainerChoice
from wxml.config.model_schema import ModelConfig
from wxml.config.section import Section
from wxml.data.times import parse_duration
from wxml.errors import DataError
from wxml.plugins.options.choices import Kind, PluginChoice, named_by_key


class ExperimentConfig(Section):
    """One experiment: data, graph, model, training, forecast, verification."""

    seed: Annotated[int, Field(ge=-(2**63), lt=2**64)] = 0
    """The seed of all random numbers."""
    data: DataConfig
    """The data that the model learns from."""
    graph: Annotated[PluginChoice, Kind("graph-builder")]
    """The mesh, and how it is connected to the grid."""
    model: ModelConfig
    """Encoder, processor, decoder."""
    training: Annotated[TrainerChoice, Kind("trainer")]
    """How the weights are found."""
    forecast: Annotated[ForecastConfig, Field(validate_default=True)] = ForecastConfig()
    """The settings of forecasts."""
    verification: Annotated[PluginChoice, Kind("verifier")] = PluginChoice(plugin="scorecard")
    """How forecasts are scored."""
    extensions: Annotated[dict[str, PluginChoice], BeforeValidator(named_by_key), Kind("extension", by_key=True)] = {}
    """Sections of packages, each under the name of its plugin, with its options: data that their own code reads."""

    @field_validator("model")
    @classmethod
    def _has_changes(cls, model: ModelConfig, info: ValidationInfo) -> ModelConfig:
        data = info.data.get("data")
        if data and not model.input_last_state and data.input_steps < 2:
            raise DataError(
                "`input_last_state: false` leaves the changes between the input states, and there is one of these",
                fix="set `data.input_steps` to 2 or more, or leave `input_last_state` out",
            )
        return model

    @field_validator("forecast")
    @classmethod
    def _whole_steps(cls, forecast: ForecastConfig, info: ValidationInfo) -> ForecastConfig:
        data = info.data.get("data")
        is_even = data and not data.task.options and data.task.plugin.rpartition(":")[2] == "forecast"
        if (
            data
            and is_even
            and parse_duration(forecast.lead_time) % parse_duration(data.timestep) != np.timedelta64(0, "s")
        ):
            raise DataError(
                f"`lead_time` must be a whole number of time steps of {data.timestep}, got {forecast.lead_time}",
                fix="change `forecast.lead_time` or `data.timestep`",
            )
        return forecast

    @field_validator("forecast")
    @classmethod
    def _members_differ(cls, forecast: ForecastConfig, info: ValidationInfo) -> ForecastConfig:
        if "model" in info.data:
            check_members(forecast.members, info.data["model"], forecast.perturbations)
            check_spread(forecast.spread, info.data["model"])
        return forecast
