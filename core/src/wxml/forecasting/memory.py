"""The memory of forecasts: how many initial times fit a limit at once."""

__all__ = ["ForecastMemory", "check_memory_of", "fitted", "forecast_memory"]

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from wxml.config.section import size_in_bytes
from wxml.data.call_plan import CallPlan
from wxml.errors import ConfigError, Fault
from wxml.experiment.parts import VALUE, Experiment
from wxml.forecasting.ensemble import Ensemble
from wxml.forecasting.execution import Execution
from wxml.memory import check_memory, format_size

if TYPE_CHECKING:
    from torch import Tensor

logger = logging.getLogger("wxml")

FIELDS = 6
"""What the model made of a step and the same of all forecasts, three forms of the physical values, what is written."""


@dataclass(frozen=True, slots=True)
class ForecastMemory:
    """What forecasts take on the first device, in bytes, beside Python and torch."""

    weights: int
    """Weights, graph, and what the model makes once."""
    call: int
    """What comes and goes in a call of the model."""
    each: int
    """What the forecasts from one initial time keep from step to step."""

    def of(self, times: int) -> int:
        """The peak of forecasts from so many initial times at once."""
        return self.weights + self.call + times * self.each

    def times(self, limit: int) -> int:
        """How many initial times fit a limit."""
        return max(0, (limit - self.weights - self.call) // self.each)


def fitted(experiment: Experiment, ensemble: Ensemble, execution: Execution) -> Experiment:
    """Lower `forecast.batch_size` until forecasts fit `forecast.memory_limit`; without a limit nothing changes.

    The forecasts are the same, unless `forecast.together` is set.

    Raises:
        ConfigError: the forecasts from one initial time do not fit.
        ContractError: a part of the model reads values of tensors in `forward`.
    """
    settings = experiment.config.forecast
    if settings.memory_limit is None:
        return experiment
    memory, limit = forecast_memory(experiment, ensemble, execution), size_in_bytes(settings.memory_limit)
    count, members = min(settings.batch_size, memory.times(limit)), ensemble.count
    if count < 1:
        fault = (
            f"forecasts from one initial time, {members:,} of them, take {format_size(memory.of(1))}, got a limit of "
            f"{settings.memory_limit}"
        )
        raise ConfigError(
            [Fault("forecast.memory_limit", fault)],
            fix="raise the limit; members of an ensemble may be made one after the other, with --member",
        )
    logger.info(
        "memory: %s for %d initial times at once, each %d members: weights and graph %s, a call of the model %s, what "
        "is kept for each initial time %s",
        *(format_size(memory.of(count)), count, members),
        *map(format_size, (memory.weights, memory.call, memory.each)),
    )
    changed = settings.model_copy(update={"batch_size": count})
    return replace(experiment, config=experiment.config.model_copy(update={"forecast": changed}))


def forecast_memory(experiment: Experiment, ensemble: Ensemble, execution: Execution) -> ForecastMemory:
    """Plan the memory of forecasts; this takes seconds, and little memory.

    Raises:
        ContractError: a part of the model reads values of tensors in `forward`.
    """
    from wxml.model.call_memory import call_memory
    from wxml.model.planned_calls import PlannedCalls

    plan, model = experiment.plan(1), experiment.new_model().eval()
    called, run = execution.called(model), PlannedCalls(plan).run

    def step(states: "Tensor", forcings: "Tensor", *noise: "Tensor") -> "Tensor":
        return next(run(called, states, forcings, iter(noise) if noise else None))

    count, copies = ensemble.count if execution.together else 1, execution.copies_on(execution.device)
    made = call_memory(model, step, _shapes(experiment, plan, count), execution.device)
    each = _kept(experiment, ensemble)
    if execution.together:
        return ForecastMemory(made.lasting * copies, 0, each + made.coming_and_going)
    return ForecastMemory(made.lasting * copies, made.coming_and_going * copies, each)


def _shapes(experiment: Experiment, plan: CallPlan, count: int) -> list[tuple[int, ...]]:
    """The shapes of the known states, the forcings and perhaps the noise of so many forecasts."""
    roles, nodes, noise = experiment.roles, len(experiment.source.header.grid), experiment.config.model.noise
    times = ((plan.window.input_steps, len(roles.prognostic)), (len(plan.window.offsets), len(roles.forcing)))
    shapes: list[tuple[int, ...]] = [(count, steps, nodes, width) for steps, width in times]
    return shapes if noise is None else [*shapes, (count, len(experiment.graph.nodes["mesh"]), noise.channels)]


def check_memory_of(experiment: Experiment, times: int, ensemble: Ensemble, steps: int) -> None:
    """Refuse forecasts that do not fit the free memory by what they keep alone; the calls of the model take more.

    Raises:
        ResourceError: they do not fit.
    """
    at_once, members = min(experiment.config.forecast.batch_size, times), ensemble.count
    check_memory(
        at_once * _kept(experiment, ensemble) + VALUE * steps,
        f"a batch of {at_once * members:,} forecasts ({at_once:,} initial times, each {members:,} members) of "
        f"{steps:,} steps",
        fix="reduce `members`, `forecast.batch_size` or `lead_time`",
    )


def _kept(experiment: Experiment, ensemble: Ensemble) -> int:
    """The bytes that the forecasts from one initial time keep from step to step."""
    roles, steps = experiment.roles, experiment.window(1).input_steps
    outputs, prognostic = (
        len(roles.output) * (1 if experiment.config.model.spread is None else 2),
        len(roles.prognostic),
    )
    forecast = steps * prognostic + 2 * (steps + 1) * prognostic + FIELDS * outputs  # known states, those of two steps
    state = VALUE * steps * (prognostic + len(roles.forcing)) + (steps + 1) * prognostic  # and where it is missing
    members, nodes = ensemble.count, len(experiment.source.header.grid)
    return (VALUE * members * forecast + ensemble.states * state) * nodes
