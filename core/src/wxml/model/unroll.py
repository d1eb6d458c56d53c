"""The rollout in model space: a model fed with its own output."""

__all__ = ["unroll"]

from collections.abc import Iterator

import torch
from torch import Tensor, nn


def unroll(model: nn.Module, states: Tensor, forcings: Tensor) -> Iterator[Tensor]:
    """One output after the other, as many as the forcings reach.

    Args:
        model: takes states and forcings at the input times (see `EncodeProcessDecode`).
        states: shape `[batch, input time, grid_node, prognostic]`.
        forcings: shape `[batch, input time + steps − 1, grid_node, forcing]`.

    Yields:
        Outputs, shape `[batch, grid_node, prognostic + diagnostic]`; gradients flow through all of them.
    """
    input_steps, prognostic = states.shape[1], states.shape[-1]
    for step in range(forcings.shape[1] - input_steps + 1):
        outputs = model(states, forcings[:, step : step + input_steps])
        yield outputs
        states = torch.cat([states[:, 1:], outputs[:, None, :, :prognostic]], dim=1)
