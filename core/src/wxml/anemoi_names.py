"""How the weights of a mapper or a processor are called in a model of Anemoi, so that they can be brought over."""

__all__ = ["AnemoiNames", "AnemoiWeight"]

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class AnemoiWeight:
    """Where the values of one of our parameters are, and what their columns and rows mean."""

    names: tuple[str, ...]
    """Names within the part (`emb_nodes_src.weight`); of several, the rows are stacked, the first ones on top."""
    reads: Literal["source", "target"] | None = None
    """The node set of a mapper whose incoming features the columns stand for. Where these are raw, Anemoi has them in
    another order and the columns are rearranged."""
    is_output: bool = False
    """Whether the rows stand for the variables that the model forecasts, which Anemoi may have in another order."""


@dataclass(frozen=True, slots=True)
class AnemoiNames:
    """The names of a whole part: every parameter but the learned features of its edges, which core knows."""

    weights: Mapping[str, AnemoiWeight]
    """By the name of our parameter within the part."""
    unused: frozenset[str] = field(default=frozenset())
    """Names that a state of Anemoi has within the part and that nothing there reads."""
