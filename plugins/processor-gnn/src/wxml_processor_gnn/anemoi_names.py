"""How the networks of the GNN are called in a model of Anemoi: GNNProcessor, GNNForwardMapper, GNNBackwardMapper."""

__all__ = ["mapper_names", "processor_names"]

from collections.abc import Iterator, Mapping
from typing import Literal

from torch import nn
from wxml.anemoi_names import AnemoiNames, AnemoiWeight

MAPPER = {
    "embed_source": "emb_nodes_src",
    "embed_target": "emb_nodes_dst",
    "embed_edges": "emb_edges",
    "interaction.edge_network": "proc.conv.edge_mlp",
    "interaction.node_network": "proc.node_mlp",
    "read_off": "node_data_extractor",
}
READS: dict[str, Literal["source", "target"]] = {"embed_source": "source", "embed_target": "target"}


def processor_names(processor: nn.Module, layers: int) -> AnemoiNames:
    """The names in a processor of so many layers, of which Anemoi's first one owns the embedding of the edges."""
    networks = {"embed_edges": "proc.0.emb_edges"}
    for layer in range(layers):
        networks[f"layers.{layer}.edge_network"] = f"proc.{layer}.conv.edge_mlp"
        networks[f"layers.{layer}.node_network"] = f"proc.{layer}.node_mlp"
    return _names(processor, networks)


def mapper_names(mapper: nn.Module) -> AnemoiNames:
    """The names in a mapper; a decoder's nodes are not embedded."""
    return _names(mapper, MAPPER)


def _names(part: nn.Module, networks: Mapping[str, str]) -> AnemoiNames:
    found = (_network(part.get_submodule(ours), ours, theirs) for ours, theirs in networks.items())
    return AnemoiNames({name: weight for each in found for name, weight in each})


def _network(network: nn.Module, ours: str, theirs: str) -> Iterator[tuple[str, AnemoiWeight]]:
    """The weights of one network: linear layers with an activation between each two, and perhaps a layer norm."""
    linears = [name for name, module in network.named_modules() if isinstance(module, nn.Linear)]
    for name, _ in network.named_parameters():
        module, kind = name.rsplit(".", 1)
        if module not in linears:
            yield f"{ours}.{name}", AnemoiWeight((f"{theirs}.layer_norm.{kind}",))
            continue
        reads = READS.get(ours) if kind == "weight" and module == linears[0] else None
        is_output = ours == "read_off" and module == linears[-1]
        weight = AnemoiWeight((f"{theirs}.mlp.{2 * linears.index(module)}.{kind}",), reads, is_output)
        yield f"{ours}.{name}", weight
