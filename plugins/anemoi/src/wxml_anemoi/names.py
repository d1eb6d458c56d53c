"""How the weights of a mapper or a processor are called in a model of Anemoi."""

__all__ = ["PARTS", "AnemoiNames", "AnemoiWeight", "WeightNames", "names_of_parts"]

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from wxml import EncodeProcessDecode, Mapper, ModelConfig, Processor, create, installed, resolve

PARTS = {"encoder": ("grid", "mesh"), "processor": ("mesh", "mesh"), "decoder": ("mesh", "grid")}
"""The parts of a model, each with the node sets that its edges join."""


@dataclass(frozen=True, slots=True)
class AnemoiWeight:
    """Where Anemoi keeps the values of one of our parameters, and what its columns and rows stand for."""

    names: tuple[str, ...]
    """Names within the part, such as `emb_nodes_src.weight`. If there are several, their rows are stacked in this
    order."""
    reads: Literal["source", "target"] | None = None
    """The node set of a mapper whose incoming features the columns stand for. Anemoi has the raw features of the grid
    and the mesh in another order, so the columns that read them are rearranged."""
    is_output: bool = False
    """Whether the rows stand for the forecast variables, which Anemoi may have in another order."""


@dataclass(frozen=True, slots=True)
class AnemoiNames:
    """The names of a whole part: every parameter but the learned features of its edges, which `claims` finds."""

    weights: Mapping[str, AnemoiWeight]
    """By the name of our parameter within the part."""
    unused: frozenset[str] = field(default=frozenset())
    """Names that Anemoi saves within the part and never reads."""


class WeightNames(ABC):
    """Names the weights of one processor or mapper as Anemoi names them.

    The entry point, in the group `wxml.weight_names`, has the name of that processor or mapper; where a processor and a
    mapper share a name, one class names the weights of both. The class is in the distribution of its processor or
    mapper; the classes for the processors and mappers of wxml are in wxml-anemoi.
    """

    @abstractmethod
    def of_part(self, part: Mapper | Processor) -> AnemoiNames | None:
        """The names of every weight of `part`; None if Anemoi has no such part, or not with these options."""


def names_of_parts(model: EncodeProcessDecode, config: ModelConfig) -> dict[str, AnemoiNames | None]:
    """The names of the weights of the encoder, the processor and the decoder; None for a part without any.

    Args:
        model: the model whose weights are named.
        config: the config that it was built from, which says which plugins its parts are.

    Raises:
        BrokenPluginError: the class that names the weights of a part cannot be imported.
    """
    found: dict[str, AnemoiNames | None] = {}
    for part in PARTS:
        plugin = resolve("processor" if part == "processor" else "mapper", getattr(config, part).plugin)
        tables = [table for table in installed().select("weight-name") if table.name == plugin.name]
        by_owner = {table.distribution: table.full_name for table in tables}
        name = by_owner.get(plugin.distribution) or by_owner.get("wxml-anemoi")
        table: WeightNames | None = create("weight-name", name, {}, where=f"model.{part}") if name else None
        found[part] = table.of_part(getattr(model, part)) if table else None
    return found
