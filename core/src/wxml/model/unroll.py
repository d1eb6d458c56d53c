"""The rollout of a model on its own outputs, in model values."""

__all__ = ["Given", "unroll"]

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from wxml.model.sample_forcings import SampleForcings

Given = Callable[[int, Tensor], Tensor]


def unroll(
    model: Callable[..., Tensor],
    states: Tensor,
    forcings: Tensor | SampleForcings,
    noise: Iterator[Tensor] | None = None,
    imputed: Tensor | None = None,
    given: Given | None = None,
    detach_every: int | None = None,
) -> Iterator[Tensor]:
    """Yield the output of one time step after the other, as many as `forcings` reach.

    A model that forecasts several steps at once is called once for all of them; steps beyond `forcings` are dropped.

    Args:
        model: takes states and forcings at the input times (see `EncodeProcessDecode`).
        states: shape `[batch, input time, grid_node, prognostic]`.
        forcings: shape `[batch, input time + steps − 1, grid_node, forcing]`, or what reads them when they are needed.
        noise: yields the third argument for each call of the model; None: the model is called with two arguments.
        imputed: True where the last state has no value but one that was filled in, shape `[batch, grid_node,
            prognostic]`; the model reads this value at every step, and never its own output there. None: nowhere.
        given: returns the output of a step, whose number counts from 1, with what is given in place of what the model
            forecast, such as the boundary of a limited area; this is yielded and fed back. None: nothing is given.
        detach_every: the number of calls of the model after which no gradient flows back from the later steps; None:
            gradients flow through all of them.

    Yields:
        Outputs, shape `[batch, grid_node, prognostic + diagnostic]`; of a model with a spread, its standard deviations
        follow on the last axis. The means alone are fed back, so each deviation is that of one call of the model.
    """
    input_steps, prognostic = states.shape[1], states.shape[-1]
    filled = states[:, -1:]
    read = SampleForcings.of(forcings)
    done, calls, steps = 0, 0, read.times - input_steps + 1
    while done < steps:
        drawn = () if noise is None else (next(noise),)
        outputs = model(states, read.at(slice(done, done + input_steps)), *drawn)
        if given is not None:
            outputs = torch.stack([given(done + n, output) for n, output in enumerate(outputs.unbind(1), 1)], dim=1)
        yield from outputs[:, : steps - done].unbind(1)
        fed_back = outputs[..., :prognostic]
        if imputed is not None:
            fed_back = torch.where(imputed[:, None], filled, fed_back)
        states = torch.cat([states, fed_back], dim=1)[:, -input_steps:]
        done, calls = done + outputs.shape[1], calls + 1
        if detach_every and calls % detach_every == 0:
            states = states.detach()
