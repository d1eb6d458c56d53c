"""HeteroData of PyTorch Geometric: there and back, what a network of it computes, and what is refused."""

from typing import Any

import numpy as np
import pytest
from wxml import Graph
from wxml.errors import DataError
from wxml.testing import tiny_graph, tiny_grid
from wxml_graph_viewer.exchange import from_hetero_data, to_hetero_data

torch = pytest.importorskip("torch", reason="torch is not installed here")
pytest.importorskip("torch_geometric", reason="torch-geometric is not installed here")
carries_out = pytest.mark.carries_out


@pytest.fixture
def graph() -> Graph:
    """A graph with a coarser level of the mesh, and attributes."""
    graph = tiny_graph(tiny_grid(), levels=1)
    area = np.linspace(0.1, 1, 48)
    grid = graph.nodes["grid"].with_attributes(area=area, boundary=area > 0.8, frame=np.stack([area, -area], axis=1))
    return Graph({**graph.nodes, "grid": grid}, graph.edges)


def test_a_graph_comes_back(graph: Graph) -> None:
    again = from_hetero_data(to_hetero_data(graph))
    assert again.identity == graph.identity
    assert again.edges.keys() == graph.edges.keys()
    grid = again.nodes["grid"]
    assert grid.latitudes == pytest.approx(graph.nodes["grid"].latitudes, abs=1e-12)
    assert {key: (values.dtype, values.shape) for key, values in grid.attributes.items()} == {
        "area": (np.float64, (48,)), "boundary": (bool, (48,)), "frame": (np.float64, (48, 2)),
    }  # fmt: skip


def test_the_layout_is_that_of_anemoi_graphs(graph: Graph) -> None:
    data = to_hetero_data(graph)
    assert np.degrees(data["mesh"].x.numpy()[:, 0]) == pytest.approx(graph.nodes["mesh"].latitudes)
    edges = graph.edges["grid", "mesh"]
    assert data["grid", "to", "mesh"].edge_index.tolist() == [edges.source.tolist(), edges.target.tolist()]
    assert data.validate(raise_on_error=True)


def test_the_order_of_edges_does_not_count(graph: Graph) -> None:
    data = to_hetero_data(graph)
    for kind in data.edge_types:
        order = torch.randperm(data[kind].edge_index.shape[1], generator=torch.Generator().manual_seed(0))
        data[kind].edge_index, data[kind].edge_attr = data[kind].edge_index[:, order], data[kind].edge_attr[order]
    assert from_hetero_data(data).identity == graph.identity


def test_features_are_made_where_there_are_none(graph: Graph) -> None:
    data = to_hetero_data(graph)
    for kind in data.edge_types:
        del data[kind].edge_attr
    assert from_hetero_data(data).identity == graph.identity


def test_a_convolution_of_the_library_reads_it(graph: Graph) -> None:
    from torch_geometric.nn import SimpleConv

    data, edges = to_hetero_data(graph), graph.edges["grid", "mesh"]
    states = torch.arange(48.0)[:, None]
    summed = SimpleConv(aggr="sum")((states, torch.zeros(12, 1)), data["grid", "to", "mesh"].edge_index)
    assert summed[:, 0].numpy() == pytest.approx(np.bincount(edges.target, edges.source, 12))


def spoil(data: Any, what: str) -> None:
    pair = ("grid", "to", "mesh")
    if what == "x":
        data["mesh"].x = data["mesh"].x[:, 0]
    elif what == "index":
        data[pair].edge_index = data[pair].edge_index[0]
    elif what == "features":
        data[pair].edge_attr = data[pair].edge_attr[1:]
    else:
        data["grid", "also", "mesh"].edge_index = data[pair].edge_index


FAULTS = [
    pytest.param("x", r"nodes `mesh` need `x`, .* got \[12\]", marks=carries_out("set data[name].x before")),
    pytest.param(
        "index",
        r"edges grid → mesh need `edge_index` of shape \[2, edge\]",
        marks=carries_out("set it in the data before"),
    ),
    pytest.param(
        "features",
        "edges grid → mesh need `edge_attr` of shape",
        marks=carries_out("give one row for each edge, or leave it out"),
    ),
    pytest.param(
        "also",
        "two relations join `grid` to `mesh`",
        marks=carries_out("unite the edges in one relation, or give their nodes other names"),
    ),
]


@pytest.mark.parametrize(("what", "message"), FAULTS)
def test_what_is_no_graph_is_refused(graph: Graph, what: str, message: str) -> None:
    data = to_hetero_data(graph)
    spoil(data, what)
    with pytest.raises(DataError, match=message):
        from_hetero_data(data)
    whole = to_hetero_data(graph)
    if what == "x":
        data["mesh"].x = whole["mesh"].x
    elif what == "also":
        del data["grid", "also", "mesh"]
    else:
        pair = ("grid", "to", "mesh")
        data[pair].edge_index, data[pair].edge_attr = whole[pair].edge_index, whole[pair].edge_attr
    assert from_hetero_data(data).identity == graph.identity
