"""The rollout: feeds a trained model with its own output and yields physical fields; reads a source, writes nothing."""

__all__ = ["rollout"]

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wxml.config.forecast_schema import check_members, check_spread
from wxml.data.call_plan import CallPlan
from wxml.data.fields import Fields
from wxml.experiment.parts import Experiment
from wxml.forecasting.boundary import BoundaryForcing
from wxml.forecasting.earlier_runs import steps_back
from wxml.forecasting.ensemble import Ensemble
from wxml.forecasting.execution import Execution
from wxml.forecasting.filters import with_step_filters
from wxml.forecasting.inputs import forcings_reader, read_states
from wxml.forecasting.layout import SPREAD
from wxml.forecasting.model_calls import ModelCalls, Replica, replicas_of
from wxml.forecasting.perturbation import EarlierRun
from wxml.forecasting.perturbed import Perturbations, Run
from wxml.forecasting.state_keeper import SavingCalls, StateKeeper
from wxml.plugins.hooks import hooks

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from wxml.model.unroll import Given


def rollout(
    experiment: Experiment,
    model: "nn.Module",
    initial_times: NDArray[np.datetime64],
    steps: int,
    *,
    batch_size: int = 8,
    ensemble: Ensemble | None = None,
    spread: bool = False,
    execution: Execution | None = None,
    keeper: StateKeeper | None = None,
) -> Iterator[tuple[np.timedelta64, Fields]]:
    """Yield forecasts in physical units, one lead time and one initial time after the other.

    Args:
        experiment: the data and how they are prepared.
        model: what `Experiment.new_model` makes, trained.
        initial_times: `datetime64[s]`; the source must have the input states of each, and the forcings that are read.
        steps: how many time steps.
        batch_size: how many initial times are under way at once.
        ensemble: the members that are made of each initial time; None: one from each member of an initial state.
        spread: yield the standard deviations of a model with a spread, too, as further variables.
        execution: how the model is run, on whose first device it is; None: as it is, in float32 on the CPU.
        keeper: gets the states of calls that follow each other; those of the first batch may go on from one that it
            has, and steps before it do not come. None: every forecast begins with its first step.

    Yields:
        The lead time and the fields, whose `valid_time` is the initial time plus the lead time, with the members in the
        order of their numbers. A prognostic variable is missing (NaN) where the initial state has no value of it, such
        as sea temperature on land, one in `data.variables.missing` where that says, and any variable on a grid that
        does not have it. The boundary of a limited area is the model's own forecast, too, unless it is given
        (`BoundaryForcing`).

    Raises:
        DataError: the source, or that of the boundary, lacks an input, or an input is NaN where the model needs a
            value; or there are several members and nothing makes them differ, or a spread is wanted and the model has
            none.
    """
    ensemble = ensemble or Ensemble(states=experiment.source.header.members)
    check_members(ensemble.members, experiment.config.model, experiment.config.forecast.perturbations)
    check_spread(spread, experiment.config.model)
    boundary, plan = BoundaryForcing.of(experiment), experiment.plan(steps)
    perturbations = Perturbations.of(experiment)
    execution = execution or Execution()
    run = _Run(experiment, plan, ensemble, spread, execution, boundary, perturbations, keeper=keeper)
    if boundary:
        boundary.check_times(initial_times, plan.window.lead_times)
    with replicas_of(model, execution) as replicas:
        for start in range(0, len(initial_times), batch_size):
            yield from run.forecasts(replicas, initial_times[start : start + batch_size])


@dataclass(frozen=True, slots=True, eq=False)
class _Run:
    """What the batches of a rollout have in common."""

    experiment: Experiment
    plan: CallPlan
    ensemble: Ensemble
    spread: bool
    execution: Execution
    boundary: BoundaryForcing | None
    perturbations: Perturbations | None
    has_noise: bool = True
    keeper: StateKeeper | None = None

    def forecasts(
        self, replicas: Sequence[Replica], times: NDArray[np.datetime64]
    ) -> Iterator[tuple[np.timedelta64, Fields]]:
        """Make the forecasts of some initial times."""
        outputs = self.experiment.roles.output
        names = (*outputs, *(f"{name}{SPREAD}" for name in outputs)) if self.spread else outputs
        for lead_time, physical in self._steps(replicas, times):
            for time, values in zip(times, physical.reshape(len(times), -1, *physical.shape[1:]), strict=True):
                read_only = values.view()  # hooks must not change the forecast
                read_only.flags.writeable = False
                fields = Fields(time + lead_time, names, read_only)
                hooks().call("wxml_forecast_step", fields=fields, lead_time=lead_time)
                yield lead_time, Fields(time + lead_time, names, values)

    def _steps(
        self, replicas: Sequence[Replica], times: NDArray[np.datetime64]
    ) -> Iterator[tuple[np.timedelta64, NDArray[np.float32]]]:
        """The physical values of one step after the other, shape `[forecast, variable, node]`."""
        import torch

        from wxml.model.planned_calls import PlannedCalls
        from wxml.model.sample_forcings import SampleForcings, kept
        from wxml.model.tensors import to_tensor

        plan, device = self.plan, torch.device(self.execution.device)
        known, lost, told = read_states(self.experiment, times, plan)
        origins = self.ensemble.places(len(times))
        leads, keeper = plan.window.lead_times, self.keeper
        begun = keeper.begin(times, leads) if keeper else None
        states = to_tensor(begun.arrays["states"]) if begun else self._perturbed(known[origins], replicas, times)
        states, absent = states.to(device), lost[origins].to(device)
        read = forcings_reader(self.experiment, times, plan, told)
        forcings = SampleForcings(len(plan.window.offsets), kept(lambda at: read(at).to(device)))
        calls: Callable[..., Tensor] = ModelCalls(replicas, origins, self.execution)
        calls = SavingCalls(calls, keeper, begun) if keeper else calls
        imputed = absent[..., : states.shape[-1]]
        is_missing, width = absent.swapaxes(1, 2).cpu().numpy(), len(self.experiment.roles.output) * (1 + self.spread)
        given = self.boundary.given(times, leads, origins, imputed) if self.boundary else None
        given = with_step_filters(self.experiment, times, leads, is_missing, given, keeper)
        noise = self._noise(times, device)
        if begun:
            forcings = forcings.until(len(plan.window) - 1).after(begun.steps)
            given, noise = _after(given, begun.steps), _drawn(noise, begun.calls)
        run = torch.inference_mode()(PlannedCalls(plan).run)  # off again between the steps
        steps = run(calls, states, forcings, noise, imputed if imputed.any() else None, given)
        for lead_time, forecast in zip(leads[begun.steps if begun else 0 :], steps, strict=True):
            yield lead_time, _physical(self.experiment, forecast[..., :width], is_missing)

    def _perturbed(self, states: "Tensor", replicas: Sequence[Replica], times: NDArray[np.datetime64]) -> "Tensor":
        """The known states of all forecasts, those of members other than the control with the perturbations."""
        from wxml.model.tensors import to_tensor

        perturbations, ensemble, experiment = self.perturbations, self.ensemble, self.experiment
        if perturbations is None:
            return states
        names, seed = experiment.roles.prognostic, experiment.config.seed
        made = states.clone()
        for case, time in enumerate(times):
            at = time + self.plan.window.offsets[: states.shape[1]]
            physical = experiment.source.read(at, names)
            run = {one: self._runner(replicas, at, one) for one in set(ensemble.origins)}
            for place, (number, origin) in enumerate(zip(ensemble.numbers, ensemble.origins, strict=True)):
                if ensemble.is_control(number):
                    continue
                seeds = [ensemble.seed(seed, time, number, one) for one in range(1, len(perturbations.plugins) + 1)]
                state = perturbations.perturbed(physical[:, origin], at, number, seeds, run[origin])
                made[case * ensemble.count + place] = to_tensor(experiment.preprocessing.inputs(state, names))
        return made

    def _runner(self, replicas: Sequence[Replica], at: NDArray[np.datetime64], origin: int) -> Run:
        """What makes the forecasts that perturbations ask for, unperturbed ones once; see `InitialState.run`."""
        control = cache(lambda run: self._earlier(replicas, at, origin, run, None))
        return lambda run, difference: (
            control(run) if difference is None else self._earlier(replicas, at, origin, run, difference)
        )

    def _earlier(
        self,
        replicas: Sequence[Replica],
        at: NDArray[np.datetime64],
        origin: int,
        run: EarlierRun,
        difference: NDArray[np.float64] | None,
    ) -> NDArray[np.float32]:
        """What a forecast without noise that begins earlier has at its end; see `InitialState.run`.

        Args:
            replicas: the model on each device.
            at: the input times.
            origin: the member of the initial state from which the forecast starts.
            run: when it begins, and how far it goes.
            difference: what is added to its initial state; None: nothing.

        Raises:
            DataError: the task feeds nothing back, or has no output then; or the earlier forecast lacks an input.
        """
        experiment, given = self.experiment, self.perturbations
        ensemble = Ensemble(states=self.ensemble.states, chosen=(origin,))
        plan = experiment.plan(steps_back(experiment.task, run.duration))
        perturbations = None if given is None or difference is None else given.having(difference)
        alone = replace(self, plan=plan, ensemble=ensemble, spread=False, perturbations=perturbations, has_noise=False)
        alone = replace(alone, keeper=None)
        start, names, ends = at - run.lag, experiment.roles.prognostic, at - run.lag + run.duration
        before = experiment.source.read(start, names)[:, origin]
        if perturbations:
            before = perturbations.perturbed(before, start, origin, [0], _no_run)
        found = dict(zip(start.tolist(), before, strict=True))
        for lead, values in alone._steps(replicas, start[-1:]):
            found[(start[-1] + lead).tolist()] = values[0, : len(names)]
        others = [time for time in ends if time.tolist() not in found]
        known = iter(experiment.source.read(np.array(others), names)[:, origin] if others else ())
        state = np.stack([found[time.tolist()] if time.tolist() in found else next(known) for time in ends])
        state.flags.writeable = False  # members share it
        return state

    def _noise(self, times: NDArray[np.datetime64], device: "torch.device") -> "Iterator[Tensor] | None":
        """The noise of each call of the model; the batch axis is initial time × member that is made.

        It is drawn on the CPU and moved, so members are the same on every device.
        """
        import torch

        from wxml.model.noise import seeded_noise

        config, noise, ensemble = self.experiment.config, self.experiment.config.model.noise, self.ensemble
        if noise is None:
            return None
        seeds = [ensemble.seed(config.seed, time, number) for time in times for number in ensemble.numbers]
        has_noise = [float(self.has_noise and not ensemble.is_control(number)) for number in ensemble.numbers]
        factor = torch.tensor(has_noise * len(times))[:, None, None]
        drawn = seeded_noise(seeds, len(self.experiment.graph.nodes["mesh"]), noise.channels, noise.correlation)
        return ((numbers * factor).to(device) for numbers in drawn)


def _after(given: "Given | None", steps: int) -> "Given | None":
    """What is given in a forecast whose first steps were made before."""
    return None if given is None else lambda step, output: given(step + steps, output)


def _drawn(noise: "Iterator[Tensor] | None", calls: int) -> "Iterator[Tensor] | None":
    """The noise of a forecast that has called the model so often before."""
    return None if noise is None else islice(noise, calls, None)


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


def _no_run(run: EarlierRun, difference: NDArray[np.float64] | None) -> NDArray[np.float32]:
    raise ValueError("a difference that is known needs no forecast")
