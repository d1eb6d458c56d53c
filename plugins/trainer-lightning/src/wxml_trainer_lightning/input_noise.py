"""Noise on the states that a training step begins with, so that a model of few data learns to correct errors."""

__all__ = ["InputNoise"]

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from wxml_trainer_lightning.ensemble import noise_seed

CALL = -1
"""In the place of the number of a member, so that this noise is not that of a member."""


@dataclass(frozen=True, slots=True, eq=False)
class InputNoise:
    """x + σ s z, where z is standard normal at each time, node and variable; σ and s are in `deviation`."""

    seed: int
    """The seed of the experiment."""
    deviation: Tensor
    """The standard deviation of the noise on each prognostic variable, in model values, shape `[prognostic]`."""

    def added(self, states: Tensor, imputed: Tensor, step: int, samples: Sequence[int]) -> Tensor:
        """Return the states with noise, which depends on the seed, the step and the sample alone.

        Args:
            states: shape `[batch, input time, grid_node, prognostic]`.
            imputed: where the last state was filled in, shape `[batch, grid_node, prognostic]`; there is no noise.
            step: the number of the training step.
            samples: the index of each sample.
        """
        drawn = torch.stack([self._drawn(states.shape[1:], step, sample) for sample in samples])
        noise = drawn.to(states.device) * self.deviation.to(states.device, states.dtype)
        return states + torch.where(imputed[:, None], 0.0, noise)

    def _drawn(self, shape: Sequence[int], step: int, sample: int) -> Tensor:
        generator = torch.Generator().manual_seed(noise_seed(self.seed, step, sample, CALL))
        return torch.randn(tuple(shape), generator=generator)
