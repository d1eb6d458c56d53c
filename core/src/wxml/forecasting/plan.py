"""What a forecast runs: decided and checked before its first step."""

__all__ = ["ForecastPlan", "plan_forecast"]

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wxml.config.forecast_schema import check_members, check_spread
from wxml.config.state_filters import FilterChain
from wxml.data.fields import Fields
from wxml.experiment.parts import Experiment
from wxml.experiment.restoring import restore
from wxml.forecasting.boundary import BoundaryForcing
from wxml.forecasting.dates_left_out import DateFailure, check_usable, usable_times
from wxml.forecasting.ensemble import Ensemble, chosen_members
from wxml.forecasting.execution import Execution, execution_of
from wxml.forecasting.filters import check_step_filters, filtered_fields, output_filters
from wxml.forecasting.initial_times import initial_times_of, steps_of
from wxml.forecasting.input_sources import with_inputs
from wxml.forecasting.layout import ForecastHeader, spread_variable
from wxml.forecasting.memory import check_memory_of, fitted
from wxml.forecasting.perturbed import Perturbations
from wxml.forecasting.request import ForecastRequest
from wxml.forecasting.rollout import rollout
from wxml.forecasting.state_keeper import StateKeeper

if TYPE_CHECKING:
    from wxml.model.encode_process_decode import EncodeProcessDecode

logger = logging.getLogger("wxml")


@dataclass(frozen=True, slots=True, eq=False)
class ForecastPlan:
    """Forecasts that can be made: the data are there, the model is on its device, the settings fit it."""

    experiment: Experiment
    """The data, the config with the settings of the forecast, and how both are prepared."""
    model: "EncodeProcessDecode"
    execution: Execution
    times: NDArray[np.datetime64]
    """The initial times."""
    steps: int
    """The number of steps of each forecast."""
    ensemble: Ensemble
    """The members that are made of each initial time."""
    spread: bool
    """Whether standard deviations come out, too."""
    boundary: BoundaryForcing | None
    """What is given at the boundary of a limited area."""
    failures: tuple[DateFailure, ...] = ()
    """The initial times that are left out."""

    @property
    def header(self) -> ForecastHeader:
        """What comes out, without a provenance."""
        experiment, chain = self.experiment, self._filters
        grid = experiment.source.header.grid
        grid = replace(grid, parts=experiment.preprocessing.places.parts) if chain.grid is grid else chain.grid
        of_names = {one.name: one for one in chain.variables}
        deviations = (spread_variable(of_names[name]) for name in chain.deviations) if self.spread else ()
        return ForecastHeader(
            grid,
            (*chain.variables, *deviations),
            self.times,
            experiment.window(self.steps).lead_times,
            self.ensemble.count,
            {},
            chain.moved(experiment.boundary),
            numbering=self.ensemble.numbering,
        )

    @property
    def _filters(self) -> FilterChain:
        """What happens to the states that come out."""
        return output_filters(self.experiment, self.experiment.output_variables)

    def fields(self, keeper: StateKeeper | None = None) -> Iterator[tuple[np.timedelta64, Fields]]:
        """Run the model, and yield each lead time with its fields; see `rollout`."""
        with self.execution.settled():
            steps = rollout(
                self.experiment,
                self.model,
                self.times,
                self.steps,
                batch_size=self.experiment.config.forecast.batch_size,
                ensemble=self.ensemble,
                spread=self.spread,
                execution=self.execution,
                keeper=keeper,
            )
            chain, last = self._filters, self.experiment.window(self.steps).lead_times[-1]
            yield from (filtered_fields(chain, steps, last, spread=self.spread, keeper=keeper) if chain else steps)


def plan_forecast(request: ForecastRequest) -> ForecastPlan:
    """Open the checkpoint and the data, and check that the forecasts can be made.

    Raises:
        WxmlError: names what is wrong and the fix.
    """
    experiment, model = restore(request.checkpoint, source=request.other_source, change=request.config_of)
    experiment = with_inputs(experiment)
    check_step_filters(experiment)
    execution = execution_of(experiment.config)
    execution.place(model)
    config = experiment.config
    steps = steps_of(request, experiment)
    members, spread = request.members or config.forecast.members, request.spread or config.forecast.spread
    check_members(members, config.model, config.forecast.perturbations)
    check_spread(spread, config.model)
    ensemble = _ensemble(members, config.forecast.control, request.member, experiment)
    Perturbations.of(experiment)  # a mistake in their options is told before a file is made
    times, boundary = initial_times_of(request, experiment, steps), BoundaryForcing.of(experiment)
    check_memory_of(experiment, 1, ensemble, steps)  # before there is a list of all members
    perturbed = [number for number in ensemble.numbers if not ensemble.is_control(number)]
    failures: tuple[DateFailure, ...] = ()
    leaves_out = config.data.missing_inputs == "leave-out"
    if (request.on_error or ("skip" if leaves_out else config.forecast.on_error)) == "skip":
        times, failures = usable_times(experiment, times, steps, boundary, perturbed)
    else:
        check_usable(experiment, times, steps, boundary, perturbed)
    experiment = fitted(experiment, ensemble, execution)
    check_memory_of(experiment, len(times), ensemble, steps)
    _check_forcings(experiment, times, steps)
    logger.info("forecast: %d initial times from %s, %d steps", len(times), times[0], steps)
    return ForecastPlan(experiment, model, execution, times, steps, ensemble, spread, boundary, failures)


def _check_forcings(experiment: Experiment, times: NDArray[np.datetime64], steps: int) -> None:
    """Check before the first step that the forcings of every forecast are there, and tell what is read instead."""
    changing, _ = experiment.preprocessing.read_forcings
    if changing:
        reader, window = experiment.preprocessing.forcing_reader, experiment.window(steps)
        needed = np.unique(times[:, None] + window.offsets[window.forcing_positions])
        reader.check_times(changing, needed)
        reader.tell(changing, needed)


def _ensemble(members: int, control: bool, chosen: str | None, experiment: Experiment) -> Ensemble:
    """The members that are made."""
    whole = Ensemble(members, experiment.source.header.members, control)
    return whole if chosen is None else replace(whole, chosen=chosen_members(chosen, whole.size))
