"""Regions and groups of cases: those of a forecast of them alone."""

import csv

import numpy as np
import pytest
import xarray as xr
from wxml import Grid
from wxml.errors import ConfigError
from wxml_verification.groups import groups_of
from wxml_verification.regions import Region, region_weights

TIMES = np.arange(np.datetime64("2001-02-25", "s"), np.datetime64("2001-03-04", "s"), np.timedelta64(6, "h"))
LEADS = np.array([6, 12], "timedelta64[h]").astype("timedelta64[s]")
GRID = Grid.regular([60.0, 20.0, -20.0, -60.0], np.arange(0.0, 360.0, 60.0))
NAMES = ("t", "orog")
REGIONS = {
    "tropics": Region(south=-30, north=30),
    "across Greenwich": Region(west=-70, east=70),
    "high": Region(mask="orog", above=0.5, below=2.0),
    "corner": Region(polygon=((-10.0, 10.0), (70.0, 10.0), (70.0, 70.0), (-10.0, 70.0))),
}


def read(name):
    return np.linspace(-3, 3, len(GRID)) if name == "orog" else None


INSIDE = {
    "tropics": np.abs(GRID.latitudes) < 30,
    "across Greenwich": np.isin(GRID.longitudes, [0.0, 60.0, 300.0]),
    "high": (read("orog") > 0.5) & (read("orog") <= 2.0),
    "corner": (GRID.latitudes > 10) & np.isin(GRID.longitudes, [0.0, 60.0]),
}


@pytest.mark.parametrize("name", REGIONS)
def test_a_region_holds_its_nodes(name) -> None:
    assert REGIONS[name].holds(GRID, read).tolist() == INSIDE[name].tolist()


def test_bands_of_latitude_share_out_the_area() -> None:
    bands = region_weights(GRID, GRID.area_weights, {}, 40.0, {})
    assert list(bands) == ["50N to 90N", "10N to 50N", "30S to 10N", "70S to 30S"]  # 90S to 70S has no node
    np.testing.assert_allclose(np.sum(list(bands.values()), axis=0), GRID.area_weights)
    on_edges = region_weights(GRID, GRID.area_weights, {}, 20.0, {})  # a node on an edge is in one band
    np.testing.assert_allclose(np.sum(list(on_edges.values()), axis=0), GRID.area_weights)


@pytest.mark.parametrize(
    ("regions", "words"),
    [
        ({"nowhere": Region(south=61, north=62)}, "no node of the forecast is in this region"),
        ({"all": Region()}, "the name stands for other nodes"),
        ({"globe": Region()}, "the name stands for other nodes"),
        ({"land": Region(mask="lsm")}, "there is no 'lsm'"),
    ],
)
def test_a_region_that_cannot_be_is_refused(regions, words) -> None:
    with pytest.raises(ConfigError, match=words):
        region_weights(GRID, GRID.area_weights, regions, None, {"orog": lambda: read("orog")}, ("globe",))


@pytest.fixture
def scored(source, dataset, write, verify, drawn, tmp_path):
    """Scores over 20 initial times of two months with regions, and the same for some nodes and cases alone."""
    random = np.random.default_rng(0)
    values = random.normal(size=(len(TIMES), 2, len(GRID)))
    values[:, 1] = read("orog")
    forecast = random.normal(size=(20, 2, len(GRID))).astype(np.float32)
    truth = source(GRID, NAMES, TIMES, values)
    scores, folder = verify(write(GRID, TIMES[:20], LEADS, {"t": forecast}), truth, TIMES[:8], maps=0, regions=REGIONS)

    def alone(nodes, cases):
        part = Grid.unstructured(GRID.latitudes[nodes], GRID.longitudes[nodes], GRID.area_weights[nodes])
        own = source(part, NAMES, TIMES, values[..., nodes])
        path = write(part, TIMES[:20][cases], LEADS, {"t": forecast[cases][..., nodes]}, name="alone.nc")
        return verify(path, own, TIMES[:8], maps=0)[0]

    table = (folder / "scores.csv").read_text(encoding="utf-8")
    with xr.open_dataset(folder / "scores.nc", decode_timedelta=True) as file:
        page = (folder / "report.html").read_text("utf-8")
        return scores, file.load(), page, list(csv.DictReader(table.splitlines())), alone


def test_regions_and_groups_have_the_scores_of_a_forecast_of_them_alone(scored, told) -> None:
    scores, file, page, _, alone = scored
    groups = {"all": np.ones(20, bool), **groups_of(TIMES[:20], ("season", "month", "initial-hour"))}
    assert list(groups) == ["all", "DJF", "MAM", "February", "March", "00 UTC", "06 UTC", "12 UTC", "18 UTC"]
    assert file["group"].values.tolist() == list(groups)
    assert file["region"].values.tolist() == ["all", *REGIONS]
    np.testing.assert_array_equal(file["group_scores"].sel(group="all", region="all").values, scores.values)
    for region, group in (("tropics", "all"), ("corner", "all"), ("all", "March"), ("high", "18 UTC")):
        nodes = np.ones(len(GRID), bool) if region == "all" else INSIDE[region]
        expected = alone(nodes, groups[group])
        found = file["group_scores"].sel(group=group, region=region)
        assert found["metric"].values.tolist() == list(expected.metrics)
        np.testing.assert_allclose(found.values, expected.values, rtol=1e-6)
        assert file["group_cases"].sel(group=group, region=region, metric="rmse")[0].values.max() == expected.cases
    shown = told(page)
    assert shown["regions"] == ["all nodes", *REGIONS]
    assert shown["groups"] == ["all cases", *list(groups)[1:]]
    rmse = [one["name"] for one in shown["numbers"]].index("rmse")
    for place in np.ndindex(len(groups), 1 + len(REGIONS)):
        stored = file["group_scores"].isel(group=place[0], region=place[1]).sel(metric="rmse", forecast="forecast")
        curve = shown["values"][place[0]][place[1]][rmse][0][0]
        np.testing.assert_allclose(curve, stored.sel(variable="t"), rtol=1e-3)
    low, value, high = (shown[kind][0][0][rmse][0][0] for kind in ("low", "values", "high"))
    assert all(one < other < last for one, other, last in zip(low, value, high, strict=True))
    assert [len(one[rmse]) for one in shown["p"][0]] == [3] * (1 + len(REGIONS))  # of each forecast; of itself none
    assert shown["p"][0][0][rmse][0] is None
    judged = zip(shown["p"][0][0][rmse][1][0], shown["significant"][0][0][rmse][1][0], strict=True)
    assert all(sure == (p <= 0.05) for p, sure in judged)


def test_the_table_in_csv_has_every_number(scored) -> None:
    scores, file, _, rows, _ = scored
    assert {row["region"] for row in rows} == {"all", *REGIONS}
    (row,) = (
        one
        for one in rows
        if (one["group"], one["region"], one["metric"], one["forecast"], one["lead_time"])
        == ("all", "corner", "rmse", "forecast", "12h")
    )
    stored = file["group_scores"].sel(group="all", region="corner", metric="rmse", forecast="forecast", variable="t")
    assert float(row["value"]) == stored[1]
    assert (row["subject"], row["units"], row["cases"]) == ("t", "K", "20")
    everywhere = [one for one in rows if one["group"] == one["region"] == "all"]
    assert len(everywhere) == np.isfinite(scores.values).sum()
