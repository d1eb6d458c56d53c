"""Forcings of a sample: taken from a tensor, or read once each when a call needs them."""

from collections.abc import Sequence

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from wxml.data.read_request import Positions
from wxml.model.sample_forcings import SampleForcings, kept
from wxml.model.unroll import unroll

VALUES = torch.arange(24.0).reshape(2, 12, 1, 1)

slices = st.integers(0, 11).flatmap(lambda first: st.builds(slice, st.just(first), st.integers(first + 1, 12)))
lists = st.lists(st.integers(0, 11), min_size=1, max_size=5).map(lambda at: np.array(at, np.intp))


@given(st.lists(slices | lists, min_size=1, max_size=8))
def test_what_is_read_when_it_is_needed_equals_what_is_taken_from_the_whole(wanted: list[Positions]) -> None:
    lazy, whole = SampleForcings(12, kept(lambda at: VALUES[:, list(at)])), SampleForcings.of(VALUES)
    for positions in wanted:
        assert torch.equal(lazy.at(positions), whole.at(positions))


def test_a_rollout_reads_each_time_once_and_not_before_the_step_that_needs_it() -> None:
    log: list[list[int]] = []

    def read(at: Sequence[int]) -> Tensor:
        log.append(list(at))
        return VALUES[:, list(at)]

    steps = unroll(lambda states, _: states[:, -1:] + 1, torch.zeros(2, 3, 1, 1), SampleForcings(7, kept(read)))
    assert log == []
    seen = [(float(next(steps)[0, 0, 0]), len(log)) for _ in range(5)]
    assert seen == [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5)]
    assert log == [[0, 1, 2], [3], [4], [5], [6]]


def test_the_first_times_alone() -> None:
    assert SampleForcings.of(VALUES).until(5).times == 5
    assert SampleForcings.of(VALUES).until(99).times == 12
