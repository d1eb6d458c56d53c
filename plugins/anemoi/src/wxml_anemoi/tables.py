"""The names at Anemoi of the weights of the processors and mappers of wxml.

Each name at Anemoi follows from the name of our parameter, which checkpoints hold and which therefore stays the same.
"""

__all__ = ["GnnNames", "GraphTransformerNames", "NoOpNames", "PointWiseNames", "TransformerNames"]

import re
from collections.abc import Iterable
from typing import Literal

from wxml import Mapper, Processor

from wxml_anemoi.names import AnemoiNames, AnemoiWeight, WeightNames

Words = dict[str, str]
"""Steps of our dotted names, each with the step that Anemoi has in its place; an empty one is left out."""

ENDS = {"embed_source": "emb_nodes_src", "embed_target": "emb_nodes_dst", "read_off": "node_data_extractor"}
READS: dict[str, Literal["source", "target"]] = {"embed_source": "source", "embed_target": "target"}
NORMS = {"norm": "", "shift": "bias", "attention_norm": "layer_norm_attention"}

GNN = {"layers": "proc", "edge_network": "conv.edge_mlp", "node_network": "node_mlp", "interaction": "proc"}
TRANSFORMER = {
    "layers": "proc",
    "attention.query": "attention.lin_q",
    "attention.key": "attention.lin_k",
    "attention.value": "attention.lin_v",
    "attention.query_norm": "attention.q_norm",
    "attention.key_norm": "attention.k_norm",
    "attention.out": "attention.projection",
    "feed_forward_norm": "layer_norm_mlp",
    "feed_forward": "mlp",
}
TRANSFORMER_MAPPER = TRANSFORMER | {
    "source_norm": "layer_norm_attention_src",
    "target_norm": "layer_norm_attention_dst",
    "feed_forward_norm": "layer_norm_mpl",
}
IDLE_NORMS = ("layer_norm_attention", "layer_norm_mlp")
"""Anemoi's TransformerMapperBlock has norms of its own and never uses those of the processor block it derives from."""
GRAPH_TRANSFORMER = {
    "layers": "proc",
    "block": "",
    "attention.query": "lin_query",
    "attention.key": "lin_key",
    "attention.value": "lin_value",
    "attention.root": "lin_self",
    "attention.edge": "lin_edge",
    "attention.query_norm": "q_norm",
    "attention.key_norm": "k_norm",
    "attention.out": "projection",
    "source_norm": "layer_norm_attention_src",
    "feed_forward_norm": "layer_norm_mlp_dst",
    "feed_forward": "node_dst_mlp",
}
SECOND_NAMES = ("layer_norm_attention_dest",)
"""Anemoi's GraphTransformerMapperBlock saves its norm of the targets under a second name."""


class GnnNames(WeightNames):
    """Names of the processor and the mapper `gnn`: GNNProcessor, GNNForwardMapper, GNNBackwardMapper."""

    def of_part(self, part: Mapper | Processor) -> AnemoiNames:
        """The names of all weights; Anemoi's first processor layer owns the embedding of the edges."""
        edges = "emb_edges" if isinstance(part, Mapper) else "proc.0.emb_edges"
        words = ENDS | GNN | NORMS | {"embed_edges": edges}
        return AnemoiNames(_with_roles({name: _in_mlp(_translated(name, words)) for name in _parameters(part)}))


class TransformerNames(WeightNames):
    """Names of the processor and the mapper `transformer`: TransformerProcessor and its mappers."""

    def of_part(self, part: Mapper | Processor) -> AnemoiNames:
        """The names of all weights."""
        if isinstance(part, Mapper):
            return _of_block(part, TRANSFORMER_MAPPER, IDLE_NORMS)
        return _of_block(part, TRANSFORMER)


class GraphTransformerNames(WeightNames):
    """Names of the processor and the mapper `graph-transformer`: GraphTransformerProcessor and its mappers."""

    def of_part(self, part: Mapper | Processor) -> AnemoiNames | None:
        """The names of all weights; None for `edge_projection: once`, since Anemoi has one projection per layer."""
        if isinstance(part, Mapper):
            return _of_block(part, GRAPH_TRANSFORMER, SECOND_NAMES)
        shares_projection = any(name.startswith("projection.") for name in _parameters(part))
        return None if shares_projection else _of_block(part, GRAPH_TRANSFORMER)


class PointWiseNames(WeightNames):
    """Names of the processor and the mapper `point-wise`: PointWiseMLPProcessor and its mappers."""

    def of_part(self, part: Mapper | Processor) -> AnemoiNames:
        """The names of all weights: `layers.0.3.bias` of a processor is `proc.0.mlp.3.bias` at Anemoi."""
        names = _parameters(part)
        if isinstance(part, Processor):
            theirs = {name: re.sub(r"^layers\.(\d+)", r"proc.\1.mlp", name) for name in names}
            return AnemoiNames({ours: AnemoiWeight((name,)) for ours, name in theirs.items()})
        if part.channels.decode:
            renamed = {name: name.replace("layers", "node_data_extractor") for name in names}
            return AnemoiNames({o: AnemoiWeight((n,), is_output=".1." in n) for o, n in renamed.items()})
        weight = AnemoiWeight(("emb_nodes_src.weight",), reads="source")
        return AnemoiNames({"layers.0.weight": weight, "layers.0.bias": AnemoiWeight(("emb_nodes_src.bias",))})


class NoOpNames(WeightNames):
    """Names of the processor `no-op`, which has no weights: NoOpProcessor."""

    def of_part(self, part: Mapper | Processor) -> AnemoiNames:
        """No names."""
        return AnemoiNames({})


def _parameters(part: Mapper | Processor) -> list[str]:
    """The names of the parameters of `part`, but for the learned features of its edges."""
    return [name for name, _ in part.named_parameters() if not name.startswith("edge_features.")]


def _of_block(part: Mapper | Processor, block: Words, unused: Iterable[str] = ()) -> AnemoiNames:
    """The names in a part of transformer blocks; a mapper has one block, which Anemoi calls `proc`."""
    names = _parameters(part)
    gated = {"value": "mlp.0.value_proj", "gate": "mlp.0.gate_proj", "out": "mlp.1"}
    network = gated if any(".gate." in name for name in names) else {"value": "mlp.0", "out": "mlp.2"}
    steps = {f"feed_forward.{ours}": f"{block['feed_forward']}.{theirs}" for ours, theirs in network.items()}
    found = {}
    for name in names:
        is_in_block = isinstance(part, Mapper) and name.partition(".")[0] not in ENDS
        found[name] = ("proc." if is_in_block else "") + _translated(name, ENDS | NORMS | block | steps)
    idle = frozenset(f"proc.{norm}.{kind}" for norm in unused for kind in ("weight", "bias"))
    return AnemoiNames(_with_roles(found), idle)


def _translated(name: str, words: Words) -> str:
    """The dotted name with each run of steps that is in `words` replaced, the longest run first."""
    runs = "|".join(map(re.escape, sorted(words, key=len, reverse=True)))
    translated = re.sub(rf"(?<![^.])(?:{runs})(?![^.])", lambda found: words[found[0]], name)
    return re.sub(r"\.{2,}", ".", translated).strip(".")


def _in_mlp(name: str) -> str:
    """A name in a network of our `Mlp`, whose linear layers have even numbers and whose norm has an odd one."""
    network, number, rest = re.fullmatch(r"(.+)\.(\d+)\.(.+)", name).groups()  # type: ignore[union-attr]
    return f"{network}.layer_norm.{rest}" if int(number) % 2 else f"{network}.mlp.{number}.{rest}"


def _with_roles(names: Words) -> dict[str, AnemoiWeight]:
    """The weights with their roles: the first layer of an embedding reads features, the last of the read-off writes."""
    last = max((int(name.split(".")[1]) for name in names if name.startswith("read_off.")), default=None)
    found = {}
    for ours, theirs in names.items():
        start, _, rest = ours.partition(".")
        reads = READS.get(start) if rest in ("weight", "0.weight") else None
        found[ours] = AnemoiWeight((theirs,), reads, ours.startswith(f"read_off.{last}."))
    return found
