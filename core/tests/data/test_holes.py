"""Samples that lack an input: which they are, against a look at every value, and what becomes of them."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from wxml import DataError, DataSource, Grid, GridPart, Moments, SourceHeader, Variable, VariableRoles
from wxml.data.holes import HoleFinder, find_holes, holes_of_counts
from wxml.data.preprocessing import Preprocessing
from wxml.data.samples import SampleSet, incomplete_samples
from wxml.data.statistics import compute_statistics
from wxml.data.transforms.impute import Impute
from wxml.data.transforms.normalise import Normalise
from wxml.data.window import Window

HOURS = np.timedelta64(6 * 3600, "s")
START = np.datetime64("2000-01-01", "s")
NAMES = ("t", "q", "z")
PERIOD = (START, START + 1000 * HOURS)
carries_out = pytest.mark.carries_out


class Recorded(DataSource):
    """Values `[time, member, variable, node]`, at the times of some steps."""

    def __init__(self, values: NDArray[np.float32], steps: list[int] | None = None) -> None:
        times = START + np.array(range(len(values)) if steps is None else steps) * HOURS
        grid = Grid.unstructured(np.arange(values.shape[3]) * 1.0, np.zeros(values.shape[3]))
        variables = tuple(Variable(name) for name in NAMES[: values.shape[2]])
        self.header = SourceHeader(grid, variables, times, values.shape[1])
        self.values, self.reads = values, 0

    def _read(self, time_indices, variable_indices, out) -> None:  # type: ignore[no-untyped-def]
        self.reads += 1
        out[:] = self.values[time_indices][:, :, variable_indices]

    def provenance(self) -> dict[str, Any]:
        return {}


def space(source: Recorded, roles: VariableRoles, how: str = "fail", **options: Any) -> Preprocessing:
    numbers = compute_statistics(source, source.header.names, source.header.times, HOURS)
    finder = HoleFinder(lambda times, names: find_holes(source, names, times))
    normalise = Normalise(numbers)
    chain = options.get("transforms", (normalise,))
    after = options.get("after", normalise.statistics_after())
    return Preprocessing(source, roles, chain, after, missing_inputs=how, holes=finder)  # type: ignore[arg-type]


def numbers(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


@settings(max_examples=60, deadline=None)
@given(
    holes=st.lists(st.tuples(st.integers(0, 11), st.integers(0, 1), st.integers(0, 2), st.integers(0, 3)), max_size=6),
    gap=st.sets(st.integers(1, 10), max_size=3),
    inputs=st.integers(1, 3),
    steps=st.integers(1, 3),
)
def test_those_that_are_found_are_those_that_cannot_be_read(
    holes: list[tuple[int, int, int, int]], gap: set[int], inputs: int, steps: int
) -> None:
    """A prognostic variable, a forcing and a diagnostic one, two members, gaps in time: as each sample says itself."""
    values = numbers(12, 2, 3, 4)
    for where in holes:
        values[where] = np.nan
    kept = [step for step in range(12) if step not in gap]
    source, window = Recorded(values[kept], kept), Window(inputs, steps, HOURS)
    roles = VariableRoles(prognostic=("t",), forcing=("z",), diagnostic=("q",))
    blind = space(source, roles)
    times = window.initial_times(source.header.times)
    if not len(times):
        return
    unknowing = Preprocessing(source, roles, blind.transforms, blind.model_statistics)
    samples = SampleSet(unknowing, window, PERIOD)
    found = incomplete_samples(blind, window, times)
    for number, lacks in enumerate(found.samples):
        readable = [is_readable(samples, 2 * number + member) for member in range(2)]
        assert all(readable) is not bool(lacks)
    assert {(one.variable, one.time) for one in found.lacks} <= {(n, t) for n in "tz" for t in source.header.times}
    assert bool(found.lacks) is bool(found.samples.any())


def is_readable(samples: SampleSet, index: int) -> bool:
    try:
        samples[index]
    except DataError:
        return False
    return True


def with_a_hole(count: int = 10, at: int = 4) -> Recorded:
    values = numbers(count, 1, 2, 5)
    values[at, 0, 0, 3] = np.nan
    return Recorded(values)


ROLES = VariableRoles(prognostic=("t", "q"))
WINDOW = Window(2, 1, HOURS)


@carries_out(
    "write `data.missing_inputs: leave-out` to go without these samples, or `impute` to put means in their place; or "
    "drop the variable"
)
def test_a_hole_is_known_before_a_sample_is_read_and_may_be_left_out(caplog: pytest.LogCaptureFixture) -> None:
    source = with_a_hole()
    with pytest.raises(DataError, match=r"2 of 8 samples lack an input: 't' at 2000-01-02T00\n"):
        SampleSet(space(source, ROLES), WINDOW, PERIOD)
    left = SampleSet(space(source, ROLES, "leave-out"), WINDOW, PERIOD)
    assert "2 of 8 samples lack an input: 't' at 2000-01-02T00; these samples are left out" in caplog.text
    assert ((left.initial_times - START) // HOURS).tolist() == [1, 2, 3, 6, 7, 8]
    for index in range(len(left)):
        left[index]
    assert np.isnan(left[2][2, 0]).sum() == 1  # the hole is truth of a sample that stays
    filled = SampleSet(space(source, ROLES, "impute"), WINDOW, PERIOD)
    assert len(filled) == 8
    received = compute_statistics(source, ("t",), source.header.times, HOURS)
    expected = Normalise(received).forward(received.mean.astype(np.float32)[:, None], ("t",))
    assert filled[3][1, 0, 3] == pytest.approx(float(expected[0, 0]), abs=1e-6)
    assert filled.with_imputed(3)[1].sum() == 1  # a rollout does not feed it back
    without = SampleSet(space(source, VariableRoles(prognostic=("q",))), WINDOW, PERIOD)
    assert len(without) == 8


@carries_out("choose another period (`data.split`), or `data.missing_inputs: impute`")
def test_no_sample_is_left() -> None:
    values = numbers(6, 1, 1, 4)
    values[:4, 0, 0, 0] = np.nan
    source = Recorded(values)
    early = (START, START + 3 * HOURS)
    with pytest.raises(DataError, match="2 of 2 samples lack an input"):
        SampleSet(space(source, VariableRoles(("t",)), "leave-out"), WINDOW, early)
    assert len(SampleSet(space(source, VariableRoles(("t",)), "leave-out"), Window(1, 1, HOURS), PERIOD)) == 1
    assert len(SampleSet(space(source, VariableRoles(("t",)), "impute"), WINDOW, early)) == 2


def test_what_a_transform_fills_is_no_hole() -> None:
    source = with_a_hole()
    received = compute_statistics(source, source.header.names, source.header.times, HOURS)
    impute = Impute(received)
    chain = (impute, Normalise(impute.statistics_after()))
    made = space(source, ROLES, transforms=chain, after=chain[-1].statistics_after())
    source.reads = 0
    assert len(SampleSet(made, WINDOW, PERIOD)) == 8
    assert source.reads == 0  # nobody had to look


def test_what_a_part_of_the_grid_does_not_have_is_no_hole() -> None:
    source = with_a_hole()
    parts = (GridPart("near", 2), GridPart("far", 3, ("q",)))
    grid = Grid(*(getattr(source.header.grid, name) for name in ("latitudes", "longitudes", "area_weights", "shape")))
    header = SourceHeader(grid, source.header.variables, source.header.times, 2)
    source.header = SourceHeader(
        Grid(grid.latitudes, grid.longitudes, grid.area_weights, grid.shape, False, parts),
        header.variables,
        header.times,
        2,
    )
    counts = np.array([[0, 6], [1, 6], [0, 7]])
    assert holes_of_counts(source, ("t", "q"), counts).tolist() == [[False, False], [True, False], [False, True]]


def test_moments_of_the_source_tell_it_without_reading() -> None:
    source = with_a_hole()

    class Built(Recorded):
        def moments(self, times, variables, timestep=None) -> Moments:  # type: ignore[no-untyped-def]
            rows, columns = self.header.time_indices(times), self.header.variable_indices(variables)
            parts = [Moments.of(self.values[row][:, columns], np.ones(5)) for row in rows]
            return Moments.stack(parts)

    built = Built(source.values)
    expected = np.zeros((10, 2), bool)
    expected[4, 0] = True
    assert np.array_equal(find_holes(built, ("t", "q"), built.header.times), expected)
    assert built.reads == 0
    assert np.array_equal(find_holes(source, ("t", "q"), source.header.times), expected)
    assert source.reads == 1


def test_it_is_read_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wxml.data.holes.CHUNK_BYTES", 1)
    source = with_a_hole()
    assert np.argwhere(find_holes(source, ("q", "t"), source.header.times)).tolist() == [[4, 1]]
    assert source.reads == 10


def test_samples_go_to_other_processes() -> None:
    """What was found stays; who looks for holes does not go with them."""
    made = space(with_a_hole(), ROLES, "leave-out")
    samples = SampleSet(Preprocessing(*(made.source, ROLES, made.transforms, made.model_statistics)), WINDOW, PERIOD)
    assert not copy.deepcopy(made.holes)
    assert len(copy.deepcopy(samples)) == 8


class TestKept:
    """The holes of an experiment, which are found once for all runs."""

    @pytest.fixture(autouse=True)
    def cache(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("WXML_CACHE", str(tmp_path / "cache"))

    def finder(self, source: Recorded, training: slice = slice(0, 6)) -> Any:
        from wxml.config.data_schema import DataConfig
        from wxml.training_statistics import TrainingStatistics

        config = DataConfig.model_validate(
            {"source": {"plugin": "recorded"}, "split": {"training": ["2000-01-01", "2000-01-02"]}}
        )
        return TrainingStatistics(config, source, ("t", "q"), source.header.times[training], [])

    @pytest.mark.parametrize("fingerprint", [None, "one"])
    def test_those_of_the_training_come_with_its_statistics(
        self, fingerprint: str | None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        source = with_a_hole()
        monkeypatch.setattr(Recorded, "fingerprint", lambda _: fingerprint)
        for run in range(2):
            compute = self.finder(source)
            compute()
            before = source.reads
            assert np.argwhere(compute.holes(source.header.times[:6], ("q", "t"))).tolist() == [[4, 1]]
            assert source.reads == before
            assert not compute.holes(source.header.times[5:], ("t",)).any()
            assert source.reads == before + (fingerprint is None or run == 0)

    def test_changed_data_have_other_holes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        source, other = with_a_hole(at=7), with_a_hole(at=8)
        for one, text in ((source, "one"), (other, "two"), (source, "one")):
            monkeypatch.setattr(Recorded, "fingerprint", lambda _, text=text: text)
            compute = self.finder(one)
            compute()
            found = np.argwhere(compute.holes(one.header.times, ("t",)))
            assert found.tolist() == [[7 if one is source else 8, 0]]
