"""The section `model` of a config."""

__all__ = [
    "ActivationCheckpointingConfig",
    "BoundaryConfig",
    "BoundingConfig",
    "ModelConfig",
    "NoiseConfig",
    "RelaxationConfig",
    "SpreadConfig",
    "TrainableConfig",
]

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from wxml.config.section import Section, Size
from wxml.errors import DataError
from wxml.plugins.options.choices import Kind, PluginChoice


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
    input_means: bool = False
    """Read beside each change its mean over the grid nodes, and how far the last state departs from its own mean."""
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
        if self.input_means and not self.input_tendencies:
            raise DataError(
                "`input_means: true` reads the means of changes, got `input_tendencies: false`",
                fix="leave one of the two out",
            )
        return self
