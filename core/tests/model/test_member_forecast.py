"""Several members from one state: linear recursions with noise in closed form, whatever is computed again."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn
from wxml.model.member_forecast import MemberForecast
from wxml.model.unroll import unroll

BATCH, STEPS, MEMBERS = 2, 3, 4


class Decay(nn.Module):
    """x_{n+1} = a x_n + f_n + z_n."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.tensor(0.5, dtype=torch.float64))
        self.calls = 0

    def forward(self, states: Tensor, forcings: Tensor, noise: Tensor | None = None) -> Tensor:
        self.calls += 1
        drawn = torch.zeros_like(states[:, -1]) if noise is None else noise
        return (self.a * states[:, -1] + forcings[:, -1] + drawn)[:, None]


STATES = torch.tensor([1.0, 3.0], dtype=torch.float64).view(BATCH, 1, 1, 1)
FORCINGS = torch.zeros(BATCH, STEPS, 1, 1, dtype=torch.float64)


def drawn(item: int, member: int, call: int) -> float:
    return float(10 * item + member + 0.1 * call)


def noise(members: range) -> Iterator[Tensor]:
    """A number for each item of the batch, member and call."""
    for call in range(STEPS):
        numbers = [drawn(item, member, call) for item in range(BATCH) for member in members]
        yield torch.tensor(numbers, dtype=torch.float64).view(-1, 1, 1)


def closed_form(item: int, member: int, step: int, a: float = 0.5) -> float:
    """x_n = aⁿ x_0 + Σ a^(n−1−k) z_k."""
    start = float(STATES[item])
    return a**step * start + sum(a ** (step - 1 - k) * drawn(item, member, k) for k in range(step))


def slope(item: int, member: int, step: int) -> float:
    """∂x_n / ∂a, by a central difference."""
    h = 1e-6
    up, down = (closed_form(item, member, step, 0.5 + sign * h) for sign in (1, -1))
    return (up - down) / (2 * h)


EVERY = [(item, member, step) for item in range(BATCH) for member in range(MEMBERS) for step in range(1, STEPS + 1)]


@pytest.mark.parametrize("at_once", [None, 1, 2, 3, 4, 7])
@pytest.mark.parametrize("recompute", [False, True])
def test_members_in_closed_form_whatever_is_computed_again(at_once: int | None, recompute: bool) -> None:
    model = Decay()
    how = MemberForecast(MEMBERS, at_once, recompute_steps=recompute)
    forecast = how.run(model, STATES, FORCINGS, noise)
    assert forecast.shape == (BATCH, MEMBERS, STEPS, 1, 1)
    for item, member, step in EVERY:
        assert forecast[item, member, step - 1].item() == pytest.approx(closed_form(item, member, step))
    forecast.sum().backward()  # type: ignore[no-untyped-call]
    assert model.a.grad is not None
    assert float(model.a.grad) == pytest.approx(sum(slope(*one) for one in EVERY), rel=1e-6)


@pytest.mark.parametrize(
    ("how", "calls"),
    [
        (MemberForecast(MEMBERS), STEPS),
        (MemberForecast(MEMBERS, recompute_steps=True), 2 * STEPS),
        (MemberForecast(MEMBERS, 2), 2 * STEPS * 2),
    ],
)
def test_the_backward_pass_computes_again_what_was_not_kept(how: MemberForecast, calls: int) -> None:
    model = Decay()
    how.run(model, STATES, FORCINGS, noise).sum().backward()  # type: ignore[no-untyped-call]
    assert model.calls == calls


@torch.no_grad()
def test_without_gradients_nothing_is_computed_again() -> None:
    model = Decay()
    MemberForecast(MEMBERS, 2, recompute_steps=True).run(model, STATES, FORCINGS, noise)
    assert model.calls == 2 * STEPS


def test_what_is_given_and_imputed_reaches_every_member() -> None:
    """The first item is given the number of the step, and what was filled in at the second is read at every step."""

    def given(step: int, output: Tensor) -> Tensor:
        is_first = torch.arange(len(output)).view(-1, 1, 1) < len(output) // BATCH
        return torch.where(is_first, torch.tensor(float(step), dtype=output.dtype), output)

    imputed = torch.tensor([False, True]).view(BATCH, 1, 1)
    forecast = MemberForecast(2).run(Decay(), STATES, FORCINGS, None, imputed, given)
    assert forecast[0, :, :, 0, 0].tolist() == [[1.0, 2.0, 3.0]] * 2
    assert forecast[1, :, :, 0, 0].tolist() == [[1.5, 1.5, 1.5]] * 2


@pytest.mark.parametrize(("every", "powers"), [(None, (1, 2, 3)), (1, (1, 1, 1)), (2, (1, 2, 1)), (5, (1, 2, 3))])
def test_a_gradient_flows_back_to_where_the_steps_are_cut(every: int | None, powers: tuple[int, ...]) -> None:
    """x_n = aⁿ x_0, of which the last p factors have a gradient: p a^(n−1) x_0."""
    model = Decay()
    steps = list(unroll(model, STATES[1:], FORCINGS[1:], detach_every=every))
    assert [step.item() for step in steps] == pytest.approx([3 * 0.5**n for n in (1, 2, 3)])
    for n, (step, power) in enumerate(zip(steps, powers, strict=True), 1):
        (found,) = torch.autograd.grad(step.sum(), model.a, retain_graph=True)
        assert float(found) == pytest.approx(power * 0.5 ** (n - 1) * 3)
