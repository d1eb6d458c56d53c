"""How the weights of the transformers are called in a model of Anemoi."""

__all__ = [
    "graph_transformer_mapper_names",
    "graph_transformer_processor_names",
    "transformer_mapper_names",
    "transformer_processor_names",
]

from collections.abc import Iterator, Mapping

from torch import nn
from wxml.anemoi_names import AnemoiNames, AnemoiWeight
from wxml.model.features import EdgeFeatures
from wxml.model.noise import ConditionalLayerNorm

from wxml_processor_transformer.attention import Attention
from wxml_processor_transformer.graph_transformer_block import GraphAttention, GraphTransformerBlock
from wxml_processor_transformer.transformer_block import FeedForward, TransformerBlock

Names = Mapping[str, str]

ENDS = {"embed_source": "emb_nodes_src", "embed_target": "emb_nodes_dst", "read_off": "node_data_extractor"}
"""What a mapper has around its block."""
GRAPH_TRANSFORMER_MAPPER: Names = ENDS | {"block": "proc", "source_norm": "proc.layer_norm_attention_src"}
TRANSFORMER_MAPPER: Names = ENDS | {
    "source_norm": "proc.layer_norm_attention_src",
    "target_norm": "proc.layer_norm_attention_dst",
    "attention": "proc.attention",
    "feed_forward_norm": "proc.layer_norm_mpl",
    "feed_forward": "proc.mlp",
}
IDLE_NORMS = frozenset(
    f"proc.{norm}.{kind}" for norm in ("layer_norm_attention", "layer_norm_mlp") for kind in ("weight", "bias")
)
"""A TransformerMapperBlock is a processor's block with norms of its own; those of the processor's stay idle."""
SECOND_NAMES = frozenset(f"proc.layer_norm_attention_dest.{kind}" for kind in ("weight", "bias"))
"""A GraphTransformerMapperBlock has its norm of targets twice, under two names."""
SHARED: Mapping[type[nn.Module], Names] = {
    ConditionalLayerNorm: {"norm": "", "shift": "bias"},
    Attention: {
        "query": "lin_q",
        "key": "lin_k",
        "value": "lin_v",
        "query_norm": "q_norm",
        "key_norm": "k_norm",
        "out": "projection",
    },
    GraphAttention: {
        "query": "lin_query",
        "key": "lin_key",
        "value": "lin_value",
        "root": "lin_self",
        "edge": "lin_edge",
        "query_norm": "q_norm",
        "key_norm": "k_norm",
        "out": "projection",
    },
    GraphTransformerBlock: {
        "attention_norm": "layer_norm_attention",
        "attention": "",
        "feed_forward_norm": "layer_norm_mlp_dst",
        "feed_forward": "node_dst_mlp",
    },
    TransformerBlock: {
        "attention_norm": "layer_norm_attention",
        "feed_forward_norm": "layer_norm_mlp",
        "feed_forward": "mlp",
    },
}
"""By the kind of a module: what its children are called, where it is not the same; an empty name is no step at all."""
WEIGHTS = {
    "embed_source.weight": AnemoiWeight(("emb_nodes_src.weight",), reads="source"),
    "embed_target.weight": AnemoiWeight(("emb_nodes_dst.weight",), reads="target"),
    "read_off.1.weight": AnemoiWeight(("node_data_extractor.1.weight",), is_output=True),
    "read_off.1.bias": AnemoiWeight(("node_data_extractor.1.bias",), is_output=True),
}


def transformer_processor_names(processor: nn.Module) -> AnemoiNames:
    """The names in a TransformerProcessor."""
    return _names(processor, {"layers": "proc"})


def transformer_mapper_names(mapper: nn.Module) -> AnemoiNames:
    """The names in a TransformerForwardMapper or a TransformerBackwardMapper."""
    return _names(mapper, TRANSFORMER_MAPPER, IDLE_NORMS)


def graph_transformer_processor_names(processor: nn.Module) -> AnemoiNames:
    """The names in a GraphTransformerProcessor."""
    return _names(processor, {"layers": "proc"})


def graph_transformer_mapper_names(mapper: nn.Module) -> AnemoiNames:
    """The names in a GraphTransformerForwardMapper or a GraphTransformerBackwardMapper."""
    return _names(mapper, GRAPH_TRANSFORMER_MAPPER, SECOND_NAMES)


def _names(part: nn.Module, children: Names, unused: frozenset[str] = frozenset()) -> AnemoiNames:
    found = {ours: AnemoiWeight((theirs,)) for ours, theirs in _pairs(part, children)}
    return AnemoiNames(found | {name: weight for name, weight in WEIGHTS.items() if name in found}, unused)


def _pairs(module: nn.Module, names: Names) -> Iterator[tuple[str, str]]:
    """Our and their name of every parameter below a module; learned features of edges are core's."""
    yield from ((name, name) for name, _ in module.named_parameters(recurse=False))
    for name, child in module.named_children():
        if isinstance(child, EdgeFeatures):
            continue
        step = names.get(name, name)
        for ours, theirs in _pairs(child, _children(child)):
            yield f"{name}.{ours}", f"{step}.{theirs}" if step else theirs


def _children(module: nn.Module) -> Names:
    if isinstance(module, FeedForward):
        gated = {"value": "mlp.0.value_proj", "gate": "mlp.0.gate_proj", "out": "mlp.1"}
        return gated if module.gate is not None else {"value": "mlp.0", "out": "mlp.2"}
    return SHARED.get(type(module), {})
