"""The truth is held against the forecast: units, units of the level, step type, period, and the order of the nodes."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from wxml import DataError, Grid, Variable
from wxml_verification.reading import ForecastFile
from wxml_verification.truth import fitted

TIMES = np.arange(np.datetime64("2001-01-01", "s"), np.datetime64("2001-01-02", "s"), np.timedelta64(6, "h"))
LEADS = np.array([6, 12], "timedelta64[h]")
AT_2M = {"units": "K", "height": "2 m", "standard_name": "air_temperature"}
RAIN = {"units": "m", "step_type": "accum", "period": "6h"}
AT_850 = {"units": "K", "level_units": "hPa"}


@pytest.fixture
def scored(grid, source, write, verify) -> Callable[..., Any]:
    """Verify a forecast of 1 with some attributes against a truth of 0 with others."""

    def run(forecast: dict[str, str], truth: dict[str, str]) -> tuple[Any, Any]:
        attributes: dict[str, Any] = dict(forecast)
        if "height" in forecast:
            number, attributes["height_units"] = forecast["height"].split()
            attributes["height"] = float(number)
        path = write(grid, TIMES[:2], LEADS, {"x": np.ones((2, 2, 4))}, **attributes)
        return verify(path, source(grid, [Variable("x", **truth)], TIMES, np.zeros((4, 1, 4))), maps=0)

    return run


@pytest.mark.parametrize(
    ("own", "other", "words"),
    [
        ({"units": "K"}, {"units": "W m-2"}, ("in 'K'", "in 'W m-2'")),
        ({"units": "m"}, {"units": "kg m-2"}, ("in 'm'", "in 'kg m-2'")),
        ({"units": "m2 s-2"}, {"units": "m"}, ("in 'm2 s-2'", "in 'm'")),
        (RAIN, RAIN | {"period": "3h"}, ("over periods of 6h", "over periods of 3h")),
        (RAIN, RAIN | {"step_type": "avg"}, ("with step type 'accum'", "with step type 'avg'")),
        (RAIN, {"units": "m", "step_type": "instant"}, ("with step type 'accum'", "with step type 'instant'")),
        (AT_850, AT_850 | {"level_units": "m"}, ("at a level in 'hPa'", "at a level in 'm'")),
        (AT_2M, AT_2M | {"height": "10 m"}, ("at a height of 2 m", "at a height of 10 m")),
    ],
)
@pytest.mark.parametrize("is_turned", [False, True])
def test_another_quantity_is_refused(scored, own, other, words, is_turned) -> None:
    (forecast, truth), (first, second) = ((other, own), words[::-1]) if is_turned else ((own, other), words)
    with pytest.raises(DataError) as caught:
        scored(forecast, truth)
    assert caught.value.message == f"the forecast has 'x' {first}, and the truth has it {second}"


@pytest.mark.parametrize(
    ("own", "other", "rmse"),
    [
        ("K", "degC", 1 - 273.15),  # the forecast is 1 in its units, the truth 0 in its own
        ("degC", "K", 1 + 273.15),
        ("Pa", "hPa", 1.0),
        ("degF", "degC", 1 - 32),
    ],
)
def test_a_truth_in_other_units_is_converted(scored, own, other, rmse, caplog) -> None:
    caplog.set_level("INFO", "wxml")
    scores, _ = scored({"units": own}, {"units": other})
    np.testing.assert_allclose(scores.get("rmse", "forecast", "x"), abs(rmse), rtol=1e-5)
    assert f"the truth has 'x' in {other!r}; it is converted to {own!r}, as in the forecast" in caplog.messages


@pytest.mark.usefixtures("drawn")
@pytest.mark.parametrize(
    ("own", "other"),
    [
        ({"units": "m s**-1"}, {"units": "m/s"}),
        (RAIN, RAIN),
        (AT_850, AT_850 | {"level_units": "millibars"}),
        (AT_850, {"units": "K"}),
        (AT_2M, AT_2M),
        (AT_2M, {"units": "K"}),
        ({"units": "K", "step_type": "instant"}, {"units": "K"}),
    ],
)
def test_the_same_quantity_is_scored_without_a_word(scored, own, other, caplog) -> None:
    scores, folder = scored(own, other)
    np.testing.assert_allclose(scores.get("rmse", "forecast", "x"), 1.0)
    assert not caplog.messages
    assert "cannot be compared" not in (folder / "report.html").read_text()


@pytest.mark.usefixtures("drawn")
@pytest.mark.parametrize(
    ("own", "other", "words"),
    [
        ({"units": "K"}, {"units": ""}, "the units of 'x' cannot be compared: 'K' in the forecast, '' in the truth"),
        ({"units": ""}, {"units": "K"}, "the units of 'x' cannot be compared: '' in the forecast, 'K' in the truth"),
        (RAIN, {"units": "m"}, "the step type of 'x' cannot be compared: 'accum' in the forecast, '' in the truth"),
        (RAIN | {"period": ""}, RAIN, "the period of 'x' cannot be compared: '' in the forecast, '6h' in the truth"),
    ],
)
def test_what_one_side_does_not_state_is_told_in_the_log_and_in_the_report(scored, own, other, words, caplog) -> None:
    _, folder = scored(own, other)
    assert words in caplog.messages
    page = (folder / "report.html").read_text()
    assert words[5:].replace("'", "&#39;") in page or words[5:].replace("'", "&#x27;") in page or words[5:] in page


# The order of the nodes

REGULAR = Grid.regular([60.0, 20.0, -20.0, -60.0], 72.0 * np.arange(5))
VALUES = np.random.default_rng(0).normal(size=(4, 1, len(REGULAR)))


def as_axes(latitudes: str, longitudes: str) -> tuple[Grid, np.ndarray]:
    """The regular grid with its axes written in another way, and the position of each of its nodes in `REGULAR`."""
    numbers = np.arange(len(REGULAR)).reshape(REGULAR.shape)
    north, east = np.array([60.0, 20.0, -20.0, -60.0]), 72.0 * np.arange(5)
    if latitudes == "south to north":
        north, numbers = north[::-1], numbers[::-1]
    if longitudes == "from -180":
        start = int(np.argmax(east >= 180))
        east, numbers = np.roll(east, -start), np.roll(numbers, -start, axis=1)
        east = np.where(east >= 180, east - 360, east)
    if longitudes == "east to west":
        east, numbers = east[::-1], numbers[:, ::-1]
    return Grid.regular(north, east), numbers.ravel()


@pytest.mark.parametrize("latitudes", ["north to south", "south to north"])
@pytest.mark.parametrize("longitudes", ["from 0", "from -180", "east to west"])
@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_axes_in_another_direction_give_the_same_scores(source, write, verify, latitudes, longitudes, suffix) -> None:
    path = write(REGULAR, TIMES[:2], LEADS, {"x": np.zeros((2, 2, 20))}, name=f"forecast{suffix}")
    grid, order = as_axes(latitudes, longitudes)
    expected, _ = verify(path, source(REGULAR, ["x"], TIMES, VALUES), TIMES, maps=0)
    scores, _ = verify(path, source(grid, ["x"], TIMES, VALUES[..., order]), TIMES, maps=0)
    np.testing.assert_allclose(scores.values, expected.values, rtol=1e-12)


@pytest.fixture(scope="module", params=["axes", "cells"])
def opened(request, tmp_path_factory, dataset) -> Iterator[ForecastFile]:
    """A forecast on the nodes of `REGULAR`, as two axes or as a list."""
    grid = REGULAR
    if request.param == "cells":
        grid = Grid.unstructured(REGULAR.latitudes, REGULAR.longitudes, REGULAR.area_weights)
    path = tmp_path_factory.mktemp("forecast") / "f.nc"
    dataset(grid, TIMES[:2], LEADS, {"x": np.zeros((2, 2, 20))}).to_netcdf(path)
    with ForecastFile(path) as opened:
        yield opened


@settings(deadline=None)
@given(st.permutations(range(20)), st.booleans(), st.sampled_from([np.float32, np.float64]))
def test_any_order_of_nodes_is_read_in_that_of_the_forecast(opened, source, order, below_zero, precision) -> None:
    places = REGULAR.latitudes[order].astype(precision), REGULAR.longitudes[order].astype(precision) - 360 * below_zero
    truth = fitted(source(Grid.unstructured(*places), ["x"], TIMES, VALUES[..., order]), opened)
    np.testing.assert_array_equal(truth.read(TIMES, ["x"]), VALUES[:, :, None].astype("f4"))


def test_the_areas_are_those_of_the_truth_where_the_forecast_states_none(source, write, verify) -> None:
    """In any order of the nodes of the truth."""
    path = write(REGULAR, TIMES[:2], LEADS, {"x": np.zeros((2, 2, 20))})
    expected, _ = verify(path, source(REGULAR, ["x"], TIMES, VALUES), maps=0)
    xr.load_dataset(path).drop_vars("area_weight").to_netcdf(path)
    grid, order = as_axes("south to north", "from 0")
    for truth in (source(REGULAR, ["x"], TIMES, VALUES), source(grid, ["x"], TIMES, VALUES[..., order])):
        scores, _ = verify(path, truth, maps=0)
        np.testing.assert_allclose(scores.values, expected.values, rtol=1e-12)


@pytest.mark.parametrize("node", [0, 7, 19])
@pytest.mark.parametrize(("north", "east"), [(0.01, 0.0), (0.0, 0.01)])
def test_as_many_nodes_elsewhere_are_refused(source, write, verify, node, north, east) -> None:
    path = write(REGULAR, TIMES[:2], LEADS, {"x": np.zeros((2, 2, 20))})
    latitudes, longitudes = REGULAR.latitudes.copy(), REGULAR.longitudes.copy()
    latitudes[node] += north
    longitudes[node] += east
    place = f"{REGULAR.latitudes[node]:g}°N {REGULAR.longitudes[node]:g}°E"
    with pytest.raises(DataError, match=f"in the truth, where none is at {place}"):
        verify(path, source(Grid.unstructured(latitudes, longitudes), ["x"], TIMES, VALUES))
