"""The transformer's processor and mappers are those of anemoi-models."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from parameter_match import compare, matched_parts
from peer_graph import edges_of
from peer_parts import CHANNELS, HEADS, PeerMapper, PeerProcessor, described, peer_config
from torch_geometric.data import HeteroData
from wxml.graphs.graph import Graph
from wxml.model.mapper import MapperChannels
from wxml.model.processor import ProcessorChannels
from wxml_processor_transformer.transformer_mapper import TransformerMapper
from wxml_processor_transformer.transformer_processor import TransformerProcessor

BATCH, RAW_GRID, RAW_MESH, OUTPUTS, CONDITION = 2, 13, 7, 5, 4
Config = dict[str, Any]
SAME = {"num_heads": HEADS, "order": "as-is"}


@pytest.mark.parametrize("window", [None, 20])
@pytest.mark.parametrize(
    ("layers", "ours_has", "theirs_has"),
    [
        (1, {}, {}),
        (3, {}, {}),
        (2, {"qk_norm": True}, {"qk_norm": True}),
        *(
            (2, {"mlp": mlp, "mlp_ratio": 2.67}, {"mlp_implementation": mlp, "mlp_hidden_ratio": 2.67})
            for mlp in ("glu", "swiglu", "geglu", "reglu")
        ),
    ],
)
def test_the_processor(
    graph: Graph,
    peer_graph: HeteroData,
    agree: Callable[..., None],
    window: int | None,
    layers: int,
    ours_has: Config,
    theirs_has: Config,
) -> None:
    ours = TransformerProcessor(
        graph.mesh(), ProcessorChannels(CHANNELS), num_layers=layers, window=window, **SAME, **ours_has
    )
    theirs = PeerProcessor(peer_graph, peer_config("transformer", {"window_size": window} | theirs_has), layers)
    inputs = (torch.randn(BATCH, 162, CHANNELS),)
    matched = matched_parts(ours, edges_of(peer_graph)["mesh", "mesh"])
    measured = compare((ours, lambda state: (ours(state),)), theirs, inputs, matched)
    what = "full" if window is None else f"window {window}"
    agree(f"transformer processor, {what}{described(ours_has, layers)}", measured)


def test_the_processor_with_a_condition(graph: Graph, peer_graph: HeteroData, agree: Callable[..., None]) -> None:
    ours = TransformerProcessor(graph.mesh(), ProcessorChannels(CHANNELS, CONDITION), num_layers=2, window=20, **SAME)
    norm = {"_target_": "anemoi.models.layers.normalization.ConditionalLayerNorm", "condition_shape": CONDITION}
    theirs = PeerProcessor(peer_graph, peer_config("transformer", {"window_size": 20}, norm), 2)
    inputs = torch.randn(BATCH, 162, CHANNELS), torch.randn(BATCH, 162, CONDITION)
    matched = matched_parts(ours, edges_of(peer_graph)["mesh", "mesh"])
    measured = compare((ours, lambda *given: (ours(*given),)), theirs, inputs, matched)
    agree("transformer processor, window 20, 2 layers, conditional layer norm", measured)


@pytest.mark.parametrize("qk_norm", [False, True])
def test_the_encoder(graph: Graph, peer_graph: HeteroData, agree: Callable[..., None], qk_norm: bool) -> None:
    route = graph.route("grid", "mesh")
    config = peer_config("transformer_transformermapper", {"qk_norm": qk_norm})
    ours = TransformerMapper(
        route, MapperChannels(RAW_GRID, RAW_MESH, CHANNELS, CHANNELS), window=None, qk_norm=qk_norm, **SAME
    )
    theirs = PeerMapper(peer_graph, config, (RAW_GRID, RAW_MESH, None))
    inputs = torch.randn(BATCH, len(route.source), RAW_GRID), torch.randn(BATCH, len(route.target), RAW_MESH)
    measured = compare((ours, ours), theirs, inputs, matched_parts(ours, edges_of(peer_graph)["grid", "mesh"]))
    agree(f"transformer encoder, full{', qk_norm' if qk_norm else ''}", measured)


@pytest.mark.parametrize("qk_norm", [False, True])
def test_the_decoder(graph: Graph, peer_graph: HeteroData, agree: Callable[..., None], qk_norm: bool) -> None:
    route = graph.route("mesh", "grid")
    config = peer_config("transformer_transformermapper", {"qk_norm": qk_norm})
    channels = MapperChannels(CHANNELS, RAW_GRID, CHANNELS, OUTPUTS, decode=True)
    ours = TransformerMapper(route, channels, window=None, qk_norm=qk_norm, **SAME)
    theirs = PeerMapper(peer_graph, config, (CHANNELS, RAW_GRID, OUTPUTS))
    inputs = torch.randn(BATCH, len(route.source), CHANNELS), torch.randn(BATCH, len(route.target), RAW_GRID)
    matched = matched_parts(ours, edges_of(peer_graph)["mesh", "grid"])
    measured = compare((ours, lambda *nodes: ours(*nodes)[1:]), theirs, inputs, matched)
    agree(f"transformer decoder, full{', qk_norm' if qk_norm else ''}", measured)
