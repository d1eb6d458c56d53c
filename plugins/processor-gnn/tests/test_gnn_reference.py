"""The GNN against the plain form: Python loops over edges, concatenated inputs, double precision."""

from collections.abc import Iterable, Sequence
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from wxml import EdgeSet, Graph, MapperChannels, Mesh, NodeSet, Route
from wxml.model.processor import ProcessorChannels
from wxml_processor_gnn.interaction import Interaction
from wxml_processor_gnn.mapper import GnnMapper
from wxml_processor_gnn.processor import GnnProcessor

Pairs = Sequence[tuple[int, int]]
assert_equal = partial(torch.testing.assert_close, rtol=1e-10, atol=1e-10)


def plain_layer(layer: nn.Module, x: Tensor) -> Tensor:
    """One layer written out, with the layer's weights."""
    if isinstance(layer, nn.Linear):
        return x @ layer.weight.T + layer.bias
    if isinstance(layer, nn.LayerNorm):
        centred = x - x.mean(-1, keepdim=True)
        return centred / torch.sqrt((centred**2).mean(-1, keepdim=True) + 1e-5) * layer.weight + layer.bias
    if isinstance(layer, nn.ReLU):
        return torch.where(x > 0, x, 0.0)
    if isinstance(layer, nn.GELU):
        return x * (1 + torch.erf(x / np.sqrt(2))) / 2
    assert isinstance(layer, nn.SiLU)
    return x / (1 + torch.exp(-x))


def plain_network(layers: Iterable[nn.Module], x: Tensor) -> Tensor:
    for layer in layers:
        x = plain_layer(layer, x)
    return x


def plain_interaction(
    network: Interaction, target: Tensor, source: Tensor, edge: Tensor, pairs: Pairs
) -> tuple[Tensor, Tensor]:
    """e' = e + MLP_e[x_i ‖ x_j ‖ e], a = Σ e', x' = x_i + MLP_n[x_i ‖ a]; one batch item, pairs are (j, i)."""
    edge_layers = list(network.edge_network)
    node_layers = list(network.node_network)
    new_edge = [
        e + plain_network(edge_layers, torch.cat([target[i], source[j], e]))
        for e, (j, i) in zip(edge, pairs, strict=True)
    ]
    new_target = []
    for i, x in enumerate(target):
        received = sum((e for e, pair in zip(new_edge, pairs, strict=True) if pair[1] == i), torch.zeros_like(x))
        new_target.append(x + plain_network(node_layers, torch.cat([x, received])))
    return torch.stack(new_target), torch.stack(new_edge) if new_edge else edge


def plain_processor(processor: GnnProcessor, state: Tensor, pairs: Pairs) -> Tensor:
    return torch.stack([plain_rounds(processor, nodes, pairs) for nodes in state])


def plain_rounds(processor: GnnProcessor, nodes: Tensor, pairs: Pairs) -> Tensor:
    edge = plain_network(processor.embed_edges, processor.edge_features())
    for layer in processor.layers:
        nodes, edge = plain_interaction(layer, nodes, nodes, edge, pairs)
    return nodes


def plain_encoding(mapper: GnnMapper, source: Tensor, target: Tensor, pairs: Pairs) -> tuple[Tensor, Tensor]:
    """One batch item; the source is updated with the weights that update the target: x_j + MLP_n[x_j ‖ x_j]."""
    source, target = plain_network(mapper.embed_source, source), plain_network(mapper.embed_target, target)
    edge = plain_network(mapper.embed_edges, mapper.edge_features())
    mapped, _ = plain_interaction(mapper.interaction, target, source, edge, pairs)
    node_layers = list(mapper.interaction.node_network)
    return source + plain_network(node_layers, torch.cat([source, source], dim=-1)), mapped


def plain_decoding(mapper: GnnMapper, source: Tensor, target: Tensor, pairs: Pairs) -> tuple[Tensor, Tensor]:
    edge = plain_network(mapper.embed_edges, mapper.edge_features())
    mapped, _ = plain_interaction(mapper.interaction, target, source, edge, pairs)
    return source, plain_network(mapper.read_off, mapped)


def plain_mapper(mapper: GnnMapper, source: Tensor, target: Tensor, pairs: Pairs) -> list[Tensor]:
    one = plain_decoding if mapper.channels.decode else plain_encoding
    items = [one(mapper, source[item], target[item], pairs) for item in range(len(source))]
    return [torch.stack(parts) for parts in zip(*items, strict=True)]


def pairs_of(edges: EdgeSet) -> Pairs:
    return list(zip(edges.source.tolist(), edges.target.tolist(), strict=True))


def random(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def assert_same_with_gradients(
    module: nn.Module, inputs: list[Tensor], ours: list[Tensor], plain: list[Tensor]
) -> None:
    """Outputs agree, and so do the gradients of one random projection of them, for inputs and every weight."""
    weights = [torch.randn_like(out) for out in ours]
    wanted = [*inputs, *module.parameters()]
    gradients = [torch.autograd.grad(outs, wanted, weights, allow_unused=True) for outs in (ours, plain)]
    for mine, expected in zip(ours, plain, strict=True):
        assert_equal(mine, expected)
    for leaf, mine, expected in zip(wanted, *gradients, strict=True):
        zero = torch.zeros_like(leaf)
        assert_equal(zero if mine is None else mine, zero if expected is None else expected)


@pytest.mark.parametrize("activation", ["gelu", "relu", "silu"])
@pytest.mark.parametrize("hidden_layers", [1, 2, 3])
def test_the_processor_equals_loops_over_edges(graph: Graph, activation: str, hidden_layers: int) -> None:
    options = {"num_layers": 2, "hidden_layers": hidden_layers, "activation": activation}
    processor = GnnProcessor(graph.mesh(), ProcessorChannels(4), **options).double()
    state = random(2, 10, 4)
    plain = plain_processor(processor, state, pairs_of(graph.mesh().edges))
    assert_same_with_gradients(processor, [state], [processor(state)], [plain])


ODD_MESHES = {
    "no edges": [],
    "one edge": [(0, 3)],
    "an edge from a node to itself": [(2, 2)],
    "isolated nodes": [(0, 1), (1, 0), (1, 4)],
    "all edges into the last node": [(0, 4), (1, 4), (2, 4), (3, 4)],
    "all edges out of the first node": [(0, 1), (0, 2), (0, 3), (0, 4)],
}


@pytest.mark.parametrize("pairs", ODD_MESHES.values(), ids=ODD_MESHES.keys())
def test_odd_meshes(pairs: list[tuple[int, int]]) -> None:
    nodes = NodeSet(np.linspace(-70, 80, 5), np.linspace(0, 300, 5))
    edges = EdgeSet.between(nodes, nodes, [j for j, _ in pairs], [i for _, i in pairs])
    processor = GnnProcessor(Mesh(nodes, edges), ProcessorChannels(4), num_layers=2).double()
    state = random(2, 5, 4)
    plain = plain_processor(processor, state, pairs_of(edges))
    assert_same_with_gradients(processor, [state], [processor(state)], [plain])


def test_the_encoder_equals_loops_and_updates_its_source(graph: Graph, encoder: GnnMapper) -> None:
    source, target = random(2, 24, 5), random(2, 10, 4)
    plain = plain_mapper(encoder, source, target, pairs_of(graph.edges["grid", "mesh"]))
    assert_same_with_gradients(encoder, [source, target], list(encoder(source, target)), plain)


def test_the_decoder_equals_loops_and_keeps_its_source(graph: Graph, decoder: GnnMapper) -> None:
    source, target = random(2, 10, 6), random(2, 24, 6)
    updated, mapped = decoder(source, target)
    assert torch.equal(updated, source)
    plain = plain_mapper(decoder, source, target, pairs_of(graph.edges["mesh", "grid"]))
    assert_same_with_gradients(decoder, [source, target], [updated, mapped], plain)


def test_a_decoder_embeds_a_target_of_another_width(graph: Graph) -> None:
    """An encoder of another plugin may hand on the grid's raw values to the decoder."""
    route = graph.route("mesh", "grid")
    decoder = GnnMapper(route, MapperChannels(6, 5, 6, 2, decode=True)).double()
    latent = GnnMapper(route, MapperChannels(6, 6, 6, 2, decode=True)).double()
    missing = latent.load_state_dict(decoder.state_dict(), strict=False)
    assert all(name.startswith("embed_target.") for name in missing.unexpected_keys)
    source, target = random(2, 10, 6), random(2, 24, 5)
    embedded = plain_network(decoder.embed_target, target)
    assert_equal(decoder(source, target)[1], latent(source, embedded)[1])


def test_mapping_without_edges_leaves_every_target_on_its_own() -> None:
    nodes = NodeSet(np.linspace(-70, 80, 5), np.linspace(0, 300, 5))
    route = Route(nodes, nodes, EdgeSet.between(nodes, nodes, [], []))
    encoder = GnnMapper(route, MapperChannels(3, 3, 4, 4)).double()
    source, target = random(1, 5, 3), random(1, 5, 3)
    assert_same_with_gradients(
        encoder, [source, target], list(encoder(source, target)), plain_mapper(encoder, source, target, [])
    )
