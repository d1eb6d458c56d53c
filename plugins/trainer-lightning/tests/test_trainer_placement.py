"""Which processes train together, and what each of them does."""

from itertools import chain
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some
from wxml.errors import ConfigError
from wxml_trainer_lightning.batches import SampleOrder
from wxml_trainer_lightning.device import Device
from wxml_trainer_lightning.placement import Placement, placed
from wxml_trainer_lightning.ranks import Ranks
from wxml_trainer_lightning.rollout import Rollout
from wxml_trainer_lightning.schedule import Budget

TORCHRUN = {
    "TORCHELASTIC_RUN_ID": "none",
    "RANK": "3",
    "WORLD_SIZE": "4",
    "LOCAL_RANK": "1",
    "GROUP_WORLD_SIZE": "2",
    "MASTER_ADDR": "gpu1",
    "MASTER_PORT": "29500",
}


@given(ranks=some.integers(1, 8), batch_size=some.integers(8, 20), seed=some.integers(0, 9), first=some.integers(0, 7))
def test_the_processes_divide_the_samples_of_each_step_in_their_order(ranks, batch_size, seed, first) -> None:
    def order(place: Placement) -> list[Any]:
        budget = Budget(12, None)
        return list(
            SampleOrder({1: range(31), 2: range(29)}, seed, batch_size, first, budget, Rollout(maximum=2), place)
        )

    parts = [order(Placement(rank, ranks)) for rank in range(ranks)]
    assert [[*chain(*of_step)] for of_step in zip(*parts, strict=True)] == order(Placement())
    sizes = [len(part) for of_step in zip(*parts, strict=True) for part in of_step]
    assert max(sizes) - min(sizes) <= 1
    assert min(sizes) > 0


def test_a_process_that_is_started_alone_trains_alone_unless_it_is_to_start_others() -> None:
    assert placed("auto", "auto", 1) == Placement()
    assert placed(4, 1, 4) == Placement(0, 4, 0, 4)


@pytest.mark.carries_out("leave it out, or start as many")
@pytest.mark.carries_out("start as many processes on each machine")
def test_a_process_of_torchrun_takes_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in TORCHRUN.items():
        monkeypatch.setenv(name, value)
    place = placed("auto", "auto", 4)
    assert (place.rank, place.ranks, place.local_rank, place.local_ranks, place.nodes) == (3, 4, 1, 2, 2)
    assert placed(2, 2, 4) == place
    with pytest.raises(ConfigError, match=r"torchrun has started 2, got 4 \(training.devices\)"):
        placed(4, "auto", 4)
    with pytest.raises(ConfigError, match=r"torchrun has started 2, got 1 \(training.nodes\)"):
        placed("auto", 1, 4)
    monkeypatch.setenv("GROUP_WORLD_SIZE", "3")
    with pytest.raises(ConfigError, match="torchrun has started 4 processes on 3 machines"):
        placed("auto", "auto", 4)
    monkeypatch.setenv("WORLD_SIZE", "6")
    assert placed("auto", "auto", 6).local_ranks == 2


def test_what_cannot_be_divided_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"each of 4 processes needs a sample of the step, got a batch of 3"):
        placed(4, "auto", 3)
    with pytest.raises(ConfigError, match=r"this process was started alone, on one machine; got 2 \(training.nodes\)"):
        placed(1, 2, 4)


@pytest.mark.carries_out("write {} or less, or `training.accelerator: cpu`")
def test_each_process_has_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    cuda, cpu = (Device(kind, "32-true", None) for kind in ("cuda", "cpu"))
    assert cuda.of_ranks(Placement(ranks=2, local_ranks=2)) == [torch.device("cuda", 0), torch.device("cuda", 1)]
    assert cpu.of_ranks(Placement(ranks=3, local_ranks=3)) == [torch.device("cpu")] * 3
    assert (cuda.backend, cpu.backend) == ("cpu:gloo,cuda:nccl", "gloo")
    with pytest.raises(ConfigError, match=r"torch finds 2 cuda devices, got 3 \(training.devices\)"):
        cuda.of_ranks(Placement(ranks=3, local_ranks=3))
    assert len(cpu.of_ranks(Placement(ranks=3, local_ranks=3))) == 3


class Told(Ranks):
    """A process that is told the sum of the others."""

    def __init__(self, others: torch.Tensor) -> None:
        super().__init__(Placement(0, 2))
        self.others = others

    def total(self, values: torch.Tensor) -> torch.Tensor:
        return values.detach() + self.others


def test_the_gradients_of_the_processes_add_up_to_that_of_a_loss_of_all_samples() -> None:
    """The loss is the root of the mean square, which is no sum over the samples."""
    weight = torch.tensor(1.5, dtype=torch.float64, requires_grad=True)
    samples = torch.tensor([1.0, 2.0, 4.0, 8.0, 16.0], dtype=torch.float64)

    def errors(some: torch.Tensor) -> torch.Tensor:
        return (weight * some - 1).square().sum()

    (errors(samples) / 5).sqrt().backward()
    whole, weight.grad = weight.grad, None
    for own, other in ((samples[:2], samples[2:]), (samples[2:], samples[:2])):
        value = (Told(errors(other).detach()).together(errors(own)) / 5).sqrt()
        torch.testing.assert_close(value, (errors(samples) / 5).sqrt())
        value.backward()
    torch.testing.assert_close(weight.grad, whole)


def test_processes_agree_on_the_time_before_they_read() -> None:
    budget = Budget(1000, 100.0, spent=10.0)
    budget.agree(1, 20.0)
    budget.agree(2, 50.0)
    assert budget.fraction(2) == 0.5
    assert budget.fraction_early(4, ahead=3) == 0.2
    assert budget.fraction_early(2, ahead=3) == 0.1
