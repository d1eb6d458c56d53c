"""Attributes of nodes: what they may be, files, and the identity of a graph."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from safetensors.numpy import load_file, save_file
from wxml import ArtefactError, ContractError, Graph, NodeSet
from wxml.graphs.stored import stored_graph
from wxml.testing import tiny_graph, tiny_grid

GRID = tiny_grid(4, 6)
GRAPH = tiny_graph(GRID)
COUNT = len(GRAPH.nodes["mesh"])
IDENTITY = "7d078d0706b30c9e"
"""Of `GRAPH`, computed before nodes had attributes."""


def with_attributes(**attributes: np.ndarray) -> Graph:
    return Graph({**GRAPH.nodes, "mesh": GRAPH.nodes["mesh"].with_attributes(**attributes)}, GRAPH.edges)


def test_the_identity_of_a_graph_without_attributes_is_what_it_was() -> None:
    assert GRAPH.identity == IDENTITY


shapes = st.sampled_from([(COUNT,), (COUNT, 1), (COUNT, 3)])
values = arrays(np.float32, shapes, elements=st.floats(-1e3, 1e3, width=32)) | arrays(
    st.sampled_from([np.bool_, np.int64, np.uint8]), shapes
)


@given(values, st.sampled_from(["area", "x", "cell_area.km2"]))
def test_a_file_keeps_attributes_bit_for_bit(given_values: np.ndarray, name: str) -> None:
    graph = with_attributes(**{name: given_values})
    again = stored_graph(graph.to_arrays(), len(GRID), "graph.safetensors")
    found = again.nodes["mesh"].attributes[name]
    assert (found.dtype, found.tobytes()) == (given_values.dtype, given_values.tobytes())
    assert again.identity == graph.identity != IDENTITY


def test_attributes_survive_a_safetensors_file(tmp_path: Path) -> None:
    graph = with_attributes(boundary=np.arange(COUNT) < 4, area=np.linspace(0, 1, COUNT))
    save_file(graph.to_arrays(), tmp_path / "graph")  # type: ignore[arg-type]
    again = stored_graph(load_file(tmp_path / "graph"), len(GRID), "graph")
    assert again.nodes["mesh"].boundary.sum() == 4
    assert not again.nodes["grid"].boundary.any()
    assert again.identity == graph.identity


def test_the_identity_tells_attributes_apart_and_forgives_last_bits() -> None:
    areas = 5.1e14 / COUNT * np.linspace(0.5, 1.5, COUNT)  # m²
    one = with_attributes(area=areas).identity
    assert with_attributes(area=np.nextafter(areas, 0)).identity == one
    others = [
        with_attributes(area=areas * 1.001),
        with_attributes(area=areas[::-1].copy()),
        with_attributes(size=areas),
        with_attributes(area=areas[:, None]),
        with_attributes(area=areas.astype(np.int64)),
        with_attributes(area=areas / 5.1e14),
    ]
    assert len({one, *(graph.identity for graph in others)}) == 7


@pytest.mark.parametrize(
    ("name", "given_values", "message"),
    [
        ("area", np.ones(COUNT - 1), rf"shape \[{COUNT}\] or \[{COUNT}, k\], got float64 of shape \[{COUNT - 1}\]"),
        ("area", np.ones((COUNT, 2, 2)), "got float64 of shape"),
        ("area", np.full(COUNT, "x"), "got <U1 of shape"),
        ("area", np.ones(COUNT, complex), "got complex128 of shape"),
        ("area", np.array(1.0), r"got float64 of shape \[\]"),
        ("area", np.r_[np.ones(COUNT - 2), np.nan, np.inf], "must be finite, got 2 values that are not"),
        ("boundary", np.ones(COUNT), f"must be truth values of shape .{COUNT}., got float64"),
        ("a/b", np.ones(COUNT), "name of a node attribute must have letters"),
        ("", np.ones(COUNT), "name of a node attribute must have letters"),
    ],
)
def test_what_is_no_attribute_is_refused(name: str, given_values: np.ndarray, message: str) -> None:
    with pytest.raises(ContractError, match=message):
        with_attributes(**{name: given_values})
    with pytest.raises(ArtefactError, match=message if name not in ("", "a/b") else "must be|shape"):
        stored_graph({**GRAPH.to_arrays(), f"nodes/mesh/attributes/{name}": given_values}, len(GRID), "graph")


@given(st.lists(st.integers(0, COUNT - 1), max_size=20))
def test_nodes_are_taken_with_their_attributes(numbers: list[int]) -> None:
    nodes = GRAPH.nodes["mesh"].with_attributes(number=np.arange(COUNT))
    taken = nodes.take(np.array(numbers, int))
    assert list(taken.attributes["number"]) == numbers
    assert list(taken.latitudes) == [nodes.latitudes[number] for number in numbers]
    assert list(nodes.take(np.arange(COUNT) % 2 == 0).attributes["number"]) == list(range(0, COUNT, 2))


def test_further_attributes_replace_those_of_the_same_name() -> None:
    nodes = NodeSet(np.zeros(2), np.zeros(2), {"a": np.zeros(2), "b": np.zeros(2)})
    after = nodes.with_attributes(a=np.ones(2))
    assert [after.attributes[name].tolist() for name in "ab"] == [[1, 1], [0, 0]]
    assert nodes.attributes["a"].tolist() == [0, 0]
