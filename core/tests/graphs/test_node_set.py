"""The places of nodes as unit vectors."""

import copy
import gc

import numpy as np
import pytest
from wxml import NodeSet
from wxml.data.sphere import unit_vectors
from wxml.graphs import node_set


def nodes() -> NodeSet:
    return NodeSet(np.array([10.0, -50.0]), np.array([0.0, 200.0]))


def test_points_that_somebody_holds_are_not_made_again() -> None:
    made = nodes()
    held = made.points
    assert made.points is held
    np.testing.assert_array_equal(held, unit_vectors(made.latitudes, made.longitudes))
    with pytest.raises(ValueError, match="read-only"):
        held[0] = 0.0


def test_points_that_nobody_holds_take_no_memory() -> None:
    made = nodes()
    held = node_set._HELD
    assert made.points.shape == (2, 3)
    gc.collect()
    assert held[made]() is None
    before = len(held)
    del made
    gc.collect()
    assert len(held) == before - 1


def test_a_copy_has_points_of_its_own() -> None:
    made = nodes()
    held = made.points
    other = copy.deepcopy(made)
    assert other.points is not held
    np.testing.assert_array_equal(other.points, held)
