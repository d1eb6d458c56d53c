"""The features of edges are embedded once in a forecast, and at every call elsewhere."""

from collections.abc import Callable
from contextlib import suppress

import pytest
import torch
from torch import Tensor
from wxml.graphs.graph import EdgeSet
from wxml.model.features import EdgeFeatures, kept_features


@pytest.fixture
def features() -> EdgeFeatures:
    nodes = torch.arange(3).numpy()
    edges = EdgeSet(nodes, nodes, 3, 3, torch.eye(3).numpy())
    return EdgeFeatures(edges, trainable=2)


def counted() -> tuple[Callable[[Tensor], Tensor], list[int]]:
    calls: list[int] = []

    def embed(values: Tensor) -> Tensor:
        calls.append(len(values))
        return 2 * values

    return embed, calls


def test_inside_the_block_they_are_embedded_once(features: EdgeFeatures) -> None:
    embed, calls = counted()
    with kept_features(torch.nn.Sequential(features)):
        first, again = features.embedded(embed), features.embedded(embed)
    assert calls == [3]
    assert again is first
    torch.testing.assert_close(first, 2 * features(), rtol=0, atol=0)


def test_outside_of_it_each_call_sees_the_weights_of_today(features: EdgeFeatures) -> None:
    embed, calls = counted()
    with kept_features(features):
        features.embedded(embed)
    with torch.no_grad():
        assert features.trainable is not None
        features.trainable.fill_(3.0)
    assert features.embedded(embed)[:, 3:].unique().tolist() == [6.0]
    assert features.embedded(embed).requires_grad
    assert len(calls) == 3


def test_a_block_that_fails_keeps_nothing(features: EdgeFeatures) -> None:
    embed, calls = counted()
    with suppress(RuntimeError), kept_features(features):
        features.embedded(embed)
        raise RuntimeError
    features.embedded(embed)
    assert len(calls) == 2
