"""Rotary embeddings: scores depend on differences of places alone, in closed form."""

import numpy as np
import pytest
import torch
from wxml import ConfigError, NodeSet
from wxml_processor_transformer.rotary import rotary_pair


def scores(position: str, nodes: NodeSet, ranks: np.ndarray, size: int = 8) -> torch.Tensor:
    """The product of one query and one key, put at every pair of nodes; shape `[node, node]`."""
    torch.manual_seed(2)
    query, key = (torch.randn(1, 1, 1, size).expand(1, 1, len(nodes), size) for _ in range(2))
    turn_query, turn_key = rotary_pair(position, size, (nodes, ranks), (nodes, ranks))
    return (turn_query(query) @ turn_key(key).transpose(-1, -2))[0, 0]


def line(latitudes: list[float], longitudes: list[float]) -> NodeSet:
    return NodeSet(np.array(latitudes), np.array(longitudes))


def test_by_rank_scores_depend_on_the_distance_in_the_list() -> None:
    found = scores("rank", line([0.0] * 20, [0.0] * 20), np.arange(20))
    for shift in (-3, 0, 5):
        diagonal = torch.diagonal(found, shift)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal), rtol=1e-5, atol=1e-5)
    assert (found[0, 0] - found[0, 5]).abs() > 0.1


def test_by_rank_a_plane_turns_by_its_frequency() -> None:
    """With d = 4, plane 0 turns by the rank r, plane 1 by r / 100: q = k = (1, 1, 0, 0) gives cos r + cos(r / 100)."""
    nodes, ranks = line([0.0] * 4, [0.0] * 4), np.array([0, 1, 2, 7])
    turn, _ = rotary_pair("rank", 4, (nodes, ranks), (nodes, ranks))
    turned = turn(torch.tensor([1.0, 1, 0, 0]).expand(1, 1, 4, 4))[0, 0]
    expected = torch.cos(torch.from_numpy(ranks)) + torch.cos(torch.from_numpy(ranks) / 100)
    torch.testing.assert_close(turned @ turned[0], expected.float())


def test_on_the_sphere_scores_depend_on_differences_of_longitude_and_latitude() -> None:
    """Moving both nodes along a meridian or a parallel changes nothing, across the date line neither."""
    nodes = line([0, 20, 30, 50, 0, 20], [350.0, 10, 350, 10, 170, 190])
    found = scores("sphere", nodes, np.arange(6))
    torch.testing.assert_close(found[0, 1], found[2, 3], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(found[0, 1], found[4, 5], rtol=1e-5, atol=1e-5)
    assert (found[0, 1] - found[1, 0]).abs() > 0.1


def test_on_the_sphere_longitude_wraps() -> None:
    nodes = line([10.0, 10], [5.0, 365])
    turn, _ = rotary_pair("sphere", 8, (nodes, np.arange(2)), (nodes, np.arange(2)))
    first, second = turn(torch.ones(1, 1, 2, 8))[0, 0]
    torch.testing.assert_close(first, second)


@pytest.mark.parametrize(("position", "size"), [("rank", 5), ("sphere", 6)])
def test_odd_heads_are_refused(position: str, size: int) -> None:
    nodes = line([0.0], [0.0]), np.arange(1)
    with pytest.raises(ConfigError, match=f"channels in a head, got {size}"):
        rotary_pair(position, size, nodes, nodes)


def test_no_position_no_rotation() -> None:
    assert rotary_pair("none", 8, (line([0.0], [0.0]), np.arange(1)), (line([0.0], [0.0]), np.arange(1))) is None
