"""The sections of a config that choose the losses of a training, and the weights in them."""

__all__ = ["DEFAULT_WEIGHTS", "LossChoice", "LossSections", "LossWeightSections", "weight_sections"]

from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator, Field

from wxml.plugins.options.choices import Kind, PluginChoice, named_by_key

DEFAULT_WEIGHTS = ("area", "tendency")
"""Weights that are always there. A loss leaves one out as `'!tendency'`; a section of that name gives it options."""


class LossChoice(PluginChoice):
    """One of the losses whose weighted mean a training makes small."""

    share: Annotated[float, Field(gt=0, le=1e30, allow_inf_nan=False)] = 1.0
    """its part of the whole, over the sum of the shares of all losses"""
    weights: tuple[str, ...] = ("*",)
    """names of loss weights; `'*'`: all, `'!name'`: not this one"""
    variables: Annotated[tuple[str, ...] | None, Field(min_length=1)] = None
    """names of the variables that it compares; null: all that are forecast"""


LossSections = Annotated[
    LossChoice | Annotated[list[LossChoice], Field(min_length=1)],
    Kind("loss"),
    Field(description="how far forecasts are from the truth; several losses are added up by their shares"),
]
"""The type of an option: one section of a loss, or a list of them."""
LossWeightSections = Annotated[
    dict[str, PluginChoice],
    BeforeValidator(named_by_key),
    Kind("loss-weight", by_key=True),
    Field(description="weights of variables, nodes and steps in the losses, beside `area` and `tendency`"),
]
"""The type of an option: sections of loss weights by name, which is that of the plugin unless `plugin` is written."""


def weight_sections(written: Mapping[str, PluginChoice]) -> dict[str, PluginChoice]:
    """The sections of all weights by name, those of `DEFAULT_WEIGHTS` first."""
    always = {name: PluginChoice(plugin=name) for name in DEFAULT_WEIGHTS}
    return {**always, **written}
