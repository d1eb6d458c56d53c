"""Lengths and directions of edges are the same however many are reckoned at a time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wxml import NodeSet
from wxml.graphs import edge_geometry
from wxml.graphs.edge_geometry import edge_features, spread


@given(st.integers(0, 300), st.integers(1, 3), st.integers(0, 2**32))
def test_the_spread_is_the_standard_deviation_bit_for_bit(rows: int, columns: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(1.0, 1e-3, (rows, columns))
    block = edge_geometry.BLOCK
    try:
        edge_geometry.BLOCK = 128  # NumPy sums up so many values in one go
        assert spread(values) == (values.std() if values.size else 0.0)
    finally:
        edge_geometry.BLOCK = block


@pytest.mark.parametrize("block", [1, 7, 128])
def test_features_do_not_depend_on_the_block(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    random = np.random.default_rng(0)
    nodes = [
        NodeSet(
            np.append(random.uniform(-90, 90, 20), [90.0, -90.0]), np.append(random.uniform(0, 360, 20), [5.0, 7.0])
        )
        for _ in range(2)
    ]
    ends = random.integers(0, 22, (2, 200))
    whole = edge_features(*nodes, *ends)
    monkeypatch.setattr(edge_geometry, "_squares", lambda values, mean: np.sum((values - mean) ** 2))
    monkeypatch.setattr(edge_geometry, "BLOCK", block)
    np.testing.assert_allclose(edge_features(*nodes, *ends), whole, rtol=1e-6)
    assert whole.shape == (200, 3)


def test_no_edges_have_no_features() -> None:
    nodes = NodeSet(np.zeros(1), np.zeros(1))
    assert edge_features(nodes, nodes, *np.empty((2, 0), np.int64)).shape == (0, 3)
