"""The section `training.from`: the checkpoint whose weights a training begins with. Core reads it for every trainer."""

__all__ = ["AdapterConfig", "ForkConfig", "PartName", "TrainerChoice"]

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from wxml.errors import DataError
from wxml.plugins.options.choices import PluginChoice

PartName = Literal["features", "encoder", "processor", "decoder", "noise"]
"""A part of the model: its learned features of nodes, its mappers, its processor, the embedding of its noise."""


class ForkSection(BaseModel):
    """A part of `training.from`: unknown keys are refused, and nothing changes after validation."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class AdapterConfig(ForkSection):
    """Low-rank adapters: W becomes W + (alpha / rank) · B A, where W stays as it is and A and B are trained."""

    rank: Annotated[int, Field(gt=0, le=1024)] = 8
    """The number of rows of A and of columns of B."""
    alpha: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 8.0
    """The scale of the update, in units of the rank."""
    targets: Annotated[list[str], Field(min_length=1)] = ["processor.*"]
    """Patterns for the names of weights with two axes, such as `processor.*` or `*.attention.*`."""


class ForkConfig(ForkSection):
    """The checkpoint whose weights a training begins with, and what becomes of them."""

    checkpoint: str
    """A checkpoint, or the folder of a run."""
    parts: Annotated[list[PartName], Field(min_length=1)] | None = None
    """The parts of the model that are loaded; null: all."""
    match: Literal["strict", "by-name"] = "strict"
    """strict: all weights and variables fit; by-name: those that fit are loaded, new ones begin at zero or fresh."""
    renamed: dict[str, str] = {}
    """Variables that the checkpoint has under another name: new name → old name."""
    copied: dict[str, str] = {}
    """New variables that begin with the weights of another one in place of zeros: new name → name in the checkpoint."""
    freeze: list[str] = []
    """What is not trained: parts, or patterns for the names of weights such as `encoder.*norm*`."""
    lora: AdapterConfig | None = None
    """Low-rank adapters, which are trained in place of the weights that they change; null: none."""

    @model_validator(mode="after")
    def _one_origin_each(self) -> Self:
        twice = sorted(self.renamed.keys() & self.copied.keys())
        if twice:
            raise DataError(
                f"a variable is `renamed` or `copied`, got {twice} in both",
                fix="keep it in `renamed` if it is the same quantity, else in `copied`",
            )
        return self


class TrainerChoice(PluginChoice):
    """The trainer with its options, and beside them the weights that the training begins with."""

    from_: Annotated[ForkConfig | None, Field(alias="from")] = None
    """The checkpoint whose weights the training begins with; null: fresh weights."""

    @model_serializer(mode="wrap")
    def _as_written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """The keys as they are written in a config; `from` is left out where there is none."""
        values: dict[str, Any] = handler(self)
        fork = values.pop("from_", None) or values.pop("from", None)
        first = {"plugin": values.pop("plugin"), **({"from": fork} if fork else {})}
        return {**first, **values}
