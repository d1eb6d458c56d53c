"""The rollout in model space, against linear recursions in closed form."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from wxml.model.unroll import unroll


class Linear(nn.Module):
    """x_{n+1} = a x_n + b x_{n−1} + f_n, and a diagnostic variable 7 x_n that is not fed back."""

    def __init__(self, a: float, b: float) -> None:
        super().__init__()
        self.a, self.b = (nn.Parameter(torch.tensor(value, dtype=torch.float64)) for value in (a, b))

    def forward(self, states: Tensor, forcings: Tensor) -> Tensor:
        older, newer = states[:, 0], states[:, 1]
        return torch.cat([self.a * newer + self.b * older + forcings[:, -1], 7 * newer], dim=-1)[:, None]


class Ahead(nn.Module):
    """Forecasts `count` steps at once: n steps after the last state it is the last plus n times the first."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count
        self.read: list[list[float]] = []

    def forward(self, states: Tensor, forcings: Tensor) -> Tensor:
        self.read.append([*states.flatten().tolist(), *forcings.flatten().tolist()])
        return torch.stack([states[:, -1] + n * states[:, 0] for n in range(1, self.count + 1)], dim=1)


def start(older: float, newer: float) -> Tensor:
    return torch.tensor([older, newer], dtype=torch.float64).view(1, 2, 1, 1)


def forced(values: list[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64).view(1, -1, 1, 1)


def run(model: nn.Module, states: Tensor, forcings: Tensor) -> tuple[list[float], list[float]]:
    """The prognostic and the diagnostic values of every step."""
    outputs = torch.stack(list(unroll(model, states, forcings)))[:, 0, 0]
    return outputs[:, 0].tolist(), outputs[:, 1].tolist()


@pytest.mark.parametrize(("a", "b", "c"), [(0.5, 0.3, 0.0), (0.2, 0.35, 0.7), (1.2, -0.4, -1.0)])
def test_a_linear_recursion_in_closed_form(a: float, b: float, c: float) -> None:
    """x_n = x* + A r₁ⁿ + B r₂ⁿ with r² = a r + b and x* = c / (1 − a − b)."""
    found, diagnostic = run(Linear(a, b), start(2.0, 3.0), forced([c] * 9))
    r1, r2 = np.roots([1, -a, -b]).astype(complex)
    fixed = c / (1 - a - b)
    amplitude = np.linalg.solve([[1, 1], [r1, r2]], [2 - fixed, 3 - fixed])
    steps = np.arange(2, 10)
    expected = (fixed + amplitude[0] * r1**steps + amplitude[1] * r2**steps).real
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_allclose(diagnostic, 7 * np.array([3.0, *expected[:-1]]), rtol=1e-12)


def test_each_step_reads_the_forcings_at_its_own_times() -> None:
    found, _ = run(Linear(0, 0), start(0, 0), forced([10, 11, 12, 13]))
    assert found == [11, 12, 13]  # at the initial time, and one and two steps later


def test_as_many_steps_as_the_forcings_reach() -> None:
    assert run(Linear(1, 0), start(0, 5), forced([0, 0])) == ([5], [35])
    assert list(unroll(Linear(1, 0), start(0, 5), forced([0]))) == []


def test_steps_are_taken_only_when_asked_for() -> None:
    calls = []

    class Counting(nn.Module):
        def forward(self, states: Tensor, forcings: Tensor) -> Tensor:
            calls.append(1)
            return states[:, -1:]

    outputs = unroll(Counting(), start(0, 1), forced([0] * 5))
    assert calls == []
    next(outputs)
    assert len(calls) == 1


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_gradients_flow_through_every_step(steps: int) -> None:
    """With b = 0, x_n = aⁿ x₀, so ∂x_n/∂a = n aⁿ⁻¹ x₀ and ∂x_n/∂x₀ = aⁿ."""
    model, states = Linear(0.9, 0.0), start(0.0, 4.0).requires_grad_()
    *_, last = unroll(model, states, forced([0] * (steps + 1)))
    last[0, 0, 0].backward()
    assert model.a.grad.item() == pytest.approx(steps * 0.9 ** (steps - 1) * 4)
    assert states.grad[0, 1].item() == pytest.approx(0.9**steps)


def test_batch_items_and_nodes_keep_to_themselves() -> None:
    states = torch.arange(12, dtype=torch.float64).view(3, 2, 2, 1)
    forcings = torch.zeros(3, 4, 2, 1, dtype=torch.float64)
    *_, last = unroll(Linear(0.5, 0.25), states, forcings)
    for item in range(3):
        for node in range(2):
            alone = states[item : item + 1, :, node : node + 1]
            *_, expected = unroll(Linear(0.5, 0.25), alone, forcings[:1, :, :1])
            assert torch.equal(last[item, node], expected[0, 0])


def test_a_model_of_several_steps_is_called_once_for_them() -> None:
    """From 1, 10: 11, 12, 13; from the last two of them, 12 and 13: 25, 37 and one more that nobody wants."""
    model = Ahead(3)
    outputs = [float(output) for output in unroll(model, start(1, 10), forced([0, 1, 2, 3, 4, 5]))]
    assert outputs == [11, 12, 13, 25, 37]
    assert model.read == [[1, 10, 0, 1], [12, 13, 3, 4]]


@pytest.mark.parametrize(
    ("count", "expected"), [(1, [11, 21, 32, 53]), (2, [11, 12, 23, 34]), (4, [11, 12, 13, 14]), (9, [11, 12, 13, 14])]
)
def test_more_or_fewer_steps_at_once_than_states_are_read(count: int, expected: list[float]) -> None:
    assert [float(output) for output in unroll(Ahead(count), start(1, 10), forced([0] * 5))] == expected


def test_the_last_states_are_read_again_where_fewer_are_forecast_at_once() -> None:
    """Four input states, two steps at once: 4 + 1, 4 + 2 · 1; then the first of 3, 4, 5, 6 counts."""
    model, states = Ahead(2), torch.arange(1.0, 5.0).view(1, 4, 1, 1)
    assert [float(output) for output in unroll(model, states, forced([0] * 7))] == [5, 6, 9, 12]
    assert model.read[1][:4] == [3, 4, 5, 6]


def test_every_call_gets_its_own_noise() -> None:
    class Walk(nn.Module):
        def forward(self, states: Tensor, forcings: Tensor, noise: Tensor) -> Tensor:
            return torch.stack([states[:, -1] + noise, states[:, -1] + 2 * noise], dim=1)

    noise = iter([torch.tensor(1.0), torch.tensor(10.0), torch.tensor(100.0)])
    outputs = [float(output) for output in unroll(Walk(), start(0, 0), forced([0] * 5), noise)]
    assert outputs == [1, 2, 12, 22]
    assert float(next(noise)) == 100


@pytest.mark.parametrize("ahead", [1, 2, 3])
def test_what_is_given_replaces_the_output_and_is_fed_back(ahead: int) -> None:
    """Nodes 0 and 1 of two; node 1 is given: 100 times the number of the step."""
    states = torch.tensor([[1.0, 5.0], [2.0, 6.0]]).view(1, 2, 2, 1)
    seen = []

    def given(step: int, output: Tensor) -> Tensor:
        seen.append(step)
        return torch.where(torch.tensor([[False], [True]]), 100.0 * step, output)

    model = Ahead(ahead)
    outputs = list(unroll(model, states, torch.zeros(1, 5, 2, 0), given=given))
    free = list(unroll(Ahead(ahead), states, torch.zeros(1, 5, 2, 0)))
    assert [float(output[0, 1, 0]) for output in outputs] == [100, 200, 300, 400]
    assert [float(output[0, 0, 0]) for output in outputs] == [float(output[0, 0, 0]) for output in free]
    assert seen[:4] == [1, 2, 3, 4]
    if ahead == 1:
        assert model.read[1] == [2, 6, pytest.approx(3), 100]  # time by time, node by node
