"""The rollout: feeds a trained model with its own output and yields physical fields; reads a source, writes nothing."""

__all__ = ["rollout"]

import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wxml.config.forecast_schema import check_members, check_spread
from wxml.data.call_plan import CallPlan
from wxml.data.fields import Fields
from wxml.experiment import Experiment
from wxml.forecasting.boundary import BoundaryForcing
from wxml.forecasting.execution import Execution
from wxml.forecasting.inputs import forcings_reader, read_states
from wxml.forecasting.layout import SPREAD
from wxml.plugins.hooks import hooks

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


def rollout(
    experiment: Experiment,
    model: "nn.Module",
    initial_times: NDArray[np.datetime64],
    steps: int,
    *,
    batch_size: int = 8,
    members: int = 1,
    spread: bool = False,
    execution: Execution | None = None,
) -> Iterator[tuple[np.timedelta64, Fields]]:
    """Yield forecasts in physical units, one lead time and one initial time after the other.

    Args:
        experiment: the data and how they are prepared.
        model: what `Experiment.new_model` makes, trained.
        initial_times: `datetime64[s]`; the source must have the input states of each, and the forcings that are read.
        steps: how many time steps.
        batch_size: how many initial times go through the model at once.
        members: how many forecasts a model with noise makes from each member of an initial state. The noise of a member
            depends on the seed of the experiment, the initial time and the number of the member alone.
        spread: yield the standard deviations of a model with a spread, too, as further variables.
        execution: how the model is run, on whose device it is; None: as it is, in float32 on the CPU.

    Yields:
        The lead time and the fields, whose `valid_time` is the initial time plus the lead time. Members that start
        from the first member of the initial state come first. A prognostic variable is missing (NaN) where the initial
        state has no value of it, such as sea temperature on land, one in `data.variables.missing` where that says, and
        any variable on a grid that does not have it.
        The boundary of a limited area is the model's own forecast, too, unless it is given (`BoundaryForcing`).

    Raises:
        DataError: the source, or that of the boundary, lacks an input, or an input is NaN where the model needs a
            value; or `members` is more than 1 and the model has no noise, or a spread is wanted and it has none.
    """
    check_members(members, experiment.config.model)
    check_spread(spread, experiment.config.model)
    from wxml.model.features import kept_features

    plan, execution, boundary = experiment.plan(steps), execution or Execution(), BoundaryForcing.of(experiment)
    if boundary:
        boundary.check_times(initial_times, plan.window.lead_times)
    model.eval()
    with kept_features(model):
        for start in range(0, len(initial_times), batch_size):
            batch = initial_times[start : start + batch_size]
            called = execution.called(model)
            yield from _forecast_batch(experiment, called, batch, plan, members, spread, execution, boundary)


def _forecast_batch(
    experiment: Experiment,
    model: "Callable[..., Tensor]",
    times: NDArray[np.datetime64],
    plan: CallPlan,
    members: int,
    spread: bool,
    execution: Execution,
    boundary: BoundaryForcing | None,
) -> Iterator[tuple[np.timedelta64, Fields]]:
    import torch

    from wxml.model.planned_calls import PlannedCalls
    from wxml.model.sample_forcings import SampleForcings, kept

    device = torch.device(execution.device)
    known, lost, told = read_states(experiment, times, plan)
    states, absent = (values.to(device).repeat_interleave(members, 0) for values in (known, lost))
    read = forcings_reader(experiment, times, plan, told)
    forcings = SampleForcings(
        len(plan.window.offsets), kept(lambda at: read(at).to(device).repeat_interleave(members, 0))
    )
    imputed = absent[..., : states.shape[-1]]
    noise, outputs = _noise(experiment, times, members, device), experiment.roles.output
    names = (*outputs, *(f"{name}{SPREAD}" for name in outputs)) if spread else outputs
    is_missing = absent.swapaxes(1, 2).cpu().numpy()
    run = torch.inference_mode()(PlannedCalls(plan).run)  # off again between the steps
    given = boundary.given(times, plan.window.lead_times, members, imputed) if boundary else None
    outputs_of_steps = run(model, states, forcings, noise, imputed if imputed.any() else None, given)
    for lead_time, forecast in zip(plan.window.lead_times, outputs_of_steps, strict=True):
        physical = _physical(experiment, forecast[..., : len(names)], is_missing)
        for time, values in zip(times, physical.reshape(len(times), -1, *physical.shape[1:]), strict=True):
            read_only = values.view()  # hooks must not change the forecast
            read_only.flags.writeable = False
            hooks().call("wxml_forecast_step", fields=Fields(time + lead_time, names, read_only), lead_time=lead_time)
            yield lead_time, Fields(time + lead_time, names, values)


def _physical(experiment: Experiment, forecast: "Tensor", is_missing: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Physical values of one step, and their standard deviations behind them, shape `[batch, variable, node]`."""
    import torch

    from wxml.model.tensors import to_array

    preprocessing, names = experiment.preprocessing, experiment.roles.output
    values, *deviations = map(to_array, torch.split(forecast, len(names), dim=-1))
    kinds = [preprocessing.inverse(values, names)]
    kinds += [preprocessing.inverse_spread(values, deviation, names) for deviation in deviations]
    for kind in kinds:
        kind[is_missing] = np.nan
    made = [preprocessing.without_lacking(kind, names, np.nan) for kind in kinds]
    return made[0] if len(made) == 1 else np.concatenate(made, axis=1)


def _noise(
    experiment: Experiment, times: NDArray[np.datetime64], members: int, device: "torch.device"
) -> "Iterator[Tensor] | None":
    """The noise of each call of the model; the batch axis is initial time × member of the state × member.

    It is drawn on the CPU and moved, so members are the same on every device.
    """
    from wxml.model.noise import seeded_noise

    config, noise = experiment.config, experiment.config.model.noise
    if noise is None:
        return None
    numbers = itertools.product(
        times.astype("datetime64[s]").astype(np.int64), range(experiment.source.header.members), range(members)
    )
    keys = ([config.seed % 2**64, int(time) % 2**64, *member] for time, *member in numbers)
    seeds = [int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0]) for key in keys]
    drawn = seeded_noise(seeds, len(experiment.graph.nodes["mesh"]), noise.channels, noise.correlation)
    return (numbers.to(device) for numbers in drawn)
