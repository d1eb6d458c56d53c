"""The nodes of a source in the order of the training, whatever their order in the source."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wxml import DataError, DataSource, Grid, SourceHeader, Variable
from wxml.data.node_order import node_order
from wxml.data.source_fit import FORECAST, TRAINING, Sides, check_variables, on_grid
from wxml.testing import TravellingWaves

WAVES = TravellingWaves(days=2, members=2)
TRAINED = WAVES.header.grid


class Shuffled(DataSource):
    """The waves, with their nodes in another order."""

    def __init__(self, order: list[int]) -> None:
        self.order = np.array(order)
        places = TRAINED.latitudes[order], TRAINED.longitudes[order] - 360
        self.header = replace(WAVES.header, grid=Grid.unstructured(*places, TRAINED.area_weights[order]))

    def _read(self, time_indices, variable_indices, out) -> None:  # type: ignore[no-untyped-def]
        names = [self.header.names[index] for index in variable_indices]
        out[:] = WAVES.read(self.header.times[time_indices], names)[..., self.order]

    def provenance(self) -> dict[str, object]:
        return {"kind": "shuffled"}


@settings(deadline=None)
@given(st.permutations(range(len(TRAINED))), st.permutations(["t", "q"]))
def test_any_order_of_nodes_reads_the_same(order: list[int], names: list[str]) -> None:
    source = on_grid(Shuffled(order), TRAINED)
    times = WAVES.header.times[[3, 0, 3]]
    np.testing.assert_array_equal(source.read(times, names), WAVES.read(times, names))
    assert source.header.grid.identity == TRAINED.identity
    assert source.provenance() == {"kind": "shuffled"}


def test_nodes_in_the_order_of_the_training_are_read_as_they_are() -> None:
    assert on_grid(WAVES, TRAINED) is WAVES


class Nearest(DataSource):
    """The values of another source at the nodes that are the nearest ones to those of a grid."""

    def __init__(self, source: DataSource, grid: Grid) -> None:
        self.source, self.header = source, replace(source.header, grid=grid)
        there = source.header.grid
        away = [np.abs(getattr(grid, axis)[:, None] - getattr(there, axis)) for axis in ("latitudes", "longitudes")]
        self.nodes = np.argmin(sum(away), axis=1)

    def _read(self, time_indices, variable_indices, out) -> None:  # type: ignore[no-untyped-def]
        names = [self.header.names[index] for index in variable_indices]
        out[:] = self.source.read(self.header.times[time_indices], names)[..., self.nodes]

    def provenance(self) -> dict[str, object]:
        return {"kind": "interpolated"}


@pytest.mark.parametrize(
    "sides",
    [
        pytest.param(TRAINING, marks=pytest.mark.carries_out("read data on the grid of the training")),
        pytest.param(
            FORECAST,
            marks=pytest.mark.carries_out(
                "interpolate one to the other, or verify against the dataset that the forecast started from"
            ),
        ),
    ],
)
@pytest.mark.parametrize("node", [0, 17, 47])
def test_one_other_node_is_refused(node: int, sides: Sides) -> None:
    latitudes = TRAINED.latitudes.copy()
    latitudes[node] += 0.0011
    grid = Grid.unstructured(latitudes, TRAINED.longitudes)
    with pytest.raises(
        DataError, match=r"with other nodes: 48 nodes from.*where none is at .*; it lacks 1 of 48 nodes"
    ):
        on_grid(WAVES, grid, sides)
    assert on_grid(WAVES, TRAINED, sides) is WAVES
    times = WAVES.header.times[:2]
    values = on_grid(Nearest(WAVES, grid), grid, sides).read(times, ["t"])
    np.testing.assert_array_equal(values, WAVES.read(times, ["t"]))


def test_a_node_that_is_there_twice_does_not_stand_for_two() -> None:
    longitudes = TRAINED.longitudes.copy()
    longitudes[1] = longitudes[0]
    source = replace(WAVES.header, grid=Grid.unstructured(TRAINED.latitudes, longitudes))
    twice = Shuffled(list(range(48)))
    twice.header = source
    with pytest.raises(DataError, match="where none is at"):
        on_grid(twice, TRAINED)


def test_more_nodes_than_those_of_the_training_are_left_out() -> None:
    """A region of a global file."""
    some = np.arange(48)[8:40:3]
    grid = Grid.unstructured(TRAINED.latitudes[some], TRAINED.longitudes[some])
    times = WAVES.header.times[:2]
    np.testing.assert_array_equal(on_grid(WAVES, grid).read(times, ["t"]), WAVES.read(times, ["t"])[..., some])


def test_a_pole_is_one_place_whatever_its_longitude() -> None:
    latitudes, longitudes = np.array([90.0, 10.0, 10.0, -90.0]), np.array([0.0, 0.0, 90.0, 0.0])
    found = Grid.unstructured(latitudes, np.array([180.0, 360.0, 90.0, 55.0]))
    assert node_order(Grid.unstructured(latitudes, longitudes), found, 1e-4).tolist() == [0, 1, 2, 3]
    lower = Grid.unstructured(np.array([89.0, 10.0, 10.0, -89.0]), found.longitudes)
    assert node_order(Grid.unstructured(latitudes, longitudes), lower, 1e-4).tolist() == [-1, 1, 2, -1]


def test_nodes_closer_than_the_limit_are_told_apart() -> None:
    """Rows 55 m apart, in another order."""
    latitudes = 50 + 5e-4 * np.arange(20)
    grid, turned = (Grid.unstructured(rows, np.zeros(20)) for rows in (latitudes, latitudes[::-1]))
    source = on_grid(Nearest(WAVES, turned), grid)
    values, own = (one.read(WAVES.header.times[:1], ["t"]) for one in (source, Nearest(WAVES, turned)))
    np.testing.assert_array_equal(values, own[..., ::-1])


@settings(deadline=None)
@given(
    st.permutations(range(len(TRAINED))),
    st.lists(st.floats(-0.9, 0.9), min_size=96, max_size=96),
    st.floats(-180, 180),
    st.sampled_from([1e-6, 1e-3]),
)
def test_nodes_may_lie_off_by_less_than_the_limit(
    order: list[int], off: list[float], east: float, within: float
) -> None:
    """Wherever the limit of a cell runs, and across 0° east."""
    grid = Grid.unstructured(TRAINED.latitudes, TRAINED.longitudes + east)
    north, along = np.array(off).reshape(2, 48) * within
    found = Shuffled(order)
    found.header = replace(
        found.header, grid=Grid.unstructured((grid.latitudes + north)[order], (grid.longitudes + along)[order])
    )
    source = on_grid(found, grid, within=within)
    times = WAVES.header.times[:2]
    np.testing.assert_array_equal(source.read(times, ["t"]), WAVES.read(times, ["t"]))


ATTRIBUTES = {
    "units": ("K", "m", "kg m-2"),
    "level_units": ("hPa", "m", "1"),
    "step_type": ("accum", "avg", "instant"),
    "period": ("1h", "3h", "6h"),
    "height": ("2 m", "10 m", "100 m"),
}


def header(variable: Variable) -> SourceHeader:
    return replace(WAVES.header, variables=(variable,))


READ_IT_IN = "read it in {}, or in units that can be converted to these"


@pytest.mark.parametrize("sides", [TRAINING, FORECAST])
@pytest.mark.parametrize(
    "key",
    [
        pytest.param(
            "units", marks=pytest.mark.carries_out("read it in {}, or in units that can be converted to these")
        ),
        pytest.param("level_units", marks=pytest.mark.carries_out("read it at a level in {}")),
        pytest.param("step_type", marks=pytest.mark.carries_out("read data with step type {}")),
        pytest.param("period", marks=pytest.mark.carries_out("read data over periods of {}")),
        pytest.param("height", marks=pytest.mark.carries_out("read it at a height of {}")),
    ],
)
@given(choice=st.data())
def test_another_value_of_any_attribute_is_refused_with_both(sides, key, choice) -> None:
    own, other, _ = choice.draw(st.permutations(ATTRIBUTES[key]))
    with pytest.raises(DataError) as caught:
        check_variables(header(Variable("x", **{key: other})), [Variable("x", **{key: own})], sides)
    assert own in caught.value.message
    assert other in caught.value.message
    assert sides.states in caught.value.message
    assert sides.found in caught.value.message
    assert own in caught.value.fix
    assert check_variables(header(Variable("x", **{key: own})), [Variable("x", **{key: own})], sides) == []


@pytest.mark.carries_out("read it at level {}")
def test_a_variable_of_another_level_is_refused_whatever_its_name() -> None:
    """Rounding to single precision is none."""
    wanted = [Variable("t_7", param="t", level=0.7, level_units="hPa")]
    with pytest.raises(DataError, match=r"'t_7' at level 0\.7, and the source has it at level 7"):
        check_variables(header(replace(wanted[0], level=7.0)), wanted)
    assert check_variables(header(replace(wanted[0], level=float(np.float32(0.7)))), wanted) == []
    assert check_variables(header(replace(wanted[0], level=None)), wanted) == []


@given(st.fixed_dictionaries({key: st.sampled_from(["", *values]) for key, values in ATTRIBUTES.items()}))
def test_the_same_variable_fits_and_another_one_is_passed_over(attributes: dict[str, str]) -> None:
    variable = Variable("x", **attributes)
    assert check_variables(header(variable), [variable, Variable("y", units="Pa")]) == []


@pytest.mark.parametrize(
    ("key", "names", "how"),
    [
        ("standard_name", ("flux", "integral_of_flux"), "as {!r}"),
        ("level_type", ("surface", "heightAboveGround"), "at a level of type {!r}"),
        ("grib", ("paramId=228", "paramId=228228"), "as GRIB parameter {!r}"),
    ],
)
def test_another_name_by_convention_is_told_with_both(key: str, names: tuple[str, str], how: str) -> None:
    """Providers differ in the names of one and the same variable."""
    own, other = (Variable("x", units="J m-2", **{key: name}) for name in names)
    was, has = (how.format(name) for name in names)
    assert check_variables(header(other), [own]) == [f"the model was trained on 'x' {was}, and the source has it {has}"]


@pytest.mark.parametrize(
    ("stated", "told"),
    [
        ({"units": "K"}, ["units"]),
        ({"level_units": "hPa"}, []),
        ({"height": "2 m"}, []),
        ({"standard_name": "air_temperature"}, []),
        ({"level_type": "isobaric"}, []),
        ({"grib": "paramId=130"}, []),
        ({"step_type": "instant"}, []),
        ({"step_type": "accum"}, ["step type"]),
        ({"step_type": "accum", "period": "6h"}, ["step type", "period"]),
    ],
)
def test_what_one_side_does_not_state_is_told(stated: dict[str, str], told: list[str]) -> None:
    full, bare = Variable("x", **stated), Variable("x")
    for own, other in ((full, bare), (bare, full)):
        sentences = check_variables(header(other), [own])
        assert [sentence.split(" of ")[0] for sentence in sentences] == [f"the {what}" for what in told]
