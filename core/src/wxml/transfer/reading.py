"""Finds the weights of a mapper that read its inputs, and those that make its outputs: they grow with their number."""

__all__ = ["Reading", "Side", "bias_of", "reading_of"]

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch

from wxml.graphs.graph import Route
from wxml.model.mapper import Mapper, MapperChannels
from wxml.plugins.create import create
from wxml.plugins.options.choices import PluginChoice

MORE = (8, 16, 24, 32, 40)
"""By one of these numbers of channels a mapper is made wider; a plugin may want a multiple of 8."""
Side = Literal["source", "target", "out"]


@dataclass(frozen=True, slots=True)
class Reading:
    """The weights that grow with the number of channels on one side of a mapper."""

    weights: tuple[str, ...] = ()
    """Matrices with a column for each input, or with a row for each output."""
    unknown: tuple[str, ...] = ()
    """Those that grow otherwise, so that nobody knows which of their numbers belongs to which channel."""
    hands_on: bool = False
    """Whether the source that the mapper returns has these channels too."""


@dataclass(frozen=True, slots=True)
class _Made:
    """What is looked at of a mapper."""

    shapes: Mapping[str, tuple[int, ...]]
    source_out: int


def reading_of(
    choice: PluginChoice, where: str, route: Route, channels: MapperChannels, sides: Sequence[Side]
) -> dict[Side, Reading]:
    """Make the mapper with more channels on one side after the other, and see which weights grow.

    So no mapper needs to say how it is made inside. The names are those inside of the mapper.

    Args:
        choice: the plugin of the mapper.
        where: the option that chooses it, such as `model.encoder`.
        route: the nodes and the edges.
        channels: the channels that the model has.
        sides: the sides that are looked at.
    """

    def made(widths: MapperChannels) -> _Made:
        with torch.random.fork_rng(devices=[]):
            part: Mapper = create("mapper", choice.plugin, choice.options, route, widths, where=where)
        return _Made({name: tuple(tensor.shape) for name, tensor in part.state_dict().items()}, part.source_out)

    base = made(channels)
    found: dict[Side, Reading] = {}
    for side in sides:
        width: int = getattr(channels, side)
        more = _more(channels, width)
        axis = 0 if side == "out" else 1
        found[side] = _grown(base, made(_wider(channels, side, more)), (width, more), axis)
    return found


def _more(channels: MapperChannels, width: int) -> int:
    """How much wider one side is made; not as wide as another one, which a mapper might take for latent."""
    others = {channels.source, channels.target, channels.hidden, channels.out}
    return next(more for more in MORE if width + more not in others)


def _wider(channels: MapperChannels, side: Side, more: int) -> MapperChannels:
    match side:
        case "source":
            return replace(channels, source=channels.source + more)
        case "target":
            return replace(channels, target=channels.target + more)
        case "out":
            return replace(channels, out=channels.out + more)


def _grown(base: _Made, wider: _Made, growth: tuple[int, int], axis: int) -> Reading:
    """Sort the weights that differ; of a mapper whose very parts depend on the width nothing is known."""
    if base.shapes.keys() != wider.shapes.keys():
        return Reading((), tuple(base.shapes), wider.source_out != base.source_out)
    changed = [name for name, shape in base.shapes.items() if shape != wider.shapes[name]]
    weights = [name for name in changed if _is_plain(base.shapes[name], wider.shapes[name], growth, axis)]
    biases = {bias_of(name) for name in weights} if axis == 0 else set()
    unknown = tuple(name for name in changed if name not in {*weights, *biases})
    return Reading(tuple(weights), unknown, wider.source_out != base.source_out)


def bias_of(weight: str) -> str:
    """The name of the bias beside a weight.

    >>> bias_of("read_off.1.weight")
    'read_off.1.bias'
    """
    return f"{weight.removesuffix('weight')}bias"


def _is_plain(shape: tuple[int, ...], wider: tuple[int, ...], growth: tuple[int, int], axis: int) -> bool:
    """Whether a matrix has one column or row for each channel, and nothing else along this axis."""
    width, more = growth
    grown = [size + more * (place == axis) for place, size in enumerate(shape)]
    return len(shape) == 2 and shape[axis] == width and tuple(grown) == wider
