"""Members of an ensemble in training: the same noise in any batch, and what an ensemble needs."""

from itertools import product

import numpy as np
import pytest
import torch
from torch import nn
from wxml import CombinedLoss, Loss, LossWeights, MemberForecast
from wxml.data.sample_batch import ReadingCost
from wxml.errors import ConfigError
from wxml.training.combined_loss import LossPart
from wxml_losses.pointwise import Squared
from wxml_trainer_lightning.batch_forecast import BatchForecast, Layout
from wxml_trainer_lightning.batches import Batch
from wxml_trainer_lightning.ensemble import Ensemble, check_ensemble, noise_seed

NODES, STEPS = 5, 2


class Crps(Loss):
    """The fair CRPS, (1/M) Σ |x_i − y| − Σ_{i<j} |x_i − x_j| / (M (M − 1)), as it is written."""

    takes_members = True

    def forward(self, forecast, truth):
        members = forecast.shape[1]
        skill = (forecast - truth[:, None]).abs().mean(1)
        pairs = (forecast[:, :, None] - forecast[:, None]).abs().sum((1, 2)) / 2
        return self.reduced(skill - pairs / (members * (members - 1)), torch.ones_like(truth, dtype=torch.bool))


def area(loss):
    return loss(None, LossWeights(measures=(np.full((1, NODES, 1), 1 / NODES),)))


CRPS, SQUARED = (LossPart(name, area(loss)) for name, loss in (("crps", Crps), ("squared", Squared)))


class Drift(nn.Module):
    """x_{n+1} = x_n + a z_n, with two numbers z at each node, of which the first is used."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.tensor(2.0))

    def forward(self, states, forcings, noise):
        return states[:, -1:] + self.a * noise[:, None, :, :1]


def batch(samples):
    """The states of a sample are its number, and its truth is one more after each step."""
    times = torch.arange(1 + STEPS).view(1, -1, 1, 1) + torch.tensor(samples).view(-1, 1, 1, 1)
    values = times.expand(-1, -1, NODES, 1).float()
    return Batch(values, torch.zeros(len(samples), NODES, 1, dtype=torch.bool), ReadingCost(), tuple(samples))


def forecast(model, samples, step=7, members=3, at_once=None, seed=0, correlation=0.0):
    how = BatchForecast(Layout(1, 1, 1), MemberForecast(members, at_once), Ensemble(seed, NODES, 2, correlation))
    return how.run(model, batch(samples), step)


def test_a_seed_depends_on_everything_and_on_nothing_else() -> None:
    keys = list(product((0, 1, -5), (None, 0, 1, 10), (0, 1, 10), (0, 1, 10)))
    assert len({noise_seed(*key) for key in keys}) == len(keys)
    assert [noise_seed(*key) for key in keys] == [noise_seed(*key) for key in keys]
    assert noise_seed(1, 2, 3, 4) == 2319475572399523498  # states of other runs rely on it


def test_noise_that_stays_moves_a_member_by_as_much_in_every_step() -> None:
    moved = forecast(Drift(), [4, 9], correlation=1.0).diff(dim=2)
    assert torch.allclose(moved[:, :, 1:], moved[:, :, :-1], atol=1e-5)
    assert moved.std() > 1


def test_the_members_of_a_sample_are_the_same_in_any_batch() -> None:
    """Bit for bit: alone, with others in any order, with fewer members, whatever is computed again."""
    model = Drift()
    whole = forecast(model, [4, 9, 2])
    assert whole.shape == (3, 3, STEPS, NODES, 1)
    for place, sample in enumerate([4, 9, 2]):
        assert torch.equal(forecast(model, [sample])[0], whole[place])
    assert torch.equal(forecast(model, [2, 4])[[1, 0]], whole[[0, 2]])
    assert torch.equal(forecast(model, [4, 9, 2], members=2), whole[:, :2])
    assert torch.equal(forecast(model, [4, 9, 2], at_once=1), whole)


def test_steps_samples_members_and_seeds_differ() -> None:
    noises = (forecast(Drift(), [0, 1]) - batch([0, 1]).values[:, None, :1]).flatten(2).unbind(1)
    other = [forecast(Drift(), [0, 1], step=8), forecast(Drift(), [0, 1], seed=1), forecast(Drift(), [0, 1], step=None)]
    rows = [*(row for noise in noises for row in noise)]
    assert len({tuple(row.tolist()) for row in rows}) == len(rows) == 6
    assert all(not torch.isclose(one, forecast(Drift(), [0, 1])).any() for one in other)


def test_the_noise_of_a_call_is_that_of_its_member() -> None:
    model = Drift()
    found = forecast(model, [6], members=2)
    for member in range(2):
        drawn = torch.Generator().manual_seed(noise_seed(0, 7, 6, member))
        value = torch.full((NODES,), 6.0)
        for step in range(STEPS):
            value = value + 2.0 * torch.randn(NODES, 2, generator=drawn)[:, 0]
            torch.testing.assert_close(found[0, member, step, :, 0], value)


def test_a_step_on_an_ensemble_is_the_same_however_its_samples_are_divided() -> None:
    """The loss and its gradient, from sums that are added before the division."""
    loss, samples = CombinedLoss([CRPS]), [3, 1, 8, 5]

    def sums(model, part):
        layout = BatchForecast(Layout(1, 1, 1))
        return loss(forecast(model, part), layout.truth(batch(part)))

    whole, divided = Drift(), Drift()
    at_once = loss.value(sums(whole, samples))
    in_parts = loss.value(sums(divided, samples[:1]) + sums(divided, samples[1:]))
    at_once.backward()
    in_parts.backward()
    assert at_once.item() == pytest.approx(in_parts.item(), rel=1e-6)
    assert whole.a.grad.item() == pytest.approx(divided.a.grad.item(), rel=1e-5)
    assert whole.a.grad.item() != 0


def test_a_loss_of_one_forecast_compares_each_member() -> None:
    """(1² + 3²) / 2 = 5, beside the CRPS (1 + 3) / 2 − 2 / 2 = 1."""
    members = torch.tensor([1.0, 3.0]).view(1, 2, 1, 1, 1).expand(1, 2, 1, NODES, 1)
    truth = torch.zeros(1, 1, NODES, 1)
    for parts, expected in (([SQUARED], 5.0), ([CRPS], 1.0), ([SQUARED, CRPS], 3.0)):
        loss = CombinedLoss(parts)
        assert loss.value(loss(members, truth)).item() == pytest.approx(expected)


@pytest.mark.carries_out(
    "an ensemble needs `model.noise`, such as {channels: 4}, `training.members` of 2 or more, and a loss of ensembles, "
    "such as {plugin: crps}; for one forecast leave all three out"
)
@pytest.mark.parametrize(
    ("parts", "members", "has_noise", "said"),
    [
        ([SQUARED], 1, True, [r"no loss compares them: their spread would collapse.*\(training\.loss\)"]),
        ([SQUARED], 4, True, [r"\(training\.loss\)", r"no loss compares the 4 members \(training\.members\)"]),
        ([SQUARED], 4, False, [r"no loss compares the 4 members"]),
        ([SQUARED, CRPS], 1, True, [r"'crps' compares the members.*must be at least 2, got 1 \(training\.members\)"]),
        ([CRPS], 2, False, [r"those of a model without noise are equal \(model\.noise\)"]),
        ([CRPS], 1, False, [r"\(training\.members\)", r"\(model\.noise\)"]),
    ],
)
def test_a_part_of_an_ensemble_is_refused(parts, members, has_noise, said) -> None:
    with pytest.raises(ConfigError) as caught:
        check_ensemble(CombinedLoss(parts), members, has_noise=has_noise)
    assert len(caught.value.faults) == len(said)
    for text in said:
        assert caught.match(text)
    check_ensemble(CombinedLoss([CRPS, SQUARED]), 2, has_noise=True)
    check_ensemble(CombinedLoss([SQUARED]), 1, has_noise=False)


def test_a_training_by_the_crps_finds_the_spread_of_the_world() -> None:
    """The truth is a random walk with a known deviation, and so is the forecast of the model: a is to become ±that."""
    world, model, deviation = torch.Generator().manual_seed(1), Drift(), 0.7
    loss = CombinedLoss([CRPS])
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    found = []
    for step in range(300):
        members = forecast(model, list(range(8)), step=step, members=4)
        drawn = deviation * torch.randn(8, STEPS, NODES, 1, generator=world)
        truth = batch(list(range(8))).values[:, :1] + drawn.cumsum(1)
        optimizer.zero_grad()
        loss.value(loss(members, truth)).backward()
        optimizer.step()
        found.append(abs(model.a.item()))
    assert np.mean(found[100:]) == pytest.approx(deviation, rel=0.05)
