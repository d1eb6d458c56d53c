"""A small world in double precision: one graph, and the GNN's parts on it."""

import pytest
import torch
from wxml import Graph, MapperChannels
from wxml.model.processor import ProcessorChannels
from wxml.testing import tiny_graph, tiny_grid
from wxml_processor_gnn.mapper import GnnMapper
from wxml_processor_gnn.processor import GnnProcessor

HIDDEN = 6


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(7)


@pytest.fixture
def graph() -> Graph:
    """24 grid nodes, 10 mesh nodes."""
    return tiny_graph(tiny_grid(4, 6), mesh_nodes=10)


@pytest.fixture
def processor(graph: Graph) -> GnnProcessor:
    return GnnProcessor(graph.mesh(), ProcessorChannels(HIDDEN), num_layers=3).double()


@pytest.fixture
def encoder(graph: Graph) -> GnnMapper:
    return GnnMapper(graph.route("grid", "mesh"), MapperChannels(5, 4, HIDDEN, HIDDEN)).double()


@pytest.fixture
def decoder(graph: Graph) -> GnnMapper:
    channels = MapperChannels(HIDDEN, HIDDEN, HIDDEN, 2, decode=True)
    return GnnMapper(graph.route("mesh", "grid"), channels).double()
