"""What every processor must do, and what only this one does."""

import torch
from wxml import ProcessorChannels
from wxml.testing import ProcessorContract, tiny_graph, tiny_grid

from acme_weather.diffusion import Diffusion


class TestDiffusion(ProcessorContract):
    plugin = Diffusion


def without_reactions() -> Diffusion:
    processor = Diffusion(tiny_graph(tiny_grid()).mesh(), ProcessorChannels(8), rounds=40)
    for reaction in processor.reactions:
        torch.nn.init.zeros_(reaction[-1].weight)
        torch.nn.init.zeros_(reaction[-1].bias)
    return processor


def test_what_is_equal_everywhere_does_not_spread() -> None:
    state = torch.randn(8).expand(1, 12, 8)
    torch.testing.assert_close(without_reactions()(state), torch.zeros(1, 12, 8), rtol=0, atol=1e-5)


def test_values_come_nearer_to_one_another_and_never_leave_their_range() -> None:
    """A step of r = ½ towards the mean of the neighbours is a mean of values that were there before."""
    state = torch.randn(1, 12, 8)
    spread = (state + without_reactions()(state)).detach()
    assert bool((spread.max(1).values <= state.max(1).values + 1e-6).all())
    assert bool((spread.min(1).values >= state.min(1).values - 1e-6).all())
    assert float(spread.std(1).max()) < float(state.std(1).min()) / 2
