"""The nodes of a source in the order of the training, whatever their order in the source."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wxml import DataError, DataSource, Grid
from wxml.data.source_fit import on_grid
from wxml.testing import TravellingWaves

WAVES = TravellingWaves(days=2, members=2)
TRAINED = WAVES.header.grid


class Shuffled(DataSource):
    """The waves, with their nodes in another order."""

    def __init__(self, order: list[int]) -> None:
        self.order = np.array(order)
        places = TRAINED.latitudes[order], TRAINED.longitudes[order] - 360
        self.header = replace(WAVES.header, grid=Grid.unstructured(*places, TRAINED.area_weights[order]))

    def _read(self, time_indices, variable_indices, out) -> None:  # type: ignore[no-untyped-def]
        names = [self.header.names[index] for index in variable_indices]
        out[:] = WAVES.read(self.header.times[time_indices], names)[..., self.order]

    def provenance(self) -> dict[str, object]:
        return {"kind": "shuffled"}


@settings(deadline=None)
@given(st.permutations(range(len(TRAINED))), st.permutations(["t", "q"]))
def test_any_order_of_nodes_reads_the_same(order: list[int], names: list[str]) -> None:
    source = on_grid(Shuffled(order), TRAINED)
    times = WAVES.header.times[[3, 0, 3]]
    np.testing.assert_array_equal(source.read(times, names), WAVES.read(times, names))
    assert source.header.grid.identity == TRAINED.identity
    assert source.provenance() == {"kind": "shuffled"}


def test_nodes_in_the_order_of_the_training_are_read_as_they_are() -> None:
    assert on_grid(WAVES, TRAINED) is WAVES


@pytest.mark.parametrize("node", [0, 17, 47])
def test_one_other_node_is_refused(node: int) -> None:
    latitudes = TRAINED.latitudes.copy()
    latitudes[node] += 0.001
    with pytest.raises(DataError, match="with other nodes: 48 nodes from"):
        on_grid(WAVES, Grid.unstructured(latitudes, TRAINED.longitudes))
