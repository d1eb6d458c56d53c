"""The graph transformer's processor and mappers are those of anemoi-models."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from parameter_match import compare, matched_parts
from peer_graph import edges_of
from peer_parts import CHANNELS, HEADS, TRAINABLE, PeerMapper, PeerProcessor, described, peer_config
from torch_geometric.data import HeteroData
from wxml.graphs.graph import Graph
from wxml.model.mapper import MapperChannels
from wxml.model.processor import ProcessorChannels
from wxml_processor_transformer.graph_transformer_mapper import GraphTransformerMapper
from wxml_processor_transformer.graph_transformer_processor import GraphTransformerProcessor

BATCH, RAW_GRID, RAW_MESH, OUTPUTS, CONDITION = 2, 13, 7, 5, 4
Config = dict[str, Any]
VARIANTS = [
    ({}, {}),
    ({"qk_norm": True}, {"qk_norm": True}),
    *(
        ({"mlp": mlp, "mlp_ratio": 2.67}, {"mlp_implementation": mlp, "mlp_hidden_ratio": 2.67})
        for mlp in ("glu", "swiglu", "geglu", "reglu")
    ),
]


@pytest.mark.parametrize(("ours_has", "theirs_has"), VARIANTS)
@pytest.mark.parametrize("layers", [1, 3])
def test_the_processor(
    graph: Graph, peer_graph: HeteroData, agree: Callable[..., None], layers: int, ours_has: Config, theirs_has: Config
) -> None:
    mesh = graph.mesh()
    ours = GraphTransformerProcessor(
        mesh, ProcessorChannels(CHANNELS, edge_features=TRAINABLE), num_layers=layers, num_heads=HEADS, **ours_has
    )
    theirs = PeerProcessor(peer_graph, peer_config("graphtransformer", theirs_has), layers)
    inputs = (torch.randn(BATCH, len(mesh.nodes), CHANNELS),)
    matched = matched_parts(ours, edges_of(peer_graph)["mesh", "mesh"])
    measured = compare((ours, lambda state: (ours(state),)), theirs, inputs, matched)
    agree(f"graph-transformer processor{described(ours_has, layers)}", measured)


def test_the_processor_with_a_condition(graph: Graph, peer_graph: HeteroData, agree: Callable[..., None]) -> None:
    mesh = graph.mesh()
    ours = GraphTransformerProcessor(
        mesh, ProcessorChannels(CHANNELS, CONDITION, TRAINABLE), num_layers=2, num_heads=HEADS
    )
    norm = {"_target_": "anemoi.models.layers.normalization.ConditionalLayerNorm", "condition_shape": CONDITION}
    theirs = PeerProcessor(peer_graph, peer_config("graphtransformer", {}, norm), 2)
    count = len(mesh.nodes)
    inputs = torch.randn(BATCH, count, CHANNELS), torch.randn(BATCH, count, CONDITION)
    matched = matched_parts(ours, edges_of(peer_graph)["mesh", "mesh"])
    measured = compare((ours, lambda *given: (ours(*given),)), theirs, inputs, matched)
    agree("graph-transformer processor, 2 layers, conditional layer norm", measured)


@pytest.mark.parametrize(("ours_has", "theirs_has"), VARIANTS[:3])
def test_the_encoder(
    graph: Graph, peer_graph: HeteroData, agree: Callable[..., None], ours_has: Config, theirs_has: Config
) -> None:
    route = graph.route("grid", "mesh")
    channels = MapperChannels(RAW_GRID, RAW_MESH, CHANNELS, CHANNELS, edge_features=TRAINABLE)
    ours = GraphTransformerMapper(route, channels, num_heads=HEADS, **ours_has)
    theirs = PeerMapper(peer_graph, peer_config("graphtransformer", theirs_has), (RAW_GRID, RAW_MESH, None))
    inputs = torch.randn(BATCH, len(route.source), RAW_GRID), torch.randn(BATCH, len(route.target), RAW_MESH)
    measured = compare((ours, ours), theirs, inputs, matched_parts(ours, edges_of(peer_graph)["grid", "mesh"]))
    agree(f"graph-transformer encoder{described(ours_has)}", measured)


@pytest.mark.parametrize(("ours_has", "theirs_has"), VARIANTS[:3])
def test_the_decoder(
    graph: Graph, peer_graph: HeteroData, agree: Callable[..., None], ours_has: Config, theirs_has: Config
) -> None:
    route = graph.route("mesh", "grid")
    channels = MapperChannels(CHANNELS, RAW_GRID, CHANNELS, OUTPUTS, decode=True, edge_features=TRAINABLE)
    ours = GraphTransformerMapper(route, channels, num_heads=HEADS, **ours_has)
    theirs = PeerMapper(peer_graph, peer_config("graphtransformer", theirs_has), (CHANNELS, RAW_GRID, OUTPUTS))
    inputs = torch.randn(BATCH, len(route.source), CHANNELS), torch.randn(BATCH, len(route.target), RAW_GRID)
    matched = matched_parts(ours, edges_of(peer_graph)["mesh", "grid"])
    measured = compare((ours, lambda *nodes: ours(*nodes)[1:]), theirs, inputs, matched)
    agree(f"graph-transformer decoder{described(ours_has)}", measured)
