"""Several grids whose nodes stand behind each other: each is scored alone, too."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from wxml import Grid, GridPart
from wxml.errors import DataError
from wxml.verification.score_table import score_table, scores_as_json

ALL = Grid.unstructured(np.linspace(-60, 60, 7), np.linspace(0, 300, 7), [3, 1, 1, 1, 2, 2, 2])
PARTS = (GridPart("globe", 4), GridPart("north", 3, ("q",)))
SEVERAL = replace(ALL, parts=PARTS)
START, STEP = np.datetime64("2020-01-01T00", "s"), np.timedelta64(6 * 3600, "s")
TIMES = START + np.arange(8) * STEP
METRICS = ("rmse", "bias", "mae", "acc")


@pytest.fixture
def world(source, dataset, tmp_path):
    """A truth of `t`, and of `q` on the first grid alone, and a forecast file whose grids have names or none."""

    def make(*, named: bool, truth_grid: Grid = ALL):
        random = np.random.default_rng(1)
        values = random.normal(size=(8, 2, 7))
        values[:, 1, 4:] = np.nan
        forecast = values[:, None].swapaxes(1, 2)[1:7] + random.normal(size=(6, 2, 1, 7))
        file = dataset(ALL, TIMES[:6], STEP[None], {"t": forecast[:, 0], "q": forecast[:, 1]})
        if named:
            records = {"wxml_parts": json.dumps([part.record() for part in PARTS])}
            file = file.assign_coords(grid_part=("cell", [0, 0, 0, 0, 1, 1, 1], records))
        file.to_netcdf(tmp_path / "forecast.nc")
        return tmp_path / "forecast.nc", source(truth_grid, ("t", "q"), TIMES, values)

    return make


@pytest.mark.parametrize("named", [True, False], ids=["named by the forecast", "named by the truth"])
def test_the_scores_of_a_part_are_those_of_a_forecast_of_it(world, verify, source, dataset, tmp_path, named) -> None:
    path, truth = world(named=named, truth_grid=ALL if named else SEVERAL)
    scores, _ = verify(path, truth)
    assert scores.parts == ("globe", "north")
    with xr.open_dataset(path, decode_timedelta=True) as file:
        fields = {name: file[name].values for name in ("t", "q")}
    for name, nodes in SEVERAL.ranges.items():
        part = SEVERAL.part(name)
        dataset(part, TIMES[:6], STEP[None], {name: field[..., nodes] for name, field in fields.items()}).to_netcdf(
            tmp_path / f"{name}.nc"
        )
        alone, _ = verify(tmp_path / f"{name}.nc", source(part, ("t", "q"), TIMES, truth.values[..., nodes]))
        own = scores.of_part(name)
        assert own.variables == (("t", "q") if name == "globe" else ("t",))
        assert (own.parts, own.cases) == ((), scores.cases)
        for metric in METRICS:
            for forecast in scores.forecasts:
                for variable in own.variables:
                    expected = alone.get(metric, forecast, variable)
                    np.testing.assert_allclose(own.get(metric, forecast, variable), expected, rtol=1e-6)


def test_the_whole_is_the_mean_of_the_parts_by_area(world, verify) -> None:
    path, truth = world(named=True)
    scores, _ = verify(path, truth)
    share = [ALL.area_weights[nodes].sum() for nodes in SEVERAL.ranges.values()]
    for forecast in ("forecast", "persistence"):
        each = [scores.of_part(name).get("rmse", forecast, "t") ** 2 for name in scores.parts]
        np.testing.assert_allclose(scores.get("rmse", forecast, "t") ** 2, np.einsum("p,pl->l", share, each))
        whole = scores.get("rmse", forecast, "q")  # on the globe alone
        np.testing.assert_allclose(whole, scores.of_part("globe").get("rmse", forecast, "q"))


@pytest.mark.usefixtures("drawn")
def test_file_page_and_table_show_them(world, verify) -> None:
    path, truth = world(named=True)
    scores, folder = verify(path, truth)
    with xr.open_dataset(folder / "scores.nc", decode_timedelta=True) as file:
        assert file["part"].values.tolist() == ["globe", "north"]
        for name in scores.parts:
            stored = file["part_scores"].sel(part=name, metric="mae", forecast="forecast", variable="t")
            np.testing.assert_array_equal(stored, scores.of_part(name).get("mae", "forecast", "t"))
        assert file["part_cases"].sel(forecast="forecast", variable="q").values.tolist() == [[6], [0]]
    page = (folder / "report.html").read_text()
    assert '<a href="#grids">' in page
    section = page[page.index('<section aria-labelledby="grids">') :].partition("</section>")[0]
    assert re.findall(r"<h3>(\w+)</h3>", section) == ["globe", "north"]
    assert "RMSE on the grid north" in section
    north = section[section.index("RMSE on the grid north") :]
    for variable, there in {"t": True, "q": False}.items():
        assert (f">{variable} <small>" in north) is there
    value = scores.of_part("north").get("rmse", "forecast", "t")[0]
    assert f"<td>{value:.4g}</td>" in north
    lines = score_table(scores, "mae").splitlines()
    titles = [line for line in lines if line.startswith("MAE")]
    ends = ["all grids", "the grid globe alone", "the grid north alone"]
    assert titles == [f"MAE, 6 initial times, {end}" for end in ends]
    assert "neither a climatology nor an ACC" in lines[-1]
    assert lines[-4].split()[:1] == ["climatology"]
    assert lines[-5].split()[-1] == f"{scores.of_part('north').get('mae', 'persistence', 't')[0]:.4g}"
    found = json.loads(scores_as_json(scores))
    assert list(found["parts"]) == ["globe", "north"]
    assert {row["variable"] for row in found["parts"]["north"]} == {"t"}
    (row,) = (row for row in found["parts"]["north"] if (row["metric"], row["forecast"]) == ("rmse", "forecast"))
    assert row["value"] == pytest.approx(value)


@pytest.mark.usefixtures("drawn")
def test_one_grid_has_no_parts(world, verify) -> None:
    path, truth = world(named=False)
    scores, folder = verify(path, truth)
    assert (scores.parts, scores.part_values) == ((), None)
    assert 'id="grids"' not in (folder / "report.html").read_text()
    with xr.open_dataset(folder / "scores.nc", decode_timedelta=True) as file:
        assert "part_scores" not in file
    assert "parts" not in json.loads(scores_as_json(scores))
    assert "all grids" not in score_table(scores)


@pytest.mark.carries_out("give the scores of each of `parts`, in the order of `values`")
def test_scores_of_parts_have_the_shape_of_the_others(world, verify) -> None:
    scores, _ = verify(*world(named=True))
    for wrong in (None, scores.part_values[:1], scores.part_values[:, :2]):
        with pytest.raises(DataError, match="`part_values` of scores must have shape"):
            replace(scores, part_values=wrong)
    with pytest.raises(DataError, match="the scores have no part 'south'"):
        scores.of_part("south")
    assert replace(scores, parts=("a", "b")).of_part("b").variables == ("t",)


@pytest.mark.usefixtures("drawn")
def test_a_grid_without_a_score_has_no_table(world, verify) -> None:
    """Such as one that a model only reads."""
    path, truth = world(named=True)
    truth.values[..., 4:] = np.nan
    scores, folder = verify(path, truth)
    assert scores.of_part("north").variables == ()
    assert "the grid globe alone" in score_table(scores)
    assert "the grid north alone" not in score_table(scores)
    assert json.loads(scores_as_json(scores))["parts"]["north"] == []
    page = (folder / "report.html").read_text()
    assert "RMSE on the grid globe" in page
    assert "RMSE on the grid north" not in page
