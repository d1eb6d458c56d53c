"""The point-wise processor is that of anemoi-models."""

from collections.abc import Callable

import torch
from parameter_match import compare, matched_parts
from peer_graph import edges_of
from peer_parts import CHANNELS, PeerProcessor, peer_config
from torch_geometric.data import HeteroData
from wxml.graphs.graph import Graph
from wxml.model.processor import ProcessorChannels
from wxml_processor_gnn.ablations import PointWiseProcessor


def test_the_processor(graph: Graph, peer_graph: HeteroData, agree: Callable[..., None]) -> None:
    ours = PointWiseProcessor(graph.mesh(), ProcessorChannels(CHANNELS), num_layers=3)
    theirs = PeerProcessor(peer_graph, peer_config("point_wise", {}), 3)
    inputs = (torch.randn(2, len(graph.nodes["mesh"]), CHANNELS),)
    matched = matched_parts(ours, edges_of(peer_graph)["mesh", "mesh"])
    agree("point-wise processor, 3 layers", compare((ours, lambda state: (ours(state),)), theirs, inputs, matched))
