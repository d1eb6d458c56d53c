"""The order of samples: permutations that can be entered anywhere."""

from itertools import chain

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from wxml.data.sample_batch import ReadingCost, SampleBatch
from wxml_trainer_lightning.batches import SampleOrder, Samples, evenly_spaced, sample_indices
from wxml_trainer_lightning.loading import Loading
from wxml_trainer_lightning.rollout import Rollout
from wxml_trainer_lightning.schedule import Budget


class Listed(list):
    """Samples of a period, of which nothing was filled in."""

    def batch(self, indices) -> SampleBatch:
        values = np.stack([self[index] for index in indices])
        return SampleBatch(values, np.zeros((len(values), 1, values.shape[-1]), bool), ReadingCost())


SEEDS = st.integers(-(2**31), 2**63)


@given(SEEDS, st.integers(1, 40), st.integers(1, 10))
def test_every_epoch_is_a_permutation(seed, count, epochs) -> None:
    drawn = list(chain.from_iterable(sample_indices(seed, step, 1, count) for step in range(count * epochs)))
    for epoch in range(epochs):
        assert sorted(drawn[epoch * count : (epoch + 1) * count]) == list(range(count))


@given(SEEDS, st.integers(1, 40), st.integers(1, 50), st.integers(0, 200))
def test_the_batch_size_cuts_the_same_row_into_other_pieces(seed, count, batch_size, step) -> None:
    singly = [sample_indices(seed, place, 1, count)[0] for place in range(step * batch_size, (step + 1) * batch_size)]
    assert sample_indices(seed, step, batch_size, count) == singly


def test_seeds_and_epochs_differ() -> None:
    rows = {tuple(sample_indices(seed, step, 50, 50)) for seed in range(5) for step in range(5)}
    assert len(rows) == 25


@given(st.integers(0, 30), st.integers(1, 5), st.integers(1, 4))
def test_an_order_entered_late_goes_on_as_if_it_had_run_from_the_start(first, batch_size, maximum) -> None:
    sets = {steps: [np.zeros((2 + steps, 1, 1), np.float32)] * (20 - steps) for steps in range(1, maximum + 1)}
    rollout, budget = Rollout(start=1, maximum=maximum), Budget(30, None)
    whole = list(SampleOrder(sets, 7, batch_size, 0, budget, rollout))
    late = SampleOrder(sets, 7, batch_size, first, budget, rollout)
    assert list(late) == whole[first:]
    assert len(late) == 30 - first


def test_batches_are_as_long_as_the_rollout_at_the_time() -> None:
    sets = {steps: Listed(np.full((2 + steps, 3, 4), index, np.float32) for index in range(9)) for steps in (1, 2)}
    order = SampleOrder(sets, 0, 2, 0, Budget(4, None), Rollout(start=1, maximum=2))
    batches = list(Loading().training(Samples(sets), order))
    assert [tuple(batch.values.shape) for batch in batches] == [(2, 3, 4, 3)] * 2 + [(2, 4, 4, 3)] * 2
    assert batches[3].values[:, 0, 0, 0].tolist() == sample_indices(0, 3, 2, 9)


def test_workers_read_the_same_batches_in_the_same_order() -> None:
    sets = {1: Listed(np.full((3, 1, 1), index, np.float32) for index in range(9))}
    order = SampleOrder(sets, 3, 2, 0, Budget(6, None), Rollout())
    here, there = (
        [batch.values[:, 0, 0, 0].tolist() for batch in Loading(n).training(Samples(sets), order)] for n in (0, 1)
    )
    assert here == there


@given(st.integers(1, 100), st.integers(1, 100))
def test_validation_samples_are_spread_over_the_whole_period(count, wanted) -> None:
    chosen = evenly_spaced(count, wanted)
    assert len(chosen) == len(set(chosen)) == min(count, wanted)
    assert chosen[0] == 0
    assert chosen[-1] == count - 1 or wanted == 1


def test_validation_batches_are_the_same_every_time() -> None:
    samples = Listed(np.full((3, 1, 1), index, np.float32) for index in range(10))
    batches = Loading().validation(samples, wanted=5, batch_size=2)
    for _ in range(2):
        assert [batch.values[:, 0, 0, 0].tolist() for batch in batches] == [[0.0, 2.0], [4.0, 7.0], [9.0]]
