"""Nodes in the order of their degrees, worked by hand."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from wxml_kernels.degree_blocks import Block, DegreeOrder


def order_of(degrees: list[int]) -> DegreeOrder:
    """Edges numbered node after node; the other end of edge n is node 10 n."""
    pointers = np.concatenate([[0], np.cumsum(degrees)]).astype(np.int64)
    numbers = np.arange(sum(degrees))
    return DegreeOrder(numbers, pointers, 10 * numbers)


def test_equal_degrees_come_together_in_the_order_of_the_nodes() -> None:
    order = order_of([2, 0, 1, 2, 1])
    assert order.nodes.tolist() == [1, 2, 4, 0, 3]
    assert order.edges.tolist() == [2, 5, 0, 1, 3, 4]
    assert order.others.tolist() == [20, 50, 0, 10, 30, 40]
    assert order.isolated == 1


def test_blocks_by_hand() -> None:
    order = order_of([2, 0, 1, 2, 1])
    ones, twos = Block(slice(1, 3), slice(0, 2), 1), Block(slice(3, 5), slice(2, 6), 2)
    assert order.blocks(100) == [ones, twos]
    first, second = Block(slice(3, 4), slice(2, 4), 2), Block(slice(4, 5), slice(4, 6), 2)
    assert order.blocks(3) == [ones, first, second]
    assert order.blocks(1) == [Block(slice(1, 2), slice(0, 1), 1), Block(slice(2, 3), slice(1, 2), 1), first, second]


@settings(deadline=None)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=20), st.integers(1, 12))
def test_blocks_hold_every_edge_once_and_places_turn_the_order_round(degrees: list[int], most: int) -> None:
    order = order_of(degrees)
    assert order.nodes[order.places].tolist() == list(range(len(degrees)))
    assert order.edges[order.places_of_edges].tolist() == list(range(sum(degrees)))
    node, edge = order.isolated, 0
    for block in order.blocks(most):
        assert (block.nodes.start, block.edges.start) == (node, edge)
        count = block.nodes.stop - block.nodes.start
        assert block.edges.stop - block.edges.start == count * block.degree
        assert count == 1 or count * block.degree <= most
        assert [degrees[n] for n in order.nodes[block.nodes].tolist()] == [block.degree] * count
        node, edge = block.nodes.stop, block.edges.stop
    assert (node, edge) == (len(degrees), sum(degrees))
