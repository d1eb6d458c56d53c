"""Whole models, filled with the peer's weights, forecast what the peer's models forecast."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from parameter_match import names_of_model
from peer_parts import HEADS, LAYERS, peer_config
from safetensors.torch import save_model
from torch_geometric.data import HeteroData
from whole_models import ROLES, our_model, same_model, stirred_peer
from wxml.errors import ArtefactError
from wxml.graphs.graph import Graph
from wxml_anemoi.file import read_anemoi_weights
from wxml_anemoi.weights import fill_from_anemoi
from wxml_processor_gnn.mapper import GnnMapper
from wxml_processor_gnn.processor import GnnProcessor
from wxml_processor_transformer.graph_transformer_mapper import GraphTransformerMapper
from wxml_processor_transformer.graph_transformer_processor import GraphTransformerProcessor
from wxml_processor_transformer.transformer_mapper import TransformerMapper
from wxml_processor_transformer.transformer_processor import TransformerProcessor

Config = dict[str, Any]
SAME = {"num_heads": HEADS, "order": "as-is"}


def without_edges(graph: HeteroData, *pairs: tuple[str, str]) -> HeteroData:
    """The graph without the edges of some routes: the peer wants none where a transformer reads no edges."""
    graph = graph.clone()
    for source, target in pairs:
        del graph[source, "to", target]
    return graph


def described(window: int | None) -> str:
    return "full" if window is None else f"window {window}"


def test_gnn(graph: Graph, peer_graph: HeteroData, agree: Callable[..., None]) -> None:
    processor = GnnProcessor, {"num_layers": LAYERS, "activation": "gelu"}
    model = our_model(graph, processor, (GnnMapper, {"activation": "gelu"}))
    agree("gnn, whole model", same_model(model, peer_graph, peer_config("gnn", {})))


def test_several_output_steps(graph: Graph, peer_graph: HeteroData, agree: Callable[..., None]) -> None:
    processor = GnnProcessor, {"num_layers": LAYERS, "activation": "gelu"}
    model = our_model(graph, processor, (GnnMapper, {"activation": "gelu"}), output_steps=3)
    agree("gnn, 3 output steps, whole model", same_model(model, peer_graph, peer_config("gnn", {}), output_steps=3))


def test_graph_transformer(graph: Graph, peer_graph: HeteroData, agree: Callable[..., None]) -> None:
    processor = GraphTransformerProcessor, {"num_layers": LAYERS, "num_heads": HEADS}
    model = our_model(graph, processor, (GraphTransformerMapper, {"num_heads": HEADS}))
    agree("graph-transformer, whole model", same_model(model, peer_graph, peer_config("graphtransformer", {})))


@pytest.mark.parametrize("window", [None, 20])
def test_transformer(graph: Graph, peer_graph: HeteroData, agree: Callable[..., None], window: int | None) -> None:
    """Between graph transformers, as in the preset of that name."""
    processor = TransformerProcessor, {"num_layers": LAYERS, "window": window, **SAME}
    model = our_model(graph, processor, (GraphTransformerMapper, {"num_heads": HEADS}))
    bare = without_edges(peer_graph, ("hidden", "hidden"))
    found = same_model(model, bare, peer_config("transformer", {"window_size": window}))
    agree(f"transformer, {described(window)}, whole model", found)


@pytest.mark.parametrize("window", [None, 20])
def test_transformer_between_transformers(
    graph: Graph, peer_graph: HeteroData, agree: Callable[..., None], window: int | None
) -> None:
    processor = TransformerProcessor, {"num_layers": LAYERS, "window": window, **SAME}
    model = our_model(graph, processor, (TransformerMapper, {"window": None, **SAME}))
    config = peer_config("transformer_transformermapper", {})
    config["model"]["processor"]["window_size"] = window
    bare = without_edges(peer_graph, ("data", "hidden"), ("hidden", "hidden"), ("hidden", "data"))
    found = same_model(model, bare, config)
    agree(f"transformer between transformers, {described(window)}, whole model", found)


def test_weights_come_through_files(graph: Graph, peer_graph: HeteroData, tmp_path: Path) -> None:
    """Saved in both ways that the documentation tells; only one of them keeps both names of a norm that has two."""
    theirs, layout = stirred_peer(peer_graph, peer_config("graphtransformer", {}))
    save_model(theirs, tmp_path / "weights.safetensors")
    torch.save(theirs.state_dict(), tmp_path / "weights.pt")
    torch.save(theirs, tmp_path / "model.pt")
    processor = GraphTransformerProcessor, {"num_layers": LAYERS, "num_heads": HEADS}
    models = [our_model(graph, processor, (GraphTransformerMapper, {"num_heads": HEADS})) for _ in range(3)]
    fill_from_anemoi(models[0], theirs.state_dict(), layout, ROLES, names_of_model(models[0]))
    for model, name in zip(models[1:], ("weights.safetensors", "weights.pt"), strict=True):
        fill_from_anemoi(model, read_anemoi_weights(tmp_path / name), layout, ROLES, names_of_model(model))
        for ours, value in models[0].state_dict().items():
            assert torch.equal(model.state_dict()[ours], value)
    with pytest.raises(ArtefactError, match="pickled model"):
        read_anemoi_weights(tmp_path / "model.pt")
