"""The GNN's processor and mappers are those of anemoi-models."""

import pytest
import torch
from parameter_match import compare, matched_parts
from peer_graph import edges_of
from peer_parts import CHANNELS, TRAINABLE, PeerMapper, PeerProcessor, described, peer_config
from torch_geometric.data import HeteroData
from wxml.graphs.graph import Graph
from wxml.model.mapper import MapperChannels
from wxml.model.processor import ProcessorChannels
from wxml_processor_gnn.mapper import GnnMapper
from wxml_processor_gnn.processor import GnnProcessor

BATCH, RAW_GRID, RAW_MESH, OUTPUTS = 2, 13, 7, 5


@pytest.mark.parametrize(("layers", "hidden_layers"), [(1, 2), (3, 2), (2, 3)])
def test_the_processor(graph: Graph, peer_graph: HeteroData, agree, layers: int, hidden_layers: int) -> None:
    mesh = graph.mesh()
    config = peer_config("gnn", {"mlp_extra_layers": hidden_layers - 2})
    ours = GnnProcessor(
        mesh,
        ProcessorChannels(CHANNELS, edge_features=TRAINABLE),
        num_layers=layers,
        hidden_layers=hidden_layers,
        activation="gelu",
    )
    inputs = (torch.randn(BATCH, len(mesh.nodes), CHANNELS),)
    matched = matched_parts(ours, edges_of(peer_graph)["mesh", "mesh"])
    measured = compare((ours, lambda state: (ours(state),)), PeerProcessor(peer_graph, config, layers), inputs, matched)
    agree(f"gnn processor{described({'hidden_layers': hidden_layers}, layers)}", measured)


@pytest.mark.parametrize("hidden_layers", [2, 3])
def test_the_encoder(graph: Graph, peer_graph: HeteroData, agree, hidden_layers: int) -> None:
    route = graph.route("grid", "mesh")
    config = peer_config("gnn", {"mlp_extra_layers": hidden_layers - 2})
    channels = MapperChannels(RAW_GRID, RAW_MESH, CHANNELS, CHANNELS, edge_features=TRAINABLE)
    ours = GnnMapper(route, channels, hidden_layers=hidden_layers, activation="gelu")
    theirs = PeerMapper(peer_graph, config, (RAW_GRID, RAW_MESH, None))
    inputs = torch.randn(BATCH, len(route.source), RAW_GRID), torch.randn(BATCH, len(route.target), RAW_MESH)
    measured = compare((ours, ours), theirs, inputs, matched_parts(ours, edges_of(peer_graph)["grid", "mesh"]))
    agree(f"gnn encoder, hidden_layers {hidden_layers}", measured)


@pytest.mark.parametrize("hidden_layers", [2, 3])
def test_the_decoder(graph: Graph, peer_graph: HeteroData, agree, hidden_layers: int) -> None:
    route = graph.route("mesh", "grid")
    config = peer_config("gnn", {"mlp_extra_layers": hidden_layers - 2})
    channels = MapperChannels(CHANNELS, CHANNELS, CHANNELS, OUTPUTS, decode=True, edge_features=TRAINABLE)
    ours = GnnMapper(route, channels, hidden_layers=hidden_layers, activation="gelu")
    theirs = PeerMapper(peer_graph, config, (CHANNELS, CHANNELS, OUTPUTS))
    inputs = torch.randn(BATCH, len(route.source), CHANNELS), torch.randn(BATCH, len(route.target), CHANNELS)
    matched = matched_parts(ours, edges_of(peer_graph)["mesh", "grid"])
    measured = compare((ours, lambda *nodes: ours(*nodes)[1:]), theirs, inputs, matched)
    agree(f"gnn decoder, hidden_layers {hidden_layers}", measured)
