"""Verification at stations: numbers of three stations and three nodes by hand, checks, weights, and what is said."""

import csv
import json
import sys
from datetime import timedelta
from functools import partial

import numpy as np
import pytest
import xarray as xr
from wxml import Grid, NameOrChoice, StoredForecast, Variable
from wxml.artefacts.replacement import check_target
from wxml.data.sphere import unit_vectors
from wxml.errors import ArtefactError, DataError
from wxml_verification import truths
from wxml_verification.stations import settling
from wxml_verification.stations.checks import far_from_buddies, neighbours
from wxml_verification.stations.density import density_weights
from wxml_verification.stations.heights import corrections
from wxml_verification.stations.options import Buddies, Heights, Stations

START = np.datetime64("2020-01-01", "s")
LEADS = np.array([6, 12], "timedelta64[h]").astype("timedelta64[s]")
TIMES = START + np.array([0, 6, 12], "timedelta64[h]")
NODES = Grid.unstructured([40.0, 42.0, 41.0], [0.0, 0.0, 3.0])
"""A triangle."""
MIDDLE = unit_vectors(NODES.latitudes, NODES.longitudes).sum(axis=0)
PLACES = Grid.unstructured(
    [40.0, 41.0, np.degrees(np.arctan2(MIDDLE[2], np.hypot(*MIDDLE[:2])))],
    [0.0, 0.0, np.degrees(np.arctan2(MIDDLE[1], MIDDLE[0]))],
)
"""A node, the middle of a side, and that of the triangle."""
NAMES = ("NODE", "WEST", "MIDDLE")
OROGRAPHY = np.array([100.0, 500.0, 900.0])
ELEVATIONS = np.array([200.0, 300.0, 4000.0])


def stations(source, values, names=NAMES, elevations=ELEVATIONS, order=(0, 1, 2), units="K"):
    """Observations `[time, station]` as a source whose nodes have names."""
    order = list(order)
    grid = Grid(
        PLACES.latitudes[order],
        PLACES.longitudes[order],
        np.full(len(order), 1 / len(order)),
        (len(order),),
        names=tuple(names[one] for one in order),
    )
    values = np.broadcast_to(values, (3, 3))[:, order]
    fields = np.stack([values, np.broadcast_to(elevations, (3, 3))[:, order]], axis=1)
    return source(grid, [Variable("t2m", units=units), Variable("elevation", units="m")], TIMES, fields)


@pytest.fixture
def forecast(write):
    """Two lead times of a forecast on the triangle."""
    values = np.array([[280.0, 282.0, 284.0], [281.0, 283.0, 285.0]])
    return write(NODES, [START], LEADS, {"t2m": values[None]})


@pytest.fixture
def heights(source):
    """`data.source` with the height of the ground, as geopotential."""
    fields = np.stack([np.broadcast_to(OROGRAPHY * 9.80665, (3, 3)), np.full((3, 3), 281.0)], axis=1)
    return source(NODES, [Variable("z", units="m2 s**-2"), Variable("t2m", units="K")], TIMES, fields)


def table(folder):
    with (folder / "stations.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def tidy(folder, *names):
    """Some columns of `stations.parquet`, row by row."""
    pytest.importorskip("pyarrow")
    from pyarrow import parquet

    stored = parquet.read_table(folder / "stations.parquet")
    return list(zip(*(stored[name].to_pylist() for name in names), strict=True))


def test_three_stations_and_three_nodes_by_hand(verify, forecast, source, told):
    """At the node 280, between two of them 281, and in the middle 282; observed is 279.5, 282 and nothing."""
    observed = np.array([[279.5, 282.0, np.nan]] * 3)
    option = Stations(density=None, elevations=(250.0,))
    scores, folder = verify(forecast, stations(source, observed), variables=["t2m"], stations=option)
    expected = [np.sqrt((0.5**2 + 1.0**2) / 2), np.sqrt((1.5**2 + 0.0**2) / 2)]
    assert scores.get("rmse", "forecast", "t2m") == pytest.approx(expected, abs=1e-5)
    assert scores.get("rmse", "persistence", "t2m") == pytest.approx([0.0, 0.0], abs=1e-6)
    shown = told((folder / "report.html").read_text("utf-8"))
    assert shown["viewer"] is None
    assert shown["stations"]["names"] == ["NODE", "WEST", "MIDDLE"]
    assert shown["stations"]["bias"] == [[[0.5, -1.0, None], [1.5, 0.0, None]]]
    assert [(row["station"], row["lead_time"], row["bias"], row["cases"]) for row in table(folder)] == [
        ("NODE", "6h", "0.5", "1"),
        ("NODE", "12h", "1.5", "1"),
        ("WEST", "6h", "-1", "1"),
        ("WEST", "12h", "0", "1"),
    ]
    with xr.open_dataset(folder / "scores.nc") as stored:
        assert stored.station.values.tolist() == list(NAMES)
        assert stored.elevation.values.tolist() == ELEVATIONS.tolist()
        assert stored.station_weight.values.tolist() == [0.5, 0.5, 0.0]
        low = stored.group_scores.sel(group="all", region="up to 250 m", metric="bias", forecast="forecast")
        assert low.squeeze().values == pytest.approx([0.5, 1.5], abs=1e-5)
        assert stored.region.values.tolist() == ["all", "up to 250 m", "above 250 m"]
    told = " ".join(scores.notes)
    assert "The truth is 2 stations; the forecast is brought to them (bilinear), and they count all the same." in told
    assert "1 of 3 stations have no value" in told
    assert "not corrected for the heights" in told
    assert tidy(folder, "station", "variable", "units", "lead_time", "metric", "value", "cases") == [
        (station, "t2m", "K", timedelta(hours=lead), metric, value, 1)
        for station, errors in (("NODE", (0.5, 1.5)), ("WEST", (-1.0, 0.0)))
        for lead, error in zip((6, 12), errors, strict=True)
        for metric, value in (("bias", error), ("rmse", abs(error)))
    ]
    degree = 6371 * np.pi / 180  # km
    places = dict.fromkeys(tidy(folder, "station", "latitude", "longitude", "elevation", "weight", "distance"))
    assert [one[:5] for one in places] == [("NODE", 40, 0, 200, 0.5), ("WEST", 41, 0, 300, 0.5)]
    assert [one[5] for one in places] == pytest.approx([0, degree], abs=1e-3)
    assert {*tidy(folder, "model_height", "factor", "offset")} == {(None, 1.0, 0.0)}


def test_the_order_of_stations_and_the_units_do_not_matter(verify, forecast, source):
    observed = np.array([[279.5, 282.0, 281.0]] * 3)
    found = []
    for order, values, units in (((0, 1, 2), observed, "K"), ((2, 0, 1), (observed - 273.15) * 1.8 + 32, "degF")):
        truth = stations(source, values, order=order, units=units)
        scores, _ = verify(forecast, truth, variables=["t2m"], stations=Stations())
        found.append(scores.get("rmse", "forecast", "t2m"))
    assert found[0] == pytest.approx(found[1], abs=1e-4)


def test_without_pyarrow_there_is_no_table_in_parquet(verify, forecast, source, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with caplog.at_level("INFO", "wxml"):
        _, folder = verify(forecast, stations(source, 280.0), variables=["t2m"], stations=Stations())
    assert "no `stations.parquet`: python -m pip install 'wxml-verification[parquet]'" in caplog.text
    assert (folder / "stations.csv").exists()
    assert not (folder / "stations.parquet").exists()


def test_a_forecast_is_corrected_for_heights_up_to_1500_m(verify, forecast, source, heights):
    """The model's ground is at 100, 300 and 500 m; the stations at 200, 300 and 4000 m."""
    from wxml_verification.truths import FurtherTruth  # beside its use

    assert FurtherTruth
    lines = corrections(
        [Variable("t2m", units="K"), Variable("sp", units="Pa"), Variable("u10", units="m/s"), Variable("q")],
        np.array([100.0, 300.0, 500.0]),
        ELEVATIONS,
        Heights(),
    )
    assert set(lines) == {"t2m", "sp", "u10"}
    assert lines["t2m"][1] == pytest.approx([-0.65, 0.0, 0.0])
    standard = 1013.25 * ((1 - 2.25577e-5 * np.array([200.0, 100.0])) ** 5.25588)
    assert lines["sp"][0] == pytest.approx([standard[0] / standard[1], 1.0, 1.0], abs=1e-6)
    assert lines["u10"][0].tolist() == [1.0, 1.0, 1.0]
    with pytest.raises(DataError, match="a lapse rate changes temperatures"):
        corrections([Variable("t2m", units="degF")], OROGRAPHY, ELEVATIONS, Heights())


def test_the_wind_factor_is_that_of_weatherbench_x():
    """1 up to 100 m above the model's ground, 1 + 0.002 (dz − 100) up to 1100 m, 3 up to 1500 m, 1 beyond."""
    above = np.array([-400.0, 50.0, 100.0, 350.0, 1099.0, 1100.0, 1499.0, 1501.0, np.nan])
    factor, offset = corrections([Variable("u10")], np.zeros(9), above, Heights())["u10"]
    assert factor == pytest.approx([1, 1, 1, 1.5, 2.998, 3, 3, 1, 1])
    assert not offset.any()


@pytest.mark.usefixtures("drawn")
def test_a_further_truth_takes_heights_and_reference_from_the_data(verify, forecast, source, heights, monkeypatch):
    """One pass scores against both; the forecast file is read once."""

    observed = np.array([[279.35, 281.0, 300.0]] * 3)
    monkeypatch.setattr(truths, "create", lambda *_, **__: stations(source, observed))
    further = truths.FurtherTruth.model_validate(
        {
            "source": {"plugin": "stations", "path": "x.csv"},
            "stations": {"heights": {"variable": "z"}, "departures": {"t2m": 10.0}, "density": None},
        }
    )
    reads = []

    read = StoredForecast.read
    monkeypatch.setattr(StoredForecast, "read", lambda self, *at: reads.append(at) or read(self, *at))
    scores, folder = verify(forecast, heights, variables=["t2m"], truths={"synop": further})
    assert reads == [(0, "t2m")]
    assert scores.get("bias", "forecast", "t2m")[0] == pytest.approx(1.0, abs=1e-5)  # against 281 everywhere
    own = scores.further["synop"]
    assert own.get("bias", "forecast", "t2m")[0] == pytest.approx(0.0, abs=1e-5)
    told = " ".join(own.notes)
    assert "3 observations far from the reference do not count" in told
    assert "Corrected for the height of a station: t2m" in told
    assert "truths/synop" in (folder / "report.html").read_text("utf-8")
    assert "The truth is 3 stations" not in " ".join(scores.notes)
    assert (folder / "truths" / "synop" / "report.html").exists()
    rows = {*tidy(folder / "truths" / "synop", "station", "model_height", "factor", "offset")}
    assert sorted((name, *map(partial(round, ndigits=3), numbers)) for name, *numbers in rows) == [
        ("NODE", 100.0, 1.0, -0.65),
        ("WEST", 300.0, 1.0, 0.0),
    ]
    check_target(folder, "scores", [], overwrite=True)
    for place in ("truths/notes.txt", "truths/synop/notes.txt"):
        (folder / place).write_text("precious")
        with pytest.raises(ArtefactError, match=f"holds files that wxml did not write: {place}"):
            check_target(folder, "scores", [], overwrite=True)
        (folder / place).unlink()
    with xr.open_dataset(folder / "truths" / "synop" / "scores.nc") as stored:
        assert stored.model_height.values == pytest.approx([100, 300, 500], abs=0.1)
        record = json.loads(stored.wxml_provenance)
        assert (record["truth"], record["data"]["source"]) == ("synop", {"source": "array"})


@pytest.mark.carries_out(
    "bring the forecast to the stations: `verification.stations.method=bilinear`",
    "verify against stations in the area of the forecast",
    "loosen the checks of `verification.stations`, or give reports to the valid times: "
    "`every: 1h` and `within: 30min` of the source `stations`",
)
def test_what_cannot_be_verified_at_stations_is_refused(verify, forecast, source):
    truth = stations(source, np.full((3, 3), 280.0))
    with pytest.raises(DataError, match="the truth is 3 stations"):
        verify(forecast, truth, variables=["t2m"])
    far = source(
        Grid(np.array([-40.0]), np.array([100.0]), np.ones(1), (1,), names=("FAR",)),
        ["t2m"],
        TIMES,
        np.full((3, 1, 1), 280.0),
    )
    for method in ("bilinear", "nearest"):
        with pytest.raises(DataError, match="none of 1 stations is in the area"):
            verify(forecast, far, variables=["t2m"], stations=Stations(method=method))
    with pytest.raises(DataError, match="no observation of the forecast's variables"):
        verify(forecast, stations(source, np.full((3, 3), np.nan)), variables=["t2m"], stations=Stations())
    assert verify(forecast, truth, variables=["t2m"], stations=Stations())[0].cases == 1


def test_stations_near_to_each_other_count_as_one():
    """Two at one place and one far away: a quarter, a quarter and a half; one without values counts nothing."""
    places = Grid.unstructured([50.0, 50.0, 0.0, 50.0], [10.0, 10.0, 90.0, 10.0])
    weights = density_weights(places, 0.75, np.array([1.0, 1.0, 1.0, 0.0]))
    assert weights == pytest.approx([0.25, 0.25, 0.5, 0.0])
    apart = Grid.unstructured([0.0, 0.75], [0.0, 0.0])
    assert density_weights(apart, 0.75, np.ones(2)) == pytest.approx([0.5, 0.5])
    three = Grid.unstructured([0.0, 0.75, -40.0], [0.0, 0.0, 0.0])
    share = 1 / (1 + np.exp(-1))
    assert density_weights(three, 0.75, np.ones(3)) == pytest.approx(np.array([share, share, 1]) / (1 + 2 * share))


def test_an_observation_far_from_its_neighbours_is_found_in_any_order_of_stations():
    """Six neighbours of 0, ±1: mean 0, variance 2/3, with 4 · √(2/3 + 1/9) = 3.53 the limit."""
    values = np.array([3.6, -1.0, 0.0, 1.0, -1.0, 0.0, 1.0, 50.0])
    places = Grid.unstructured(np.linspace(50, 50.1, 8), np.full(8, 10.0))
    options = Buddies(least=6, smallest={"t2m": 0.1}, rounds=1)
    level, high = np.zeros(8), np.array([0.0] * 7 + [1000.0])
    near = neighbours(places, high, options)
    assert [len(one) for one in near] == [6] * 7 + [0]
    found = far_from_buddies(values[None], high, near, 0.1, options, 0.0)[0]
    assert found.tolist() == [True] + [False] * 7  # the high one has no neighbours
    assert not far_from_buddies(np.where(values == 3.6, 3.5, values)[None], high, near, 0.1, options, 0.0)[0].any()
    order = np.array([3, 0, 7, 1, 2, 6, 5, 4])
    turned = Grid.unstructured(places.latitudes[order], places.longitudes[order])
    again = far_from_buddies(
        values[order][None], high[order], neighbours(turned, high[order], options), 0.1, options, 0.0
    )
    np.testing.assert_array_equal(again[0], found[order])
    assert not far_from_buddies(values[None, :1], level[:1], [np.array([], int)], 0.1, options, 0.0).any()


@pytest.mark.carries_out(
    "name variables of the forecast",
    "name a source in `{}.{}`",
    "name the height of the ground in `variable`",
    "leave `heights` out, or make the forecast in K",
    "give its variables their names in the forecast with the source `rename`",
)
def test_options_of_stations_that_cannot_be_followed(verify, forecast, source, heights, monkeypatch, write):
    truth = stations(source, np.full((3, 3), 280.0))

    def score(path=forecast, **options):
        return verify(path, truth, variables=["t2m"], stations=Stations.model_validate(options))[0]

    for options in ({"departures": {"t2m": 5.0}}, {"heights": {"variable": "z"}}):
        with pytest.raises(DataError, match="names no source, and the stations are"):
            score(**options)
    with pytest.raises(DataError, match="`departures` names 'd2m', which is not verified"):
        score(departures={"d2m": 5.0})
    monkeypatch.setattr(settling, "create", lambda *_, **__: heights)
    named = {"source": {"plugin": "xarray", "path": "z.nc"}}
    with pytest.raises(DataError, match="'t2m' is in 'K', and a height of the ground is in m"):
        score(heights={"variable": "t2m", **named})
    odd = write(NODES, [START], LEADS, {"t2m": np.full((1, 2, 3), 44.0)}, units="degF", name="odd.nc")
    with pytest.raises(DataError, match="changes temperatures in K or degC"):
        score(odd, heights={"variable": "z", **named})
    assert score(odd).cases == score(heights={"variable": "z", **named}).cases == 1
    others = source(PLACES, ["tmpf"], TIMES, np.full((3, 1, 3), 280.0))
    monkeypatch.setattr(truths, "create", lambda *_, **__: others)
    further = truths.FurtherTruth.model_validate({"source": {"plugin": "stations", "path": "x.csv"}, "stations": {}})
    with pytest.raises(DataError, match="the truth 'synop' has none of the variables"):
        verify(forecast, heights, variables=["t2m"], truths={"synop": further})


def test_a_truth_with_members_is_their_mean_a_drawn_one_or_each_in_turn(verify, write, source):
    """CRPS of one member is the absolute error: of the mean of 279 and 283 0, of either, and so on average, 2."""
    path = write(NODES, [START], LEADS, {"t2m": np.full((1, 2, 3), 281.0)})
    values = np.full((3, 2, 1, 3), 279.0)
    values[:, 1] = 283.0
    truth = source(NODES, ["t2m"], TIMES, values)
    found = {
        members: verify(path, truth, variables=["t2m"], metrics=[NameOrChoice(plugin="mae")], truth_members=members)[0]
        for members in ("mean", "random", "all")
    }
    means = {name: scores.get("mae", "forecast", "t2m").tolist() for name, scores in found.items()}
    assert means == {"mean": [0.0, 0.0], "random": [2.0, 2.0], "all": [2.0, 2.0]}
    bias = {name: scores.get("rmse", "persistence", "t2m")[0] for name, scores in found.items()}
    assert bias["all"] == 0.0  # each member persists by itself
