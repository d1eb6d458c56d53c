"""Bad input: what is wrong, and what to do about it."""

import os
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr
from wxml import Grid
from wxml.errors import ArtefactError, ContractError, DataError

carries_out = pytest.mark.carries_out
TIMES = np.arange(np.datetime64("2001-01-01", "s"), np.datetime64("2001-01-02", "s"), np.timedelta64(6, "h"))
LEADS = np.array([6, 12], "timedelta64[h]")


@pytest.fixture
def truth(grid, source):
    return source(grid, ["t_850"], TIMES, np.zeros((4, 1, 4)))


@pytest.fixture
def forecast(grid, write):
    def run(name="forecast.nc", variable="t_850", times=TIMES[:2], grid=grid):
        return write(grid, times, LEADS, {variable: np.ones((len(times), 2, len(grid)))}, name=name)

    return run


@carries_out("write one first: wxml forecast")
def test_a_file_that_is_not_there(truth, tmp_path, verify, forecast) -> None:
    with pytest.raises(DataError, match="there is no forecast file"):
        verify(tmp_path / "none.zarr", truth)
    verify(forecast("none.zarr"), truth, maps=0)


carries_out_again = carries_out(
    "it must be zarr or NetCDF (GRIB is not read here); if it was cut short, run `wxml forecast` again"
)


@carries_out_again
@pytest.mark.parametrize("content", [b"", b"no forecast at all", b"GRIB" + bytes(100)])
def test_a_file_of_another_kind(truth, tmp_path, verify, forecast, content) -> None:
    path = tmp_path / "forecast.nc"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"cannot be read.*\n.*zarr or NetCDF"):
        verify(path, truth)
    for name in ("other.nc", "other.zarr"):
        verify(forecast(name), truth, maps=0)


@carries_out_again
def test_a_netcdf_file_cut_short(truth, forecast, verify) -> None:
    path = forecast()
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match="cut short"):
        verify(path, truth)
    path.unlink()
    verify(forecast(), truth, maps=0)


@carries_out("write the data again, as numbers, into one file without links")
@pytest.mark.parametrize("place", ["/", "inner/group"])
@pytest.mark.parametrize("kind", ["external storage", "external link", "virtual variable", "soft link"])
def test_a_netcdf_file_that_leads_elsewhere(truth, forecast, verify, tmp_path, kind, place, lead_elsewhere) -> None:
    os.mkfifo(tmp_path / "other")  # whoever opens this pipe waits without end
    path = forecast()
    lead_elsewhere(path, kind, place, tmp_path / "other")
    with pytest.raises(DataError, match=r"forecast\.nc` .*`(inner/group/)?x`.*, so the file is not opened"):
        verify(path, truth)
    with h5py.File(path, "a") as file:
        del file["x" if place == "/" else f"{place}/x"]
    with xr.open_dataset(path, decode_timedelta=True) as dataset:
        dataset.to_netcdf(path.with_name("again.nc"))
    verify(path.with_name("again.nc"), truth, maps=0)


@pytest.mark.parametrize("name", ["simplecache::a.zarr", "http::a.zarr", "zip::a.zarr", "reference::a.nc"])
def test_a_name_that_looks_like_an_address_is_a_file(truth, forecast, verify, monkeypatch, name) -> None:
    path = forecast(f"plain.{name[-4:].lstrip('.')}")
    monkeypatch.chdir(path.parent)
    path.rename(name)
    Path("a.zarr").write_text("{}")  # what the address would name
    verify(Path(name), truth, maps=0)


@carries_out("name a file that `wxml forecast` wrote as zarr or NetCDF")
def test_a_netcdf_variable_that_holds_no_numbers(truth, forecast, verify) -> None:
    path = forecast()
    with h5py.File(path, "a") as file:
        file.create_dataset("x", shape=3, dtype=[("a", "f4")])
    with pytest.raises(DataError, match=r"forecast\.nc` cannot be read: its variable `x` holds records"):
        verify(path, truth)
    for name in ("other.nc", "other.zarr"):
        verify(forecast(name), truth, maps=0)


def test_a_damaged_chunk(truth, forecast, verify) -> None:
    path = forecast("forecast.zarr")
    chunk = next(file for file in (path / "t_850").iterdir() if not file.name.startswith("."))
    chunk.write_bytes(chunk.read_bytes()[:8])
    with pytest.raises(DataError, match=r"forecast\.zarr` cannot be read"):
        verify(path, truth)


def test_an_empty_folder(truth, tmp_path, verify) -> None:
    (tmp_path / "forecast.zarr").mkdir()
    with pytest.raises(DataError, match="cannot be read"):
        verify(tmp_path / "forecast.zarr", truth)


@carries_out("name a file with forecasts in it")
def test_a_forecast_without_variables(truth, forecast, verify) -> None:
    path = forecast("forecast.zarr")
    shutil.rmtree(path / "t_850")
    with pytest.raises(DataError, match="has no variable"):
        verify(path, truth)
    assert verify(forecast("other.zarr"), truth, maps=0)[0].variables == ("t_850",)


def test_steps_never_written_are_missing(truth, grid, write, verify) -> None:
    values = np.ones((2, 2, 4))
    values[1] = np.nan
    scores, _ = verify(write(grid, TIMES[:2], LEADS, {"t_850": values}), truth, maps=0)
    assert scores.cases == 1
    np.testing.assert_allclose(scores.get("rmse", "forecast", "t_850"), 1.0)


@carries_out("name a file that `wxml forecast` wrote as zarr or NetCDF")
@pytest.mark.parametrize(
    ("dataset", "lacking"),
    [
        (xr.Dataset({"t": ("time", [1.0])}, {"time": [0]}), "prediction_timedelta"),
        (xr.Dataset({"t": (("time", "prediction_timedelta"), [[1.0]])}), "latitude, longitude"),
        (
            xr.Dataset({"t": (("time", "prediction_timedelta", "cell"), [[[1.0]]])}),
            "the coordinate `latitude`",
        ),
        (
            xr.Dataset(
                {"t": (("time", "prediction_timedelta", "cell"), [[[1.0]]])},
                {"time": [3], "latitude": ("cell", [0.0]), "longitude": ("cell", [0.0])},
            ),
            "times in `time`",
        ),
    ],
)
def test_a_dataset_that_is_no_forecast(truth, tmp_path, verify, forecast, dataset, lacking) -> None:
    dataset.to_netcdf(tmp_path / "other.nc")
    with pytest.raises(DataError, match=f"is not a wxml forecast: .*{lacking}"):
        verify(tmp_path / "other.nc", truth)
    for name in ("forecast.nc", "forecast.zarr"):
        verify(forecast(name), truth, maps=0)


@carries_out("keep each once, for example with `dataset.drop_duplicates({})`")
@pytest.mark.parametrize("name", ["forecast.nc", "forecast.zarr"])
@pytest.mark.parametrize("axis", ["time", "prediction_timedelta"])
def test_a_case_that_would_count_twice_is_refused(grid, write, truth, verify, axis, name) -> None:
    times, leads = (TIMES[[0, 0]], LEADS) if axis == "time" else (TIMES[:2], LEADS[[1, 1]])
    path = write(grid, times, leads, {"t_850": np.ones((2, 2, 4))}, name=name)
    with pytest.raises(DataError, match=rf"in `{axis}` 2 times\n.*drop_duplicates\('{axis}'\)"):
        verify(path, truth)
    opened = xr.open_zarr(path) if name.endswith("zarr") else xr.open_dataset(path)
    with opened as dataset:
        dataset.drop_duplicates(axis).to_netcdf(path.with_name("once.nc"))
    verify(path.with_name("once.nc"), truth, maps=0)


@carries_out("correct them, or take the variable out: the areas are then those of the truth")
@pytest.mark.parametrize("wrong", [-0.25, np.nan, np.inf])
def test_areas_that_cannot_be_are_refused(source, write, verify, wrong) -> None:
    """The error is 1 at the first of two nodes, which has a quarter of the area in the file and half in the truth."""
    places = [0.0, 10.0], [0.0, 10.0]
    truth = source(Grid.unstructured(*places, [1.0, 1.0]), ["t_850"], TIMES, np.zeros((4, 1, 2)))
    grid = Grid.unstructured(*places, [1.0, 3.0])
    path = write(grid, TIMES[:1], LEADS, {"t_850": np.broadcast_to([1.0, 0.0], (1, 2, 2))})
    right = xr.load_dataset(path)
    dataset = right.copy(deep=True)
    dataset["area_weight"][0] = wrong
    dataset.to_netcdf(path)
    with pytest.raises(DataError, match=r"`area_weight` of .* must be shares of an area"):
        verify(path, truth)
    for mended, bias in ((right, 0.25), (dataset.drop_vars("area_weight"), 0.5)):
        mended.to_netcdf(path)
        np.testing.assert_allclose(verify(path, truth, maps=0)[0].get("bias", "forecast", "t_850"), bias)


def test_a_variable_that_the_truth_lacks(truth, forecast, verify) -> None:
    with pytest.raises(DataError, match=r"no variable 't_580'\n.*did you mean 't_850'"):
        verify(forecast(variable="t_580"), truth)


@carries_out("{}known: {}")
def test_a_variable_asked_for_that_the_forecast_lacks(truth, forecast, verify) -> None:
    with pytest.raises(DataError, match=r"the forecast has no variable 't_85'\n.*'t_850'"):
        verify(forecast(), truth, variables=("t_85",))
    assert verify(forecast(), truth, variables=("t_850",), maps=0)[0].variables == ("t_850",)


def test_another_number_of_nodes(truth, forecast, verify) -> None:
    with pytest.raises(DataError, match=r"6 nodes from .* in the forecast, 4 nodes from .* in the truth"):
        verify(forecast(grid=Grid.regular([30.0, 0.0, -30.0], [0.0, 180.0])), truth)


def test_other_nodes_are_named(truth, forecast, verify) -> None:
    shifted = Grid.regular([30.0, -30.0], [0.0, 180.01])
    with pytest.raises(DataError, match=r"to -30°N 180°E in the truth, where none is at 30°N 180\.01°E"):
        verify(forecast(grid=shifted), truth)


def test_places_may_differ_by_rounding_and_by_whole_turns(truth, write, verify) -> None:
    rounded = Grid.regular(np.float32([30.0001, -30.0]), [-360.0004, -180.0])
    verify(write(rounded, TIMES[:2], LEADS, {"t_850": np.ones((2, 2, 4))}), truth, maps=0)


@carries_out("it has data {}: choose a truth or a forecast whose times and steps meet")
def test_a_truth_of_another_year(grid, source, truth, forecast, verify) -> None:
    later = TIMES[:2] + np.timedelta64(365, "D")
    message = "none of the 3 times .* from 2002-01-01T06 to 2002-01-01T18\n.*from 2001-01-01T00 to 2001-01-01T18"
    with pytest.raises(DataError, match=message):
        verify(forecast(times=later), truth)
    other = source(grid, ["t_850"], TIMES + np.timedelta64(365, "D"), np.zeros((4, 1, 4)))
    for times, met in ((later, other), (TIMES[:2], truth)):
        assert verify(forecast(times=times), met, maps=0)[0].cases == 2


def test_nothing_is_written_for_bad_input(truth, forecast, verify, tmp_path) -> None:
    with pytest.raises(DataError):
        verify(forecast(variable="q"), truth)
    assert not list((tmp_path / "verification").iterdir())


@pytest.mark.parametrize("kind", [ArtefactError, ContractError, DataError])
def test_an_error_of_wxml_keeps_its_words(truth, forecast, verify, monkeypatch, kind) -> None:
    def fail(*_: object, **_more: object) -> None:
        raise kind("its own words", fix="its own fix")

    path = forecast()
    monkeypatch.setattr(xr, "open_dataset", fail)
    with pytest.raises(kind, match=r"^its own words\n  its own fix$"):
        verify(path, truth)
