"""The source `anemoi`: stores in the layout of anemoi-datasets, whole, damaged, unfinished and of another kind."""

import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
import zarr
from wxml import Grid, PluginChoice
from wxml.errors import DataError
from wxml.testing import DataSourceContract
from wxml_dataset_sources.anemoi_source import AnemoiSource
from wxml_dataset_sources.combining.subset import Subset
from wxml_dataset_sources.xarray_source import XarraySource

carries_out = pytest.mark.carries_out
pytestmark = pytest.mark.filterwarnings("ignore:The data type:zarr.errors.UnstableSpecificationWarning")
DATES = np.datetime64("2020-01-01", "s") + 6 * np.arange(6) * np.timedelta64(1, "h")
NORTH, EAST = np.array([30.0, 20.0, 10.0]), np.array([0.0, 10.0, 20.0, 30.0])
METADATA: dict[str, Any] = {
    "2t": {"mars": {"param": "2t", "levtype": "sfc"}, "units": "K"},
    "t_850": {"mars": {"param": "t", "levtype": "pl", "levelist": 850}, "units": "K"},
    "tp": {"mars": {"param": "tp", "levtype": "sfc"}, "process": "accumulation", "period": [0, 6], "units": "m"},
    "lsm": {"mars": {"param": "lsm", "levtype": "sfc"}, "constant_in_time": True},
}


def fields(dates: int = 6, members: int = 1, nodes: int = 12) -> np.ndarray:
    """Values that say where they stand: 1000 date + 100 variable + 50 member + node."""
    date, variable, member, node = np.ogrid[:dates, : len(METADATA), :members, :nodes]
    return (1000.0 * date + 100.0 * variable + 50.0 * member + node).astype("f4")


def write_store(
    path: Path,
    values: np.ndarray | None = None,
    zarr_format: int = 2,
    chunks: tuple[int, ...] | None = None,
    **attributes: object,
) -> Path:
    """Write a store; attributes that are None are left out."""
    values = fields() if values is None else values
    north, east = np.meshgrid(NORTH, EAST, indexing="ij")
    said = {
        "variables": list(METADATA),
        "variables_metadata": METADATA,
        "missing_dates": [],
        "frequency": "6h",
        "start_date": str(DATES[0]),
        "end_date": str(DATES[-1]),
        "field_shape": [3, 4],
        "version": "0.30",
        "statistics_start_date": str(DATES[0]),
        "statistics_end_date": str(DATES[3]),
    } | attributes
    root = zarr.open_group(path, mode="w", zarr_format=zarr_format)
    root.attrs.update({key: value for key, value in said.items() if value is not None})
    fill = {"fill_value": np.nan}
    data = root.create_array("data", shape=values.shape, dtype="f4", chunks=chunks or (1, *values.shape[1:]), **fill)
    data[:] = values
    # Format 3 has no specified type of dates yet, and zarr says so; anemoi-datasets writes them all the same.
    root.create_array("dates", data=DATES.astype("M8[s]"))
    root.create_array("latitudes", data=north.ravel())
    root.create_array("longitudes", data=east.ravel())
    for name in ("mean", "stdev", "minimum", "maximum"):
        root.create_array(name, data=np.zeros(len(METADATA)))
    build = root.create_group("_build")
    build.create_array("flags", data=np.ones(2, bool))
    build.create_array("lengths", data=np.full(2, 3))
    return path


class TestAnemoi(DataSourceContract):
    plugin = AnemoiSource
    missing = [("2020-01-01T12", "t_850")]

    @pytest.fixture(autouse=True, params=[2, 3])
    def _store(self, request, tmp_path):
        values = fields(members=2)
        values[2, 1, 0, 3:5] = np.nan
        self.options = {"path": str(write_store(tmp_path / "store.zarr", values, request.param))}


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("chunks", [None, (4, 2, 1, 5), (1, 1, 1, 12)])
def test_values_are_those_of_the_array_for_any_chunks_and_order(tmp_path, zarr_format, chunks):
    path = write_store(tmp_path / "store.zarr", fields(members=2), zarr_format, chunks)
    source = AnemoiSource(path=str(path))
    rows, columns = [5, 0, 0, 3], [3, 0, 2]
    expected = zarr.open_array(path / "data", mode="r")[:][rows][:, columns].swapaxes(1, 2)
    found = source.read(DATES[rows], [list(METADATA)[column] for column in columns])
    assert np.array_equal(found, expected)
    assert found[0, 1, 0, 7] == 5000 + 300 + 50 + 7


def test_the_header_says_what_the_store_does(tmp_path):
    header = AnemoiSource(path=str(write_store(tmp_path / "store.zarr"))).header
    assert np.array_equal(header.times, DATES)
    assert header.grid.identity == Grid.regular(NORTH, EAST).identity
    two_metre, t, rain, mask = header.variables
    assert (two_metre.name, two_metre.param, two_metre.level, two_metre.units) == ("2t", "2t", None, "K")
    assert (t.param, t.level, t.level_units, t.step_type) == ("t", 850, "hPa", "")
    assert (rain.step_type, rain.period, rain.units) == ("accum", "6h", "m")
    assert (mask.units, mask.step_type, mask.period) == ("", "", "")


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize(
    ("chunks", "groups"), [(None, [0, 0, 0]), ((1, 2, 1, 12), [1, 0, 1]), ((1, 1, 1, 12), [2, 0, 3])]
)
def test_variables_of_one_chunk_are_read_at_the_cost_of_one(tmp_path, zarr_format, chunks, groups):
    path = write_store(tmp_path / "store.zarr", None, zarr_format, chunks)
    source = Subset(
        source=PluginChoice.model_validate({"plugin": "anemoi", "path": str(path)}), select=["tp", "2t", "lsm"]
    )
    assert source.chunk_groups().tolist() == groups


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_store_without_metadata_and_with_old_names_is_read(tmp_path, zarr_format):
    path = write_store(tmp_path / "store.zarr", None, zarr_format, variables_metadata=None, field_shape=None)
    (path / "latitudes").rename(path / "latitude")
    (path / "longitudes").rename(path / "longitude")
    header = AnemoiSource(path=str(path)).header
    assert [variable.units for variable in header.variables] == [""] * 4
    assert header.grid.shape == (3, 4)


def test_nodes_of_a_plane_and_of_no_rows_have_their_shape(tmp_path):
    random = np.random.default_rng(0)
    path = write_store(tmp_path / "plane.zarr")
    places = {"latitudes": 40 + np.repeat([2.0, 1.0, 0.0], 4) + random.uniform(0, 0.3, 12)}
    places["longitudes"] = np.tile([0.0, 1.0, 2.0, 3.0], 3) + random.uniform(0, 0.3, 12)
    for name, values in places.items():
        zarr.open_array(path / name, mode="r+")[:] = values
    assert AnemoiSource(path=str(path)).header.grid.shape == (3, 4)
    listed = write_store(tmp_path / "list.zarr", field_shape=[12])
    for name, values in places.items():
        zarr.open_array(listed / name, mode="r+")[:] = values
    grid = AnemoiSource(path=str(listed)).header.grid
    assert grid.shape == (12,)
    assert np.array_equal(grid.latitudes, places["latitudes"])


def test_variables_are_chosen_by_name_and_parameter(tmp_path):
    path = str(write_store(tmp_path / "store.zarr"))
    source = AnemoiSource(path=path, variables=["tp", "t"])
    assert source.header.names == ("t_850", "tp")
    assert np.array_equal(source.read(DATES[:1], ["tp"]).ravel(), fields()[0, 2, 0])


def test_missing_dates_are_counted_and_skipped(tmp_path, caplog):
    values = fields()
    values[[1, 4]] = np.nan
    path = write_store(tmp_path / "store.zarr", values, missing_dates=[str(DATES[1]), str(DATES[4])])
    with caplog.at_level(logging.WARNING, logger="wxml"):
        source = AnemoiSource(path=str(path), missing_dates="skip")
    assert "2 of the 6 dates" in caplog.text
    assert "2020-01-01T06" in caplog.text
    assert np.array_equal(source.header.times, DATES[[0, 2, 3, 5]])
    assert np.array_equal(source.read(source.header.times, ["2t"])[:, 0, 0, 0], [0, 2000, 3000, 5000])


def test_a_chunk_that_no_read_needs_is_not_touched(tmp_path):
    path = write_store(tmp_path / "store.zarr", chunks=(1, 1, 1, 12))
    for date in range(6):
        (path / "data" / f"{date}.3.0.0").write_bytes(b"rubbish")
    found = AnemoiSource(path=str(path)).read(DATES, ["2t", "tp"])
    assert np.array_equal(found[:, 0], fields()[:, [0, 2], 0])


def shorter(path):
    """Drop the last date from the data alone."""
    data = zarr.open_array(path / "data", mode="r+")
    data.resize((5, *data.shape[1:]))


def shorter_axis(path):
    """Drop the last date from the data and from the axis."""
    shorter(path)
    zarr.open_array(path / "dates", mode="r+").resize((5,))


def falling(path):
    dates = zarr.open_array(path / "dates", mode="r+")
    dates[:] = dates[:][::-1]


def no_dates(path):
    shutil.rmtree(path / "dates")


def no_places(path):
    shutil.rmtree(path / "longitudes")


def cut_chunk(path):
    chunk = path / "data" / "2.0.0.0"
    chunk.write_bytes(chunk.read_bytes()[:40])


def no_json(path):
    (path / ".zattrs").write_text("{")


@carries_out("build the store again, or copy it again from where it was made")
@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (shorter, "5 dates, and describes 6"),
        (shorter_axis, "is shorter than its dates: 6 from 2020-01-01T00 to 2020-01-02T06 every 6h, and 5 are there"),
        (falling, "dates that do not rise after 2020-01-02T06"),
        (no_dates, "lacks the array `dates`"),
        (no_places, "lacks the array `longitudes`"),
        (cut_chunk, "cannot be read"),
        (no_json, "cannot be read"),
    ],
)
def test_a_damaged_store_is_refused_until_it_is_copied_again(tmp_path, damage, says):
    whole = write_store(tmp_path / "whole.zarr")
    for name in ("copy", "copied again"):
        shutil.copytree(whole, tmp_path / name)
    damage(tmp_path / "copy")
    with pytest.raises(DataError, match=says) as caught:
        AnemoiSource(path=str(tmp_path / "copy")).read(DATES, ["2t"])
    assert "copy`" in caught.value.message
    assert np.array_equal(
        AnemoiSource(path=str(tmp_path / "copied again")).read(DATES, ["2t"])[:, 0], fields()[:, :1, 0]
    )


@carries_out("write `missing_dates: skip` to read the others")
def test_missing_dates_are_refused_with_their_number(tmp_path):
    path = str(write_store(tmp_path / "store.zarr", missing_dates=[str(DATES[3])]))
    with pytest.raises(DataError, match=r"1 of the 6 dates of .* are missing, the first of them 2020-01-01T18"):
        AnemoiSource(path=path)
    assert len(AnemoiSource(path=path, missing_dates="skip").header.times) == 5


@carries_out("build the store from data that are there")
def test_a_store_of_missing_dates_alone_is_refused(tmp_path):
    path = write_store(tmp_path / "store.zarr", missing_dates=[str(date) for date in DATES])
    with pytest.raises(DataError, match="all 6 dates"):
        AnemoiSource(path=str(path), missing_dates="skip")
    write_store(path)
    assert len(AnemoiSource(path=str(path)).header.times) == 6


@carries_out("build its missing parts, or copy it once it is finished")
def test_a_store_that_was_not_finished_is_refused(tmp_path):
    path = write_store(tmp_path / "store.zarr")
    flags = zarr.open_array(path / "_build" / "flags", mode="r+")
    flags[1] = False
    with pytest.raises(DataError, match="not built to the end: 1 of its 2 parts"):
        AnemoiSource(path=str(path))
    flags[1] = True
    assert len(AnemoiSource(path=str(path)).header.times) == 6


@carries_out("build a store of fields, one for each date")
@pytest.mark.parametrize(("shape", "says"), [((6, 4), "a table"), ((6, 4, 1, 2, 12), "several forecasts")])
def test_tables_and_forecasts_are_refused(tmp_path, shape, says):
    path = write_store(tmp_path / "store.zarr", np.zeros(shape, "f4"))
    with pytest.raises(DataError, match=says):
        AnemoiSource(path=str(path))
    assert len(AnemoiSource(path=str(write_store(tmp_path / "fields.zarr"))).header.times) == 6


@carries_out("read it with the plugin `xarray`")
@pytest.mark.parametrize("kind", ["store", "file"])
def test_what_has_another_layout_is_left_to_xarray(tmp_path, kind):
    axes = {"time": DATES.astype("M8[ns]"), "latitude": [10.0, 0.0], "longitude": [0.0, 5.0]}
    dataset = xr.Dataset({"t": (tuple(axes), np.ones((6, 2, 2), "f4"))}, axes)
    path = tmp_path / "other"
    if kind == "store":
        dataset.to_zarr(path, zarr_format=2)
    else:
        dataset.to_netcdf(path)
    with pytest.raises(DataError, match="lacks the array `data`" if kind == "store" else "is a file"):
        AnemoiSource(path=str(path))
    assert XarraySource(path=str(path)).read(DATES, ["t"]).min() == 1


@carries_out("name one: {}")
def test_a_pattern_that_fits_several_stores_is_refused(tmp_path):
    for name in ("a", "b"):
        write_store(tmp_path / f"{name}.zarr")
    with pytest.raises(DataError, match="got 2") as caught:
        AnemoiSource(path=str(tmp_path / "*.zarr"))
    assert AnemoiSource(path=caught.value.fix.removeprefix("name one: ")).header.names


@carries_out("{}known: {}", "leave `variables` out, or choose among {}")
def test_variables_that_are_not_there_are_refused(tmp_path):
    path = str(write_store(tmp_path / "store.zarr"))
    with pytest.raises(DataError, match="`variables` names 't_805'") as caught:
        AnemoiSource(path=path, variables=["t_805"])
    assert "t_850" in caught.value.fix
    with pytest.raises(DataError, match="`variables` is empty"):
        AnemoiSource(path=path, variables=[])
    assert AnemoiSource(path=path, variables=["t_850"]).header.names == ("t_850",)


def test_a_codec_that_would_run_code_is_refused_before_anything_is_decoded(tmp_path):
    path = write_store(tmp_path / "store.zarr")
    metadata = path / "_build" / "flags" / ".zarray"
    metadata.write_text(metadata.read_text().replace('"filters": null', '"filters": [{"id": "pickle"}]'))
    with pytest.raises(DataError, match="names the codec 'pickle'"):
        AnemoiSource(path=str(path))
