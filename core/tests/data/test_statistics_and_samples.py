"""Statistics, transforms and samples on waves that are known in closed form."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from wxml import DataError, DataSource, SourceHeader, Variable, VariableRoles
from wxml.data.chain import make_chain
from wxml.data.preprocessing import Preprocessing
from wxml.data.samples import SampleSet
from wxml.data.statistics import Statistics, compute_statistics
from wxml.data.transforms.impute import Impute
from wxml.data.transforms.normalise import Normalise
from wxml.data.window import Window
from wxml.testing import TravellingWaves, tiny_grid

SIX_HOURS = np.timedelta64(6, "h").astype("timedelta64[s]")
WAVES = TravellingWaves(days=8, members=2)
ROLES = VariableRoles(prognostic=("t",), forcing=("cos_latitude", "insolation"), diagnostic=("q",))
YEAR_2000 = (np.datetime64("2000-01-01", "s"), np.datetime64("2000-12-31", "s"))


class Recorded(DataSource):
    """Values given by the test."""

    def __init__(self, values: NDArray[np.float32], hours: list[int], names: tuple[str, ...] = ("t",)) -> None:
        times = np.datetime64("2000-01-01", "s") + np.array(hours) * np.timedelta64(3600, "s")
        self.values = values
        self.header = SourceHeader(tiny_grid(1, values.shape[-1]), tuple(map(Variable, names)), times, values.shape[1])

    def _read(self, time_indices, variable_indices, out) -> None:  # type: ignore[no-untyped-def]
        out[:] = self.values[time_indices][:, :, variable_indices]

    def provenance(self) -> dict[str, object]:
        return {}


def statistics(source: DataSource, variables: tuple[str, ...]) -> Statistics:
    return compute_statistics(source, variables, source.header.times, SIX_HOURS)


def test_statistics_equal_a_plain_weighted_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wxml.data.one_pass.CHUNK_BYTES", 4000)  # several parts
    values = WAVES.read(WAVES.header.times, ("t", "q")).astype(np.float64)
    weights = np.broadcast_to(WAVES.header.grid.area_weights, values[:, :, 0].shape)
    found = statistics(WAVES, ("t", "q"))
    for i in range(2):
        mean = np.average(values[:, :, i], weights=weights)
        assert found.mean[i] == pytest.approx(mean, rel=1e-10)
        assert found.std[i] == pytest.approx(
            np.sqrt(np.average((values[:, :, i] - mean) ** 2, weights=weights)), rel=1e-8
        )
        assert found.minimum[i] == values[:, :, i].min()
        assert found.maximum[i] == values[:, :, i].max()


def test_tendency_of_a_travelling_wave_in_closed_form() -> None:
    found = statistics(WAVES, ("t",))
    # the change over 6 of 48 hours of a cosine of amplitude a is a cosine of amplitude 2 a sin(π / 8)
    assert found.tendency_std[0] / found.std[0] == pytest.approx(2 * np.sin(np.pi / 8), rel=1e-6)


@given(st.integers(1, 6))
def test_statistics_do_not_depend_on_the_chunks(chunk_times: int) -> None:
    whole = statistics(WAVES, ("t",))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wxml.data.one_pass.CHUNK_BYTES", chunk_times * 4 * 2 * 48)
        parts = statistics(WAVES, ("t",))
    for name in ("mean", "std", "minimum", "maximum", "tendency_std"):
        assert getattr(parts, name).tobytes() == getattr(whole, name).tobytes()


def test_missing_values_weigh_nothing() -> None:
    values = np.array([[[[1, 3, np.nan, np.nan]]], [[[np.nan, 5, 5, np.nan]]]], np.float32)
    found = statistics(Recorded(values, [0, 6]), ("t",))
    assert found.mean[0] == pytest.approx(14 / 4)
    assert found.tendency_std[0] == pytest.approx(2)  # only the second node has both
    assert (found.minimum[0], found.maximum[0]) == (1, 5)


@pytest.mark.carries_out("leave the variable out (`data.variables`), or choose another `data.split.training`")
def test_a_variable_without_a_value_is_refused() -> None:
    values = np.ones((4, 1, 2, 4), np.float32)
    values[:2, :, 1] = np.nan
    source = Recorded(values, [0, 6, 12, 18], ("t", "q"))
    early, late = source.header.times[:2], source.header.times[2:]
    with pytest.raises(DataError, match="holds no value of 'q'"):
        compute_statistics(source, ("t", "q"), early, SIX_HOURS)
    for variables, times in ((("t",), early), (("t", "q"), late)):
        assert compute_statistics(source, variables, times, SIX_HOURS).mean.tolist() == [1] * len(variables)


@pytest.mark.carries_out("compute the statistics again")
def test_statistics_of_fewer_variables_than_are_named() -> None:
    with pytest.raises(DataError, match=r"`mean` must hold one number per variable, got shape \(1,\) for 2"):
        replace(statistics(WAVES, ("t",)), variables=("t", "q"))
    assert statistics(WAVES, ("t", "q")).mean == pytest.approx([280, 5], abs=1e-3)


@pytest.mark.parametrize("method", ["mean-std", "std", "min-max", "max", "none"])
def test_normalise_undoes_itself(method: str) -> None:
    transform = Normalise(statistics(WAVES, ("t", "q")), default=method)  # type: ignore[arg-type]
    values = WAVES.read(WAVES.header.times, ("q", "t"))
    again = transform.inverse(transform.forward(values, ("q", "t")), ("q", "t"))
    np.testing.assert_allclose(again, values, rtol=1e-6)


def test_normalise_by_hand() -> None:
    numbers = Statistics(("a", "b"), *(np.array(v, float) for v in ([2, 0], [4, 1], [-2, -8], [6, 4], [1, 1])))
    x = np.array([[6.0], [4.0]], np.float32)
    results = {
        m: Normalise(numbers, default=m).forward(x, ("a", "b")).ravel() for m in ("mean-std", "std", "min-max", "max")
    }  # type: ignore[arg-type]
    assert results["mean-std"].tolist() == [1, 4]
    assert results["std"].tolist() == [1.5, 4]
    assert results["min-max"].tolist() == [1, 1]
    assert results["max"].tolist() == [1, 1]
    mixed = Normalise(numbers, default="none", methods={"b": "std"}).forward(x, ("a", "b"))
    assert mixed.ravel().tolist() == [6, 4]


@pytest.mark.carries_out("{}known: {}")
def test_normalise_refuses_a_variable_that_is_not_read() -> None:
    with pytest.raises(DataError, match="names 'tt'") as caught:
        Normalise(statistics(WAVES, ("t",)), methods={"tt": "std"})
    assert caught.value.fix == "did you mean 't'?   known: t"
    assert Normalise(statistics(WAVES, ("t",)), methods={"t": "std"}).offset.tolist() == [0]


def test_constant_fields_stay_finite() -> None:
    source = Recorded(np.full((3, 1, 1, 4), 7, np.float32), [0, 6, 12])
    for method in ("mean-std", "std", "min-max"):
        transform = Normalise(statistics(source, ("t",)), default=method)  # type: ignore[arg-type]
        assert np.isfinite(transform.forward(source.values, ("t",))).all()


METHODS = ["mean-std", "std", "min-max", "max"]


@given(
    constant=st.floats(-1e8, 1e8, width=32).filter(lambda c: c == 0 or abs(c) > 1e-30),
    steps=st.lists(st.integers(-1, 1), min_size=8, max_size=40),
    method=st.sampled_from(METHODS),
)
def test_a_field_that_is_constant_up_to_rounding_is_not_blown_up(constant: float, steps: list[int], method) -> None:
    """Each value is the constant or one of its neighbours in single precision; the model sees no difference."""
    rounding = np.spacing(np.float32(abs(constant)))
    values = (np.float32(constant) + np.array(steps, np.float32) * rounding * (constant != 0)).astype(np.float32)
    source = Recorded(np.repeat(values[:, None, None, None], 4, axis=-1), [6 * i for i in range(len(steps))])
    found = statistics(source, ("t",))
    assert (found.std[0], found.tendency_std[0]) == (0, 0)
    assert found.mean[0] == found.minimum[0] == found.maximum[0] == pytest.approx(constant, rel=1e-6)
    model = Normalise(found, default=method).forward(values[None], ("t",))
    assert np.ptp(model) <= max(np.ptp(values.astype(np.float64)), 1e-5) * 1.01


@given(constant=st.floats(1, 1e6, width=32), amplitude=st.floats(1e-4, 1))
def test_a_small_change_that_is_no_rounding_counts(constant: float, amplitude: float) -> None:
    """A change of 1e-4 of the value is a change."""
    values = (constant * (1 + amplitude * np.array([0, 1, 0, 1]))).astype(np.float32)
    found = statistics(Recorded(np.repeat(values[:, None, None, None], 4, axis=-1), [0, 6, 12, 18]), ("t",))
    assert found.std[0] == pytest.approx(np.std(values.astype(np.float64)), rel=1e-6)
    assert found.tendency_std[0] == pytest.approx(abs(float(values[1]) - float(values[0])), rel=1e-4)


def test_impute_fills_only_what_is_missing() -> None:
    values = np.array([[[[1, 3, np.nan, 5]]]], np.float32)
    numbers = Statistics(("t",), *(np.array([v], float) for v in (3, 1, 1, 5, 1)))
    assert Impute(numbers).forward(values, ("t",)).ravel().tolist() == [1, 3, 3, 5]
    assert Impute(numbers, value="maximum").forward(values, ("t",)).ravel().tolist() == [1, 3, 5, 5]
    assert Impute(numbers, value=-9.0).forward(values, ("t",)).ravel().tolist() == [1, 3, -9, 5]


@given(st.sets(st.integers(0, 30), min_size=1), st.integers(1, 3), st.integers(0, 3))
def test_windows_are_exactly_those_that_are_complete(hours: set[int], inputs: int, steps: int) -> None:
    base = np.datetime64("2000-01-01", "s")
    times = base + np.array(sorted(hours)) * SIX_HOURS
    found = Window(inputs, steps, SIX_HOURS).initial_times(times)
    expected = [h for h in sorted(hours) if all(h + o in hours for o in range(1 - inputs, steps + 1))]
    np.testing.assert_array_equal((found - base) // SIX_HOURS, expected)


def model_space(source: DataSource = WAVES) -> Preprocessing:
    normalise = Normalise(statistics(source, ("t", "q")))
    return Preprocessing(source, ROLES, (normalise,), normalise.statistics_after())


def test_a_sample_holds_the_closed_form() -> None:
    samples = SampleSet(model_space(), Window(2, 1, SIX_HOURS), YEAR_2000)
    numbers = statistics(WAVES, ("t",))
    assert len(samples) == 2 * (4 * 8 - 2)  # members × windows of three states
    sample = samples[7]  # the fourth window (initial time 24 h), second member
    assert sample.shape == (3, 4, 48)
    for i, hours in enumerate((18, 24, 30)):
        wave = (WAVES.wave("t", hours, member=1) - numbers.mean[0]) / numbers.std[0]
        np.testing.assert_allclose(sample[i, 0], wave, atol=1e-5)
    latitude = np.cos(np.radians(WAVES.header.grid.latitudes))
    np.testing.assert_allclose(sample[0, 2], latitude, atol=1e-6)  # order: t, q, cos_latitude, insolation


def test_samples_stay_within_their_period() -> None:
    period = (np.datetime64("2000-01-03", "s"), np.datetime64("2000-01-03T18", "s"))
    samples = SampleSet(model_space(), Window(2, 1, SIX_HOURS), period)
    assert [str(t)[:13] for t in samples.initial_times] == ["2000-01-03T06", "2000-01-03T12"]


def test_a_period_without_samples_is_refused() -> None:
    with pytest.raises(DataError, match="one needs 3 states, 6h apart"):
        SampleSet(model_space(), Window(2, 1, SIX_HOURS), (YEAR_2000[0], YEAR_2000[0]))


@pytest.mark.carries_out(
    "add {plugin: impute} before normalise in `data.transforms`, drop the variable, or choose other times"
)
def test_a_missing_input_is_an_error_and_a_missing_truth_is_not() -> None:
    values = np.ones((4, 1, 2, 4), np.float32)
    values[3, 0, 0, 1] = np.nan
    source = Recorded(values, [0, 6, 12, 18], ("t", "q"))
    space = Preprocessing(source, VariableRoles(("t",)), (), statistics(source, ("t",)))
    samples = SampleSet(space, Window(2, 1, SIX_HOURS), YEAR_2000)
    assert np.isnan(samples[1]).sum() == 1
    late = SampleSet(space, Window(2, 0, SIX_HOURS), YEAR_2000)
    with pytest.raises(DataError, match="'t' is missing at 2000-01-01T18 on 1 of 4 nodes"):
        late[2]
    assert late[1].tolist() == np.ones((2, 1, 4)).tolist()
    without = Preprocessing(source, VariableRoles(("q",)), (), statistics(source, ("q",)))
    assert SampleSet(without, Window(2, 0, SIX_HOURS), YEAR_2000)[2].tolist() == np.ones((2, 1, 4)).tolist()
    compute = partial(compute_statistics, source, ("t",), source.header.times, SIX_HOURS)
    chain, after = make_chain([Impute, Normalise], compute(), lambda forward, _: compute(forward))
    imputed = Preprocessing(source, VariableRoles(("t",)), chain, after)
    assert SampleSet(imputed, Window(2, 0, SIX_HOURS), YEAR_2000)[2].tolist() == np.zeros((2, 1, 4)).tolist()


NAMES = ("t", "q", "z")
THREE_ROLES = VariableRoles(prognostic=("t",), forcing=("z",), diagnostic=("q",))


@pytest.mark.parametrize("inputs", [1, 2, 3])
@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("name", NAMES)
def test_a_value_is_asked_for_only_where_it_is_read(inputs: int, steps: int, name: str) -> None:
    """The model reads t at the input times and z at all but the last; the loss weighs t and q after the input times."""
    for missing in range(inputs + steps):
        values = np.ones((inputs + steps, 1, 3, 4), np.float32)
        values[missing, 0, NAMES.index(name), 2] = np.nan
        source = Recorded(values, [6 * n for n in range(inputs + steps)], NAMES)
        space = Preprocessing(source, THREE_ROLES, (), statistics(source, NAMES))
        samples = SampleSet(space, Window(inputs, steps, SIX_HOURS), YEAR_2000)
        is_read = {"t": missing < inputs, "q": False, "z": missing < inputs + steps - 1}[name]
        if is_read:
            with pytest.raises(DataError, match=f"'{name}' is missing at"):
                samples[0]
        else:
            empty = 4 * (inputs + 1)  # nobody needs q at the input times and z at the last one
            assert np.isnan(samples[0]).sum() == empty + (name != "z" and missing >= inputs)


def test_imputing_serves_the_input_and_leaves_the_truth_missing() -> None:
    values = np.ones((3, 1, 1, 4), np.float32)
    values[1:, 0, 0, 2] = np.nan
    source = Recorded(values, [0, 6, 12])
    numbers = statistics(source, ("t",))
    space = Preprocessing(source, VariableRoles(("t",)), (Impute(numbers, value=4.0),), numbers)
    sample = SampleSet(space, Window(2, 1, SIX_HOURS), YEAR_2000)[0]
    assert sample[1, 0].tolist() == [1, 1, 4, 1]
    assert np.isnan(sample[2, 0, 2])


@pytest.mark.carries_out(
    "choose an earlier initial time or a shorter lead time, set `forecast.inputs.missing_forcings=persist`; or train "
    "with those that never change in "
    "`data.variables.constant`"
)
def test_constants_reach_beyond_the_last_time_of_the_source() -> None:
    roles = VariableRoles(prognostic=("t",), forcing=("q", "cos_latitude"))
    beyond = WAVES.header.times[-1] + np.array([0, 6, 12]) * np.timedelta64(3600, "s")
    numbers = statistics(WAVES, ("t", "q"))
    space = Preprocessing(WAVES, roles, (), numbers, constants=frozenset({"q"}))
    values = space.forcings(beyond)
    assert values.shape == (3, 2, 2, 48)
    np.testing.assert_array_equal(values[:, :, 0], np.repeat(WAVES.read(beyond[:1], ["q"])[:, :, 0], 3, axis=0))
    changing = Preprocessing(WAVES, roles, (), numbers)
    with pytest.raises(DataError, match="the source has no data for"):
        changing.forcings(beyond)
    for times in (beyond - np.timedelta64(12, "h"), beyond[:1]):  # earlier, or shorter
        np.testing.assert_array_equal(changing.forcings(times)[:, :, 0], WAVES.read(times, ["q"])[:, :, 0])
