"""`wxml compare`: verified forecasts over their common cases, against a computation by hand; and what it refuses."""

import csv
import json
import shutil

import numpy as np
import pytest
import xarray as xr
from click.testing import CliRunner
from scipy.fft import dct
from scipy.stats import t as student
from wxml import Grid, NameOrChoice
from wxml.errors import WxmlError
from wxml_verification.command import command
from wxml_verification.compare_job import compare
from wxml_verification.comparison_table import comparison_table
from wxml_verification.evaluation import evaluate
from wxml_verification.question import Question
from wxml_verification.reading import ForecastFile
from wxml_verification.regions import Region
from wxml_verification.truth import Truth
from wxml_verification.usual import Past

carries_out = pytest.mark.carries_out
GRID = Grid.regular([60.0, 20.0, -40.0], [0.0, 120.0, 240.0])
TIMES = np.arange(np.datetime64("2001-01-01", "s"), np.datetime64("2001-01-11", "s"), np.timedelta64(6, "h"))
INITIAL = TIMES[:-2:2]
LEADS = np.array([6, 12], "timedelta64[h]").astype("timedelta64[s]")
NAMES = ("t", "u")


@pytest.fixture(scope="module")
def truth(source):
    return source(GRID, NAMES, TIMES, np.random.default_rng(1).normal(size=(len(TIMES), 2, len(GRID))))


def errors(seed, size):
    """Errors whose means differ from case to case, shape `[case, lead_time, node]`, and variables."""
    random = np.random.default_rng(seed)
    return {name: size * (random.normal(size=(len(INITIAL), 2, 1)) + random.normal(size=(1, 1, 9))) for name in NAMES}


def verifying(truth, name):
    index = np.searchsorted(TIMES, INITIAL[:, None] + LEADS)
    return truth.values[index, 0, NAMES.index(name)]


@pytest.fixture(scope="module")
def scored(truth, dataset, tmp_path_factory):
    """Verify a forecast with given errors; gives the folder of scores."""

    def run(name, given, *, initial=INITIAL, leads=LEADS, against=truth, record="one", grid=GRID, north=0.0, units="K"):
        at = np.ix_(np.isin(INITIAL, initial), np.isin(LEADS, leads))
        values = {key: (verifying(truth, key) + one)[at] for key, one in given.items()}
        tmp_path = tmp_path_factory.mktemp("scored")
        path = tmp_path / f"{name}.nc"
        dataset(grid, initial, leads, values, units).to_netcdf(path, engine="netcdf4")
        folder = tmp_path / name
        folder.mkdir()
        provenance = {"artefact": "scores", "data": {"source": {"path": record}}, "parents": [{"artefact": "forecast"}]}
        with ForecastFile(path) as forecast:
            question = Question(
                variables=tuple(given),
                metrics=[NameOrChoice(plugin=name) for name in ("mse", "rmse", "bias", "acc-pooled")],
                past=Past(against, TIMES, len(TIMES), "the truth"),
                window=30,
                statistics=folder / "statistics.zarr",
                provenance=provenance,
                regions={"north": Region(south=north)},
                maps=0,
            )
            evaluate(forecast, Truth(against), question)
        return folder

    return run


@pytest.fixture(scope="module")
def pair(scored):
    return scored("new", errors(2, 0.9)), scored("old", errors(3, 1.0))


def test_a_comparison_is_that_of_the_cases_by_hand(pair, tmp_path) -> None:
    found = compare(pair, tmp_path / "out", confidence=0.9)
    assert (found.forecast, found.baselines, found.regions) == ("new", ("old",), ("all", "north"))
    weights = {"all": GRID.area_weights, "north": np.where(GRID.latitudes > 0, GRID.area_weights, 0)}
    for region, weight in weights.items():
        of_cases = [
            np.average(np.square(errors(*which)["u"]), axis=2, weights=weight) for which in ((2, 0.9), (3, 1.0))
        ]
        apart = of_cases[0] - of_cases[1]  # mean square errors: a mean over cases, so the test is that of a mean
        cases, mean = len(apart), apart.mean(axis=0)
        count = int(0.4 * cases ** (2 / 3))
        waves = dct(apart - mean, axis=0, norm="ortho")[1 : count + 1]
        error = np.sqrt(np.square(waves).mean(axis=0) / cases)
        at = (0, 0, 1, slice(None), found.regions.index(region))
        width = student.ppf(0.95, count) * error
        np.testing.assert_allclose(found.difference[at], mean, rtol=1e-4)
        np.testing.assert_allclose(found.own[at], of_cases[0].mean(axis=0), rtol=1e-4)
        np.testing.assert_allclose(found.ci_low[at], mean - width, rtol=1e-3)
        np.testing.assert_allclose(found.ci_high[at], mean + width, rtol=1e-3)
        np.testing.assert_allclose(found.p[at], 2 * student.sf(np.abs(mean) / error, count), rtol=1e-3)
        # the delta method: a root moves half as much as the square, over itself
        own, other = np.sqrt(of_cases[0].mean(axis=0)), np.sqrt(of_cases[1].mean(axis=0))
        moves = (of_cases[0] - own**2) / (2 * own) - (of_cases[1] - other**2) / (2 * other)
        error = np.sqrt(np.square(dct(moves, axis=0, norm="ortho")[1 : count + 1]).mean(axis=0) / cases)
        half = (found.ci_high - found.ci_low)[(1, *at[1:])] / 2
        np.testing.assert_allclose(half, student.ppf(0.95, count) * error, rtol=1e-3)
    assert (found.count[:, :, :, :, 0] == len(INITIAL)).all()
    np.testing.assert_allclose(found.difference[2], np.abs(found.own[2]) - np.abs(found.other[2]))  # the size of a bias
    assert (
        found.notes == ("4 differences have less than 8 cases, which do not tell how sure they are.",)
        or not found.notes
    )


def test_the_other_way_round_all_signs_turn(pair, tmp_path) -> None:
    one, back = compare(pair, tmp_path / "one"), compare(pair[::-1], tmp_path / "back")
    np.testing.assert_allclose(one.difference, -back.difference)
    np.testing.assert_allclose(one.ci_low, -back.ci_high)
    np.testing.assert_allclose(one.p, back.p)
    assert (one.verdict == -back.verdict).all()


def test_only_common_cases_count_and_others_are_told(pair, scored, tmp_path) -> None:
    later, last = INITIAL[3:], LEADS[1:]
    short = scored("short", {"t": errors(3, 1.0)["t"]}, initial=later, leads=last, north=30.0)
    found = compare([pair[0], short], tmp_path / "out")
    trimmed = scored("trimmed", {"t": errors(2, 0.9)["t"]}, initial=later, leads=last)
    same = compare([trimmed, short], tmp_path / "same")
    np.testing.assert_array_equal(found.count[1, 0, :, :, 0], [[0, len(later)], [0, 0]])
    np.testing.assert_allclose(found.ci_low[:, :, 0, 1, 0], same.ci_low[:, :, 0, 0, 0])
    assert np.isnan(found.difference[:, :, 1]).all()
    assert np.isnan(found.difference[..., 1]).all()
    assert found.notes == (
        "3 of 19 initial times of new are not in short: left out.",
        "1 of 2 lead times of new are not in short: left out.",
        "Only new has u: not compared.",
        "short has no region north with the same nodes: not compared.",
    )


def test_scores_of_other_nodes_are_told(pair, scored, tmp_path) -> None:
    gappy = errors(3, 1.0)
    gappy["t"][4, 0, 3] = np.nan
    gappy["t"][5, 0] = np.nan
    found = compare([pair[0], scored("gappy", gappy)], tmp_path / "out")
    assert found.notes == (
        "1 scores of single cases are in new alone: left out.",
        "1 of 75 pairs of single cases have values at different nodes, so read them with care.",
    )
    assert found.count[1, 0, 0, :, 0].tolist() == [len(INITIAL) - 1, len(INITIAL)]


def test_the_order_of_nodes_and_the_name_of_the_truth_do_not_matter(pair, scored, truth, source, tmp_path) -> None:
    found = compare(pair, tmp_path / "out")
    elsewhere = scored("moved", errors(3, 1.0), record="another path")
    np.testing.assert_allclose(compare([pair[0], elsewhere], tmp_path / "moved").p, found.p)


def test_several_forecasts_are_compared_with_the_first(pair, scored, tmp_path) -> None:
    third = scored("third", errors(4, 2.0))
    found = compare([*pair, third], tmp_path / "out", significance="geer")
    assert found.baselines == ("old", "third")
    alone = compare([pair[0], third], tmp_path / "alone", significance="geer")
    np.testing.assert_array_equal(found.p_adjusted[:, 1], alone.p_adjusted[:, 0])  # each baseline is a family
    assert (alone.verdict[0] == 1).all()
    assert "new is better than third in 4 of 4 (variable, lead time) pairs" in comparison_table(alone, "mse")


def test_the_command_writes_a_table_and_files(pair, tmp_path) -> None:
    out = tmp_path / "out"
    arguments = [*map(str, pair), "-o", str(out)]
    done = CliRunner().invoke(command, [*arguments, "--metric", "acc-pooled", "--significance", "bootstrap"])
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("ACC-POOLED\nvariable  units  forecast")
    assert {path.name for path in out.iterdir()} == {"comparison.csv", "comparison.nc"}
    with xr.open_dataset(out / "comparison.nc") as stored:
        assert stored.p.dims == ("metric", "baseline", "variable", "prediction_timedelta", "region")
        assert stored.attrs["significance"] == "bootstrap"
        assert len(json.loads(stored.attrs["wxml_provenance"])["parents"]) == 2
        number = float(stored.ci_low.sel(metric="rmse", variable="t", region="north")[0, 1])
    with (out / "comparison.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    row = next(one for one in rows if (one["metric"], one["variable"], one["lead_time"]) == ("rmse", "t", "12h"))
    assert row["baseline"] == "old"
    told = json.loads(CliRunner().invoke(command, [*arguments, "--json", "--overwrite", "--confidence", "0.9"]).stdout)
    assert told["confidence"] == 0.9
    assert len(told["differences"]) == len(rows)
    assert any(one["region"] == "north" and one["metric"] == "rmse" for one in told["differences"])
    assert np.isfinite(number)


@carries_out("name folders that `wxml verify` wrote; it compares forecasts, too: wxml verify A.zarr B.zarr")
def test_a_forecast_is_no_folder_of_scores(pair, tmp_path) -> None:
    with pytest.raises(WxmlError, match=r"`.*new\.nc` is no folder of scores"):
        compare([pair[0].with_suffix(".nc"), pair[1]], tmp_path / "out")
    assert not (tmp_path / "out").exists()
    compare(pair, tmp_path / "out")


@carries_out("name each once")
def test_a_forecast_is_not_compared_with_itself(pair, tmp_path) -> None:
    with pytest.raises(WxmlError, match="needs two different folders"):
        compare([pair[0], pair[0] / "statistics.zarr"], tmp_path / "out")
    compare([pair[0], pair[1] / "statistics.zarr"], tmp_path / "out")


@carries_out("choose another path, or remove it first")
def test_files_of_others_are_kept(pair, tmp_path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").touch()
    with pytest.raises(WxmlError, match=r"holds files that wxml did not write: thesis\.txt"):
        compare(pair, out, overwrite=True)
    with pytest.raises(WxmlError, match="exists already"):
        compare(pair, out)
    assert [path.name for path in out.iterdir()] == ["thesis.txt"]
    compare(pair, tmp_path / "other")


@carries_out("verify both against one: wxml verify … data.source.path=…")
def test_other_truths_are_refused(pair, scored, truth, source, tmp_path) -> None:
    other = source(GRID, NAMES, TIMES, truth.values[:, 0] + 0.01)
    with pytest.raises(WxmlError, match="different truths: path one and path other"):
        compare([pair[0], scored("other", errors(3, 1.0), against=other, record="other")], tmp_path / "out")
    compare(pair, tmp_path / "out")


@carries_out("verify both on the same grid")
def test_other_grids_are_refused(pair, scored, truth, source, tmp_path) -> None:
    moved = Grid.regular([60.0, 20.0, -41.0], [0.0, 120.0, 240.0])
    other = source(moved, NAMES, TIMES, truth.values[:, 0])
    with pytest.raises(WxmlError, match="different grids, of 9 and 9 nodes"):
        compare([pair[0], scored("other", errors(3, 1.0), against=other, grid=moved)], tmp_path / "out")
    compare(pair, tmp_path / "out")


@carries_out("verify both against one truth, and write the forecasts in the same units")
@carries_out("verify forecasts of the same variables")
def test_other_units_and_variables_are_refused(pair, scored, truth, source, tmp_path) -> None:
    celsius = source(GRID, NAMES, TIMES, truth.values[:, 0], "degC")
    other = scored("celsius", errors(3, 1.0), against=celsius, units="degC")
    with pytest.raises(WxmlError, match="t has the units 'K' in new and 'degC' in celsius"):
        compare([pair[0], other], tmp_path / "out")
    only = [scored(name, {name: errors(3, 1.0)[name]}) for name in NAMES]
    with pytest.raises(WxmlError, match="t and u have no variable in common: one has t, the other u"):
        compare(only, tmp_path / "out")
    compare([only[0], pair[1]], tmp_path / "out")


@carries_out("verify forecasts of the same {}s")
def test_without_common_cases_there_is_no_comparison(pair, scored, tmp_path) -> None:
    halves = scored("first", errors(2, 1.0), initial=INITIAL[:9]), scored("second", errors(3, 1.0), initial=INITIAL[9:])
    with pytest.raises(WxmlError, match="no initial time in common"):
        compare(halves, tmp_path / "out")
    compare([halves[0], pair[1]], tmp_path / "out")


@carries_out("{}known: {}")
def test_an_unknown_metric_is_told_with_the_nearest(pair, tmp_path) -> None:
    found = compare(pair, tmp_path / "out")
    with pytest.raises(WxmlError, match="no metric 'rsme'") as caught:
        comparison_table(found, "rsme")
    assert "did you mean 'rmse'" in caught.value.fix
    comparison_table(found, "rmse")


@carries_out("verify it again")
def test_statistics_that_do_not_say_where_they_were_made_are_refused(pair, scored, tmp_path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(pair[1], copy)
    (copy / "statistics.zarr" / "space" / ".zattrs").write_text("{}")
    with pytest.raises(WxmlError, match="do not say where they were made"):
        compare([pair[0], copy], tmp_path / "out")
    compare(pair, tmp_path / "out")
