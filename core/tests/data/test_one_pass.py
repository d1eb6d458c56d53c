"""Each instant is read once, whatever the times, the time step and the memory; the bits never depend on it."""

import threading
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from wxml import DataSource, Moments, SourceHeader, Variable
from wxml.data.one_pass import moments_of
from wxml.testing import tiny_grid

HOUR = np.timedelta64(3600, "s")
BYTES = 4 * 2 * 2 * 4  # of one time: 2 members, 2 variables, 4 nodes
IRREGULAR = st.lists(st.integers(0, 40), min_size=1, max_size=25, unique=True).map(sorted)


class Counted(DataSource):
    """Random values with gaps at some hours; counts how often each time is read."""

    def __init__(self, hours: list[int]) -> None:
        times = np.datetime64("2000-01-01", "s") + np.array(hours) * HOUR
        self.header = SourceHeader(tiny_grid(1, 4), (Variable("t"), Variable("q")), times, members=2)
        random = np.random.default_rng(len(hours))
        self.values = random.normal(280, 5, (len(hours), 2, 2, 4)).astype(np.float32)
        self.values[random.random(self.values.shape) < 0.1] = np.nan
        self.reads: Counter[int] = Counter()
        self.longest = 0

    def _read(self, time_indices, variable_indices, out) -> None:  # type: ignore[no-untyped-def]
        self.reads.update(time_indices.tolist())
        self.longest = max(self.longest, len(time_indices))
        out[:] = self.values[time_indices][:, :, variable_indices]

    def provenance(self) -> dict[str, object]:
        return {}


def found(source: Counted, step: int, chunk: int, kept: int) -> tuple[Moments, Moments]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wxml.data.one_pass.CHUNK_BYTES", chunk * BYTES)
        patch.setattr("wxml.data.one_pass.KEPT_BYTES", kept * BYTES)
        return moments_of(source, ("t", "q"), source.header.times, step * HOUR)


@given(IRREGULAR, st.integers(1, 30), st.integers(0, 30), st.integers(0, 10))
def test_one_read_of_each_time_and_the_same_bits(hours: list[int], step: int, chunk: int, kept: int) -> None:
    source, weights = Counted(hours), tiny_grid(1, 4).area_weights
    values, changes = found(source, step, chunk, kept)
    assert source.reads == dict.fromkeys(range(len(hours)), 1)
    assert source.longest <= max(1, chunk)
    expected = Moments.stack([Moments.of(one, weights) for one in source.values])
    assert bits(values) == bits(expected)
    for row, hour in enumerate(hours):
        change = Moments.nothing(2)
        if hour + step in hours:
            later = source.values[hours.index(hour + step)]
            change = Moments.of_change(source.values[row], later, weights)
        assert bits(changes[row]) == bits(change)


@pytest.mark.parametrize(("kept", "order"), [(4, [0, 1, 2, 3, 4, 5, 6, 7]), (3, [0, 4, 1, 5, 2, 6, 3, 7])])
def test_the_memory_decides_the_order(kept: int, order: list[int]) -> None:
    """Eight hours and steps of four: in the order of the times four instants wait, else they are read in chains."""
    source = Counted(list(range(8)))
    found(source, step=4, chunk=1, kept=kept)
    assert list(source.reads) == order


def test_what_is_kept_is_the_mapped_value() -> None:
    source = Counted([0, 1, 2])

    def doubled(values: NDArray[np.float32], variables: tuple[str, ...]) -> NDArray[np.float32]:
        assert variables == ("t", "q")
        return 2 * values

    plain, double = (moments_of(source, ("t", "q"), source.header.times, HOUR, forward) for forward in (None, doubled))
    for once, twice in zip(plain, double, strict=True):
        np.testing.assert_array_equal(twice.mean, 2 * once.mean)


def test_a_portion_is_read_while_the_one_before_is_computed_with(monkeypatch: pytest.MonkeyPatch) -> None:
    source, second = Counted([0, 1, 2]), threading.Event()
    read = source._read

    def telling(time_indices, variable_indices, out) -> None:  # type: ignore[no-untyped-def]
        if time_indices[0] == 1:
            second.set()
        read(time_indices, variable_indices, out)

    def waiting(values: NDArray[np.float32], _: tuple[str, ...]) -> NDArray[np.float32]:
        assert second.wait(60)
        return values

    monkeypatch.setattr(source, "_read", telling)
    monkeypatch.setattr("wxml.data.one_pass.CHUNK_BYTES", BYTES)
    moments_of(source, ("t", "q"), source.header.times, HOUR, waiting)


def test_an_error_of_a_later_portion_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Counted([0, 1, 2])
    monkeypatch.setattr(source, "values", source.values[:2])
    monkeypatch.setattr("wxml.data.one_pass.CHUNK_BYTES", BYTES)
    with pytest.raises(IndexError):
        moments_of(source, ("t", "q"), source.header.times, HOUR)


def bits(moments: Moments) -> list[bytes]:
    return [array.tobytes() for array in moments.arrays().values()]
