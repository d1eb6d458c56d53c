"""The schema of a config: every section, key, type and default. The options of a plugin stand beside its name."""

__all__ = [
    "ActivationCheckpointingConfig",
    "BoundaryConfig",
    "BoundingConfig",
    "DataConfig",
    "ExperimentConfig",
    "ForecastConfig",
    "InputsConfig",
    "Kind",
    "MissingConfig",
    "ModelConfig",
    "NoiseConfig",
    "PluginChoice",
    "RelaxationConfig",
    "SplitConfig",
    "SpreadConfig",
    "TrainableConfig",
    "VariablesConfig",
    "check_members",
    "check_spread",
    "size_in_bytes",
]

from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import (
    BaseModel,
    BeforeValidator,
    ByteSize,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from wxml.config.fork import TrainerChoice
from wxml.data.times import parse_duration, parse_time
from wxml.errors import DataError
from wxml.plugins.options.choices import Kind, PluginChoice, named_by_key

SECOND = np.timedelta64(1, "s")
SIZE = TypeAdapter(ByteSize)


def check_duration(text: Any) -> str:
    """Return a duration as it was written, if it is one."""
    parse_duration(text)
    return str(text)


def check_size(text: Any) -> str:
    """Return an amount of memory as it was written, if it is one."""
    size_in_bytes(text)
    return str(text)


def size_in_bytes(text: Any) -> ByteSize:
    """A positive amount of memory; GiB counts in 1024s, GB in 1000s.

    >>> size_in_bytes("1.5GiB"), size_in_bytes("20 GB")
    (1610612736, 20000000000)

    Raises:
        DataError: `text` is none, or has no unit.
    """
    try:
        size = SIZE.validate_python(text) if str(text).strip().lower().endswith("b") else ByteSize(0)
    except ValidationError:
        size = ByteSize(0)
    if size < 1:
        raise DataError(
            f"an amount of memory must be a positive number and a unit, got {text!r}",
            fix="write it like '512MiB', '20GiB' or '20GB'",
        )
    return size


def check_period(value: Any) -> tuple[str, str]:
    """Return a start and an end as they were written, if they are times in order."""
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise DataError(
            f"a period must be a pair [start, end], got {value!r}",
            fix="write it like [2000-01-01, 2000-10-31]",
        )
    start, end = (check_time(str(time)) for time in value)
    if first_instant(start) > last_instant(end):
        raise DataError(f"a period must not end before it starts, got [{start}, {end}]", fix="exchange the two")
    return start, end


def check_time(text: str) -> str:
    """A date or date-time in UTC without the `Z` that says so."""
    text = text.removesuffix("Z").removesuffix("+00:00")
    parse_time(text)
    return text


def first_instant(text: str) -> np.datetime64:
    """The first second of a date; a date-time is that instant."""
    return parse_time(text)


def last_instant(text: str) -> np.datetime64:
    """The last second of a date, a month or a year; a date-time is that instant."""
    time = np.datetime64(text)
    unit: Any = np.datetime_data(time)[0]
    if unit in ("Y", "M", "D"):
        return parse_time(time + np.timedelta64(1, unit)) - SECOND
    return parse_time(text)


Compiler = Literal["inductor", "aot-eager"]
"""A backend of `torch.compile`."""
ForecastPrecision = Literal["float32", "bf16", "fp16"]
"""The numbers of the products in the model of a forecast."""
Duration = Annotated[str, BeforeValidator(check_duration)]
Size = Annotated[str, BeforeValidator(check_size)]
Period = Annotated[tuple[str, str], BeforeValidator(check_period)]


class Section(BaseModel):
    """A part of the config: unknown keys are refused, and nothing changes after validation."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class MissingConfig(Section):
    """Where a forecast has no value of a variable: where another one is missing, or lies beyond a limit."""

    where: str
    """A prognostic variable, or a forcing of the source, read at the last input time."""
    above: float | None = None
    """There is no value where it is above this, physical units; null: no limit."""
    below: float | None = None
    """There is no value where it is below this, physical units; null: no limit; without both: where it is missing."""


class VariablesConfig(Section):
    """The role that each variable plays."""

    prognostic: list[str] | None = None
    """Variables that go into the model and come out; null: all that have no other role."""
    forcing: list[str] = []
    """Variables that only go in."""
    constant: list[str] = []
    """Those of `forcing` that never change, such as orography: a forecast keeps their value at its first input time."""
    diagnostic: list[str] = []
    """Variables that only come out."""
    imputed: list[str] = []
    """Prognostic variables of which the model also reads where a transform filled in the value: 1 there, else 0."""
    missing: dict[str, MissingConfig] = {}
    """Where forecasts of a variable have no value; a prognostic one not named here: where the last state has none."""

    @model_validator(mode="after")
    def _one_role_each(self) -> Self:
        names = [*(self.prognostic or []), *self.forcing, *self.diagnostic]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise DataError(f"a variable has one role, got {twice} more than once", fix="keep each name in one list")
        other = [name for name in self.constant if name not in self.forcing]
        if other:
            raise DataError(f"`constant` names {other}, which are not in `forcing`", fix="add them to `forcing` too")
        return self


class SplitConfig(Section):
    """The periods for training, validation and test: inclusive, in UTC; a bare date as an end means its whole day."""

    training: Period
    """The times that weights and statistics are made from."""
    validation: Period | None = None
    """The times that are watched while training."""
    test: Period | None = None
    """The times that are kept for the final scores."""

    def period(self, name: str) -> tuple[np.datetime64, np.datetime64]:
        """The first and the last instant of a split, both inclusive, `datetime64[s]`.

        >>> SplitConfig(training=("2000-01-01", "2000-10-31")).period("training")[1]
        np.datetime64('2000-10-31T23:59:59')

        Raises:
            DataError: the config has no such split.
        """
        pair = getattr(self, name) if name in type(self).model_fields else None
        if pair is None:
            raise DataError(
                f"the config has no period `data.split.{name}`",
                fix=f"write `data.split.{name}: [start, end]`",
            )
        return first_instant(pair[0]), last_instant(pair[1])


class DataConfig(Section):
    """The data that the model learns from."""

    source: Annotated[PluginChoice, Kind("data-source")]
    """The source of the data."""
    variables: VariablesConfig = VariablesConfig()
    """The role that each variable plays."""
    task: Annotated[PluginChoice, Kind("task")] = PluginChoice(plugin="forecast")
    """What the model is for: the times that it reads and gives."""
    timestep: Duration = "6h"
    """How far one step of the model goes."""
    input_steps: Annotated[int, Field(ge=1)] = 2
    """How many instants go into the model."""
    output_steps: Annotated[int, Field(ge=1)] = 1
    """How many time steps the model forecasts at once."""
    split: SplitConfig
    """The times for training, validation and test."""
    transforms: Annotated[list[PluginChoice], Kind("transform")] = [PluginChoice(plugin="normalise")]
    """The transforms from physical to model values, in this order."""
    forcings: Annotated[list[PluginChoice], Kind("forcing")] = []
    """Plugins that make further forcings from the time and the place; `variables.forcing` names the fields to use."""


class TrainableConfig(Section):
    """Features that are learned with the weights, for each node and for each edge."""

    grid: Annotated[int, Field(ge=0)] = 0
    """How many for each grid node."""
    mesh: Annotated[int, Field(ge=0)] = 0
    """How many for each mesh node."""
    encoder: Annotated[int, Field(ge=0)] = 0
    """How many for each edge from the grid to the mesh."""
    processor: Annotated[int, Field(ge=0)] = 0
    """How many for each edge of the mesh."""
    decoder: Annotated[int, Field(ge=0)] = 0
    """How many for each edge from the mesh to the grid."""


class BoundingConfig(Section):
    """The bounds between which a variable is kept, in physical units."""

    minimum: float | None = None
    """The smallest value, physical units; null: no limit."""
    maximum: float | None = None
    """The largest value, physical units; null: no limit."""
    slope: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """How fast the value changes beyond a limit, relative to inside; 0 is a hard limit, 0.01 a leaky one."""
    fraction_of: str | None = None
    """The model forecasts which share of another variable this one is, and the share is kept between 0 and 1."""

    @model_validator(mode="after")
    def _limits_or_fraction(self) -> Self:
        if self.fraction_of is not None and (self.minimum, self.maximum) != (None, None):
            raise DataError(
                "`fraction_of` keeps a variable between 0 and the other one, got `minimum` or `maximum` as well",
                fix=f"leave them out; limits of {self.fraction_of!r} hold for its fraction too",
            )
        return self

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise DataError(
                f"`minimum` must not exceed `maximum`, got {self.minimum} and {self.maximum}",
                fix="exchange the two",
            )
        return self


class NoiseConfig(Section):
    """Random numbers at each mesh node, which make the members of an ensemble differ."""

    channels: Annotated[int, Field(ge=3)] = 4
    """How many for each mesh node, and how wide their embedding is; its layer norm would leave two only a sign."""
    standard_deviation: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    """The standard deviation of each number; the mean is 0."""
    correlation: Annotated[float, Field(ge=0, le=1)] = 0.0
    """The correlation of a number in one call of the model with that in the next; at 1 it stays all the forecast."""
    hidden: Annotated[int, Field(gt=0)] = 32
    """How wide the hidden layer of the embedding is."""
    how: Literal["condition", "inject"] = "condition"
    """They shift and scale the layer norms of a processor that takes a condition, or are mixed into its input."""


class SpreadConfig(Section):
    """A standard deviation σ beside each value that is forecast: the decoder gives r, and σ = s (ln(1 + eʳ) + floor).

    s is the unit of the decoder's output (`increment_scale`).
    """

    floor: Annotated[float, Field(gt=0, le=1)] = 0.01
    """The least σ, in units of the decoder's output."""


class ActivationCheckpointingConfig(Section):
    """The activations that the backward pass recomputes instead of keeping: less memory, more time, same numbers."""

    processor: Annotated[int, Field(ge=0)] = 0
    """Recompute the processor in so many groups of layers; 0: keep its activations."""
    mappers: bool = False
    """Recompute the encoder and the decoder."""


class RelaxationConfig(Section):
    """The zone inside a boundary in which what is given and what is forecast are blended (Davies 1976)."""

    nodes: Annotated[int | None, Field(gt=0, le=1000)] = None
    """The width in rows of nodes, on a grid of rows and columns."""
    km: Annotated[float | None, Field(gt=0, allow_inf_nan=False)] = None
    """The width in km, in place of `nodes`."""
    shape: Literal["cosine", "tanh"] = "cosine"
    """The share of what is given at distance x of the width: cos²(πx/2), or 1 − tanh(5x/2)."""
    counts: bool = True
    """Loss and scores count the zone; false: they leave it out, as they do the boundary."""

    @model_validator(mode="after")
    def _one_width(self) -> Self:
        if (self.nodes is None) == (self.km is None):
            raise DataError(
                f"`relaxation` has a width in `nodes` or in `km`, got {'neither' if self.km is None else 'both'}",
                fix="write one of the two, such as relaxation: {nodes: 4}",
            )
        return self


class BoundaryConfig(Section):
    """The boundary of a limited area is given after each step, in training, validation and forecasts."""

    relaxation: RelaxationConfig | None = None
    """The zone inside the boundary in which what is given fades out; null: none."""


class ModelConfig(Section):
    """The model: encode, process, decode."""

    channels: Annotated[int, Field(gt=0, le=100_000)] = 64
    """How many channels each mesh node has."""
    encoder: Annotated[PluginChoice, Kind("mapper")]
    """The mapper from the grid to the mesh."""
    processor: Annotated[PluginChoice, Kind("processor")]
    """On the mesh."""
    decoder: Annotated[PluginChoice, Kind("mapper")]
    """The mapper from the mesh to the grid."""
    input_tendencies: bool = True
    """Read the input states before the last one as tendencies, the change to the next state, rather than as values."""
    input_last_state: bool = True
    """Read the last input state; if false, the network reads changes and forcings alone, and no season by heart."""
    latent_skip: bool = True
    """The processor returns an update Δ: compute state + Δ; if false, Δ itself is the new state."""
    residual: Literal["persistence", "truncated", "ornstein", "none"] = "persistence"
    """Add the decoder's output to the last state, to its large scales, to it drawn towards the mean, or to nothing."""
    truncation_width: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    """Standard deviation of the Gaussian weights of a truncated residual, in median edge lengths."""
    increment_scale: Literal["tendency", "unit"] = "tendency"
    """The unit of the decoder's output: the typical change over one time step, or the variable's own deviation."""
    trainable_features: TrainableConfig = TrainableConfig()
    """Features that are learned with the weights, for each node and for each edge."""
    noise: NoiseConfig | None = None
    """Random numbers that make the members of an ensemble differ; null: none."""
    spread: SpreadConfig | None = None
    """Forecast a standard deviation beside each value, for a loss that takes it, such as gaussian-crps; null: none."""
    bounding: dict[str, BoundingConfig] = {}
    """Between which values an output variable is kept, by name."""
    boundary: BoundaryConfig | None = None
    """The nodes `boundary` of the graph are given after each step; null: the model goes on from its forecast."""
    activation_checkpointing: ActivationCheckpointingConfig = ActivationCheckpointingConfig()
    """The activations that the backward pass recomputes instead of keeping."""
    memory_limit: Size | None = None
    """The most memory that training may take, like 20GiB: core then chooses `activation_checkpointing`; null: any."""

    @model_validator(mode="after")
    def _reads_the_states(self) -> Self:
        if not self.input_last_state and not self.input_tendencies:
            raise DataError(
                "`input_last_state: false` leaves the changes between states, got `input_tendencies: false` as well",
                fix="leave one of the two out",
            )
        return self


class InputsConfig(Section):
    """The data of forecasts beside those of the training."""

    boundary: Annotated[PluginChoice | None, Kind("data-source")] = None
    """What is given at the boundary of a limited area; null: with `model.boundary` the data of the initial states."""


class ForecastConfig(Section):
    """The settings of forecasts."""

    lead_time: Duration = "48h"
    """How far a forecast goes."""
    inputs: InputsConfig = InputsConfig()
    """The data of forecasts beside those of the training."""
    region: str | None = None
    """The one of several grids that is written, by its name; null: all of them."""
    writer: Annotated[PluginChoice | None, Kind("forecast-writer")] = None
    """The writer of the file; null: the suffix of the output chooses it."""
    batch_size: Annotated[int, Field(gt=0)] = 8
    """How many forecasts are made at once."""
    members: Annotated[int, Field(gt=0)] = 1
    """How many forecasts a model with noise makes from each initial state."""
    spread: bool = False
    """Write the standard deviations of a model with `model.spread`, too, each as its variable's name + `_spread`."""
    device: Annotated[str, Field(pattern=r"^(auto|cpu|mps|cuda(:\d{1,3})?)$")] = "auto"
    """Where the model runs: cpu, cuda, cuda:1, mps; auto: the first of cuda, mps and cpu that is there."""
    precision: ForecastPrecision | None = None
    """The numbers of the products in the model; null: those of the training, where the device has them."""
    compile: Compiler | None = None
    """Compile the model: inductor makes fewer and faster operations, aot-eager the same ones; null: not."""
    threads: Annotated[int | None, Field(gt=0, le=1024)] = None
    """The number of CPU threads; null: as many as torch takes."""
    backend: str | None = None
    """The `backend` of the parts of the model that have one of this name; null: that of the training."""


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
            check_members(forecast.members, info.data["model"])
            check_spread(forecast.spread, info.data["model"])
        return forecast


def check_members(members: int, model: ModelConfig) -> None:
    """Check that the members of an ensemble differ.

    Raises:
        DataError: there are several, and the model has no noise.
    """
    if members > 1 and model.noise is None:
        raise DataError(
            f"`members` must be 1 for a model without noise, whose members would be equal, got {members}",
            fix="leave `members` out, or train a model with noise, such as `model.noise: {channels: 4}`",
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
