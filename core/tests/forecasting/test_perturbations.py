"""Perturbations of initial states: their size, their length, their limits, and what a forecast makes of them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from wxml import ConfigError, DataError, Grid, Perturbation, PerturbationSpace, Variable
from wxml.data.sphere import unit_vectors
from wxml.experiment.assembling import assemble
from wxml.experiment.parts import Experiment
from wxml.forecasting.ensemble import Ensemble, chosen_members
from wxml.forecasting.perturbation import InitialState
from wxml.forecasting.perturbations.bred import Bred
from wxml.forecasting.perturbations.gaussian import Gaussian
from wxml.forecasting.perturbations.lagged import Lagged
from wxml.forecasting.perturbations.spherical import EARTH_RADIUS, Spherical
from wxml.forecasting.perturbed import Perturbations
from wxml.forecasting.rollout import rollout
from wxml.testing import TravellingWaves

SIX_HOURS = np.timedelta64(6 * 3600, "s")
TIMES = np.array(["2000-01-02T00"], "datetime64[s]")
PLACES = Grid.unstructured([0.0, 0.0, 0.0, 60.0, 90.0], [0.0, 4.5, 18.0, 100.0, 0.0])


class Persistence(nn.Module):
    def forward(self, states: Tensor, forcings: Tensor) -> Tensor:
        return states[:, -1:]


class Warms(nn.Module):
    """Adds a tenth of a model unit in each step."""

    def forward(self, states: Tensor, forcings: Tensor) -> Tensor:
        return states[:, -1:] + 0.1


def space_on(grid: Grid) -> PerturbationSpace:
    variables = (Variable("t", units="K"), Variable("q", units="g kg-1"))
    return PerturbationSpace(grid, variables, np.array([2.0, 0.5]), SIX_HOURS)


def state(grid: Grid, member: int) -> InitialState:
    values = np.full((2, 2, len(grid)), 280, np.float32)
    return InitialState(values, TIMES, member, 1000 + member, lambda run, difference: values + 1)


def differences(plugin: Perturbation, grid: Grid, members: int) -> np.ndarray:
    return np.stack([plugin.difference(state(grid, member))[0] for member in range(members)])


def test_gaussian_numbers_have_the_deviation_of_a_share_of_the_change_and_are_independent() -> None:
    found = differences(Gaussian(space_on(PLACES), amplitude=0.25), PLACES, 4000)
    np.testing.assert_allclose(found.std(axis=0), np.array([[0.5], [0.125]]).repeat(5, axis=1), rtol=0.06)
    correlation = np.corrcoef(found.reshape(4000, -1).T)
    assert np.abs(correlation - np.eye(10)).max() < 0.07
    only = differences(Gaussian(space_on(PLACES), variables=["q"]), PLACES, 3)
    assert not only[:, 0].any()
    assert only[:, 1].all()


def test_spherical_patterns_have_the_correlation_of_their_length() -> None:
    """exp(−d² / 2L²) with the distance d along a straight line: closed form, near and far."""
    found = differences(Spherical(space_on(PLACES), length=1000, amplitude=0.5), PLACES, 3000)
    np.testing.assert_allclose(found.std(axis=0), np.array([[1.0], [0.25]]).repeat(5, axis=1), rtol=0.06)
    points = EARTH_RADIUS * unit_vectors(PLACES.latitudes, PLACES.longitudes)
    distance = np.linalg.norm(points[:, None] - points, axis=-1)
    for variable in range(2):
        correlation = np.corrcoef(found[:, variable].T)
        np.testing.assert_allclose(correlation, np.exp(-(distance**2) / 2e6), atol=0.07)
    assert abs(np.corrcoef(found[:, 0, 0], found[:, 1, 0])[0, 1]) < 0.07


def test_a_pattern_does_not_depend_on_how_many_nodes_are_computed_at_once() -> None:
    many = Grid.regular(np.linspace(-87, 87, 60), np.arange(0, 360, 4))
    plugin = Spherical(space_on(many))
    found = plugin.difference(state(many, 3))[0]
    few = Grid.unstructured(many.latitudes[4000:4500], many.longitudes[4000:4500])
    np.testing.assert_allclose(Spherical(space_on(few)).difference(state(few, 3))[0], found[:, 4000:4500], atol=1e-9)


@pytest.mark.carries_out("write multiples of {}")
def test_a_lagged_member_takes_the_lag_at_its_place() -> None:
    plugin = Lagged(space_on(PLACES), lags=["0h", "6h"])
    assert [float(plugin.difference(state(PLACES, member)).max()) for member in range(4)] == [0, 1, 0, 1]
    for lag in ("3h", "-6h"):
        with pytest.raises(ConfigError, match=f"must be multiples of the time step of 6h, or 0h, got {lag}"):
            Lagged(space_on(PLACES), lags=[lag])


@pytest.mark.parametrize("plugin", [Gaussian, Spherical])
def test_a_variable_that_is_not_prognostic_is_refused(plugin: type[Any]) -> None:
    with pytest.raises(ConfigError, match="'tt' is no prognostic variable") as caught:
        plugin(space_on(PLACES), variables=["tt"])
    assert "t" in caught.value.fix


class Shift(Perturbation):
    def __init__(self, space: PerturbationSpace, *, by: float) -> None:
        super().__init__(space)
        self.by = by

    def _difference(self, state: InitialState) -> np.ndarray:
        return np.full(state.values.shape, self.by)


def test_differences_are_added_up_within_the_limits_and_what_is_missing_stays_missing() -> None:
    values = np.array([[[280.0, np.nan], [0.3, 0.9]]], np.float32)
    shifts = tuple(Shift(space_on(PLACES), by=by) for by in (0.5, -1.0))
    made = Perturbations(shifts, np.array([-np.inf, 0.0]), np.array([np.inf, 1.0]))
    found = made.perturbed(values, TIMES, 1, (1, 2), lambda run, difference: values)
    np.testing.assert_allclose(found, [[[279.5, np.nan], [0.0, 0.4]]], rtol=1e-6)
    np.testing.assert_array_equal(values[0, 1], np.array([0.3, 0.9], np.float32))


# Forecasts


def perturbed(tiny: Any, *choices: dict[str, Any], **changes: Any) -> Experiment:
    forecast = {"members": 4, "perturbations": list(choices)}
    return assemble(tiny({"forecast": forecast, **changes}))


def made(experiment: Experiment, model: nn.Module, steps: int = 1, **ensemble: Any) -> dict[np.datetime64, np.ndarray]:
    """The last step by its initial time."""
    times = experiment.source.header.times[[9, 11]]
    whole = replace(Ensemble(4, experiment.source.header.members), **ensemble)
    fields = rollout(experiment, model, times, steps, ensemble=whole)
    return {field.valid_time - lead: field.values for lead, field in fields}


@pytest.mark.parametrize("choice", [{"plugin": "gaussian"}, {"plugin": "spherical", "length": 3000}])
def test_members_start_from_the_analysis_and_differ(tiny, choice: dict[str, Any]) -> None:
    experiment = perturbed(tiny, {**choice, "amplitude": 0.5})
    changes = experiment.statistics.select(("t", "q")).tendency_std
    for time, values in made(experiment, Persistence(), control=True).items():
        analysis = experiment.source.read([time], ("t", "q"))[0, 0]
        np.testing.assert_allclose(values[0], analysis, rtol=1e-6)
        for member in values[1:]:
            scaled = (member - analysis).std(axis=1) / changes
            assert np.all((scaled > 0.1) & (scaled < 1.0))
        assert len(np.unique(values[:, 0, 0])) == 4


def test_a_member_alone_has_the_bits_that_it_has_among_all(tiny) -> None:
    choices = (
        {"plugin": "gaussian"},
        {"plugin": "spherical"},
        {"plugin": "lagged", "lags": ["0h", "6h"]},
        {"plugin": "bred", "cycles": 2},
    )
    noise = {"channels": 3, "how": "inject"}
    experiment = perturbed(tiny, *choices, **{"model.noise": noise, "data.source": {"plugin": "waves", "members": 2}})
    model = experiment.new_model()
    with torch.no_grad():
        for weights in model.parameters():
            weights.add_(0.1 * torch.randn(weights.shape, generator=torch.Generator().manual_seed(1)))
    whole = made(experiment, model, 2)
    with_control = made(experiment, model, 2, control=True)
    for chosen in ((5,), (2, 7)):
        for time, values in made(experiment, model, 2, chosen=chosen).items():
            np.testing.assert_array_equal(values, whole[time][list(chosen)])
            np.testing.assert_array_equal(values, with_control[time][list(chosen)])
    assert not np.array_equal(whole[time][0], with_control[time][0])


def test_a_lagged_member_goes_on_with_the_forecast_from_then(tiny) -> None:
    """A model that warms by 0.1 model units in 6 hours: from 12 hours before it has warmed twice at the start."""
    experiment = perturbed(tiny, {"plugin": "lagged", "lags": ["0h", "6h", "12h"]})
    found = made(experiment, Warms(), 3)
    for time, values in found.items():
        for member, lag in enumerate((0, 1, 2, 0)):
            start = experiment.source.read([time - lag * SIX_HOURS], ("t", "q"))[0, 0]
            model_values = experiment.preprocessing.forward(start, ("t", "q")) + np.float32(0.1 * (3 + lag))
            expected = experiment.preprocessing.inverse(model_values, ("t", "q"))
            np.testing.assert_allclose(values[member], expected, rtol=1e-5)


class Grows(nn.Module):
    """In model units t doubles in each step, and q halves."""

    def forward(self, states: Tensor, forcings: Tensor) -> Tensor:
        return states[:, -1:] * torch.tensor([2.0, 0.5])


def sizes(experiment: Experiment, difference: np.ndarray) -> np.ndarray:
    """The root mean square of each variable over the area, in typical changes."""
    scaled = difference / experiment.statistics.select(("t", "q")).tendency_std[:, None]
    found: np.ndarray = np.sqrt(scaled**2 @ experiment.source.header.grid.area_weights)
    return found


def test_bred_differences_are_what_grows(tiny) -> None:
    """t doubles and q halves: after three cycles of two steps the ratio of both has grown by 4 ** 6, in closed form."""
    bred = {"plugin": "bred", "amplitude": 0.01, "cycles": 3, "every": "12h"}
    experiment, still = perturbed(tiny, bred), perturbed(tiny, {**bred, "cycles": 1})
    found, at_rest = made(experiment, Grows(), control=True), made(still, Persistence(), control=True)
    for time in found:
        for member in (1, 2, 3):
            start = at_rest[time][member].astype(np.float64) - at_rest[time][0]
            assert np.sqrt((sizes(experiment, start) ** 2).mean()) == pytest.approx(0.01, rel=2e-3)
            grown = (found[time][member].astype(np.float64) - found[time][0]) / [
                [2.0],
                [0.5],
            ]  # the step of the forecast
            assert np.sqrt((sizes(experiment, grown) ** 2).mean()) == pytest.approx(0.01, rel=2e-3)
            wanted = start * [[2.0**6], [0.5**6]]
            wanted *= 0.01 / np.sqrt((sizes(experiment, wanted) ** 2).mean())
            np.testing.assert_allclose(grown[0], wanted[0], atol=2e-3 * np.abs(wanted[0]).max())
            assert sizes(experiment, grown)[1] < 1e-3 * sizes(experiment, grown)[0]


@pytest.mark.carries_out("write a multiple of {}")
@pytest.mark.parametrize("every", ["3h", "0h", "-6h"])
def test_the_cycles_of_bred_are_whole_steps(every: str) -> None:
    with pytest.raises(ConfigError, match=f"must be a multiple of the time step of 6h, got {every}"):
        Bred(space_on(PLACES), every=every)
    hours = [run.lag / SIX_HOURS for run in Bred(space_on(PLACES), every="12h", cycles=2).runs(0)]
    assert hours == [4.0, 2.0]


class Forgets(nn.Module):
    def forward(self, states: Tensor, forcings: Tensor) -> Tensor:
        return 0 * states[:, -1:]


@pytest.mark.carries_out("perturb the initial states in another way, such as by `spherical`")
def test_a_model_that_forgets_its_initial_state_breeds_nothing(tiny) -> None:
    with pytest.raises(DataError, match="differ by 0 typical changes after 6h"):
        made(perturbed(tiny, {"plugin": "bred"}), Forgets())
    made(perturbed(tiny, {"plugin": "spherical"}), Forgets())


@pytest.mark.carries_out("take the perturbation, such as lagged, out of `forecast.perturbations`")
def test_a_task_that_feeds_nothing_back_has_no_lagged_members(tiny) -> None:
    task = {"data.task": {"plugin": "interpolate", "inputs": ["0h", "18h"], "targets": ["6h"]}}
    lagged = {"plugin": "lagged", "lags": ["6h"]}
    for choices in ([lagged], []):
        forecast = {"members": 1, "perturbations": choices}
        experiment = assemble(tiny({**task, "forecast": forecast}))
        steps = rollout(experiment, Persistence(), experiment.source.header.times[[9]], 1)
        if choices:
            with pytest.raises(DataError, match="the task of the model feeds nothing back"):
                next(steps)
        else:
            assert next(steps)[1].values.shape == (1, 2, 48)


def test_members_of_an_ensemble_of_analyses_lie_around_the_initial_state(tiny) -> None:
    source = {"plugin": "waves", "members": 4}
    experiment = perturbed(tiny, {"plugin": "analyses", "source": source, "variables": ["t"]})
    analyses = TravellingWaves(members=4)
    for time, values in made(experiment, Persistence()).items():
        initial = experiment.source.read([time], ("t", "q"))[0, 0]
        of_all = analyses.read([time], ("t",))[0, :, 0].astype(np.float64)
        np.testing.assert_allclose(values[:, 0], initial[0] + of_all - of_all.mean(axis=0), rtol=1e-5)
        np.testing.assert_allclose(values[:, 1], initial[1][None].repeat(4, axis=0), rtol=1e-6)


@pytest.mark.carries_out("give a source with several members")
def test_a_single_analysis_is_refused(tiny) -> None:
    with pytest.raises(ConfigError, match="has one member, and differences need two"):
        made(perturbed(tiny, {"plugin": "analyses", "source": {"plugin": "waves"}}), Persistence())
    made(perturbed(tiny, {"plugin": "analyses", "source": {"plugin": "waves", "members": 2}}), Persistence())


def test_a_variable_that_was_never_negative_is_not_perturbed_below_zero(tiny) -> None:
    experiment = perturbed(tiny, {"plugin": "gaussian", "amplitude": 100.0})
    assert (experiment.statistics.select(("t", "q")).minimum > 0).all()
    for values in made(experiment, Persistence()).values():
        assert values.min() == pytest.approx(0, abs=1e-3)
        assert values.min() > -1e-3


def test_limits_of_the_model_hold_for_perturbed_states(tiny) -> None:
    bounding = {"t": {"minimum": 270.0, "maximum": 290.0}}
    experiment = perturbed(tiny, {"plugin": "gaussian", "amplitude": 10.0}, **{"model.bounding": bounding})
    for values in made(experiment, Persistence()).values():
        assert values[:, 0].min() == pytest.approx(270, abs=1e-3)
        assert values[:, 0].max() == pytest.approx(290, abs=1e-3)


def test_chosen_members_are_numbers_and_ranges() -> None:
    assert chosen_members("17", 20) == (17,)
    assert chosen_members("3, 0-1,1", 4) == (0, 1, 3)


@pytest.mark.parametrize("text", ["", "a", "1-", "-1", "1-b", "1.5"])
@pytest.mark.carries_out("write 17, or 0-9, or 0,5,10-12")
def test_what_names_no_member_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="`member` must be numbers and ranges"):
        chosen_members(text, 20)
    assert [chosen_members(good, 20)[-1] for good in ("17", "0-9", "0,5,10-12")] == [17, 9, 12]


@pytest.mark.parametrize("text", ["17", "0-99999999999", "3-2", "0,1"])
@pytest.mark.carries_out("give the size of the whole ensemble, such as --members 20, and numbers below it")
def test_a_member_that_the_ensemble_does_not_have_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="the ensemble has 1 member, from 0 to 0"):
        chosen_members(text, 1)
    assert chosen_members("17", 20) == (17,)


@pytest.mark.carries_out("give one number for each member, or None")
def test_a_forecast_of_one_member_writes_its_number(tiny, tmp_path: Path) -> None:
    from wxml.forecasting.layout import ForecastHeader, ForecastLayout

    header = TravellingWaves().header
    numbering = Ensemble(20, control=True, chosen=(17,)).numbering
    head = ForecastHeader(header.grid, header.variables, TIMES, np.array([SIX_HOURS]), 1, {}, numbering=numbering)
    (number,) = (one for one in ForecastLayout.of(head).coordinates if one.name == "number")
    assert number.values.tolist() == [17]
    assert number.attributes["comment"] == "0 is the control"
    with pytest.raises(DataError, match="must number its 2 members, got 1"):
        replace(head, members=2)
