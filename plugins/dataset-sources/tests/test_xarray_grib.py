"""GRIB files, written message by message with ecCodes."""

import io
import os
import sqlite3  # noqa: F401  # before eccodes, which would load an old one for all tests of the process
import subprocess
import sys
from pathlib import Path

import eccodes
import numpy as np
import pytest
from wxml.errors import DataError
from wxml_dataset_sources import xarray_source
from wxml_dataset_sources.xarray_source import XarraySource

ROWS, COLUMNS = 3, 4
LATITUDES, LONGITUDES = np.array([20.0, 10.0, 0.0]), np.array([10.0, 20.0, 30.0, 40.0])
# the value of a node tells its place: latitude + longitude / 1000
PLACES = LATITUDES[:, None] + LONGITUDES / 1000


def message(values: np.ndarray, **keys: object) -> bytes:
    """A GRIB2 message on 20–0°N, 10–40°E; values in the order in which they are stored."""
    handle = eccodes.codes_grib_new_from_samples("regular_ll_pl_grib2")
    grid = {
        "Ni": COLUMNS,
        "Nj": ROWS,
        "latitudeOfFirstGridPointInDegrees": 20.0,
        "latitudeOfLastGridPointInDegrees": 0.0,
        "longitudeOfFirstGridPointInDegrees": 10.0,
        "longitudeOfLastGridPointInDegrees": 40.0,
        "iDirectionIncrementInDegrees": 10.0,
        "jDirectionIncrementInDegrees": 10.0,
        "dataDate": 20200101,
        "dataTime": 0,
        "shortName": "t",
        "typeOfLevel": "isobaricInhPa",
        "level": 500,
        "bitsPerValue": 24,
    }
    for key, value in (grid | keys).items():
        eccodes.codes_set(handle, key, value)
    eccodes.codes_set_values(handle, np.asarray(values, np.float64).ravel())
    file = io.BytesIO(eccodes.codes_get_message(handle))
    eccodes.codes_release(handle)
    return file.getvalue()


def written(folder: Path, *messages: bytes) -> str:
    path = folder / "data.grib2"
    path.write_bytes(b"".join(messages))
    return str(path)


@pytest.mark.parametrize(
    ("keys", "stored"),
    [
        ({}, PLACES),
        (
            {
                "jScansPositively": 1,
                "latitudeOfFirstGridPointInDegrees": 0.0,
                "latitudeOfLastGridPointInDegrees": 20.0,
            },
            PLACES[::-1],
        ),
        (
            {
                "iScansNegatively": 1,
                "longitudeOfFirstGridPointInDegrees": 40.0,
                "longitudeOfLastGridPointInDegrees": 10.0,
            },
            PLACES[:, ::-1],
        ),
        ({"jPointsAreConsecutive": 1}, PLACES.T),
    ],
    ids=["usual", "northward", "westward", "columns first"],
)
def test_every_scanning_mode_puts_values_at_their_places(
    keys: dict[str, object], stored: np.ndarray, tmp_path: Path
) -> None:
    source = XarraySource(path=written(tmp_path, message(stored, **keys)))
    grid = source.header.grid
    assert grid.is_regular
    assert grid.shape == (ROWS, COLUMNS)
    values = source.read(source.header.times, ["t_500"])[0, 0, 0]
    np.testing.assert_allclose(values, grid.latitudes + grid.longitudes / 1000, atol=1e-5)


def test_rows_that_turn_at_each_end(tmp_path: Path) -> None:
    stored = PLACES.copy()
    stored[1] = stored[1, ::-1]
    source = XarraySource(path=written(tmp_path, message(stored, alternativeRowScanning=1)))
    np.testing.assert_allclose(source.read(source.header.times, ["t_500"]).ravel(), PLACES.ravel(), atol=1e-5)


def test_longitudes_across_greenwich_are_one_area(tmp_path: Path) -> None:
    keys = {"longitudeOfFirstGridPointInDegrees": 350.0, "longitudeOfLastGridPointInDegrees": 20.0}
    grid = XarraySource(path=written(tmp_path, message(PLACES, **keys))).header.grid
    np.testing.assert_allclose(grid.longitudes[:4], [350, 0, 10, 20])
    np.testing.assert_allclose(grid.area_weights.reshape(3, 4)[0], grid.area_weights[0])  # all as wide


@pytest.mark.parametrize("limit", [xarray_source.KEPT_IN_MEMORY, 0], ids=["in memory", "from disk"])
def test_messages_are_sorted_by_level_member_and_time(
    limit: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xarray_source, "KEPT_IN_MEMORY", limit)
    parts = [
        message(
            PLACES + 1000 * step + 100 * number + level,
            productDefinitionTemplateNumber=1,
            number=number,
            numberOfForecastsInEnsemble=2,
            level=level,
            step=step,
        )
        for step in (12, 0, 6)
        for number in (1, 0)
        for level in (850, 500)
        if (step, number, level) != (6, 1, 850)  # one message is missing
    ]
    source = XarraySource(path=written(tmp_path, *parts))
    assert source.header.members == 2
    assert source.header.names == ("t_500", "t_850")
    assert source.header.times.astype(str).tolist() == [
        "2020-01-01T00:00:00",
        "2020-01-01T06:00:00",
        "2020-01-01T12:00:00",
    ]
    values = source.read(source.header.times[[2, 1]], ["t_850", "t_500"])
    steps = np.array([12, 6]).reshape(2, 1, 1, 1)
    expected = PLACES.ravel() + 1000 * steps + 100 * np.arange(2).reshape(1, 2, 1, 1)
    expected = expected + np.array([850, 500]).reshape(1, 1, 2, 1)
    expected[1, 1, 0] = np.nan
    np.testing.assert_allclose(values, expected, rtol=2e-6)


def test_missing_values_are_nan(tmp_path: Path) -> None:
    values = PLACES.copy()
    values[1, 2] = 9999.0
    source = XarraySource(path=written(tmp_path, message(values, bitmapPresent=1, missingValue=9999)))
    assert np.flatnonzero(np.isnan(source.read(source.header.times, ["t_500"]))).tolist() == [6]


def test_names_that_meet_are_refused_and_a_filter_helps(tmp_path: Path) -> None:
    surface = message(PLACES, typeOfLevel="surface")
    tropopause = message(PLACES + 5, typeOfLevel="tropopause")
    path = written(tmp_path, surface, tropopause)
    with pytest.raises(DataError, match=r"'t' is there twice .*`t` \(surface, instant\).* `t` \(tropopause, instant\)"):
        XarraySource(path=path)
    source = XarraySource(path=path, grib_filter={"typeOfLevel": "tropopause"})
    np.testing.assert_allclose(source.read(source.header.times, ["t"]).ravel(), PLACES.ravel() + 5, rtol=1e-6)


@pytest.mark.carries_out(
    "choose one with `lead_time`, `initial_time` or `grib_filter` (by stepRange), or leave it out with `variables`"
)
def test_several_forecasts_for_one_time_are_refused_and_a_filter_helps(tmp_path: Path) -> None:
    path = written(tmp_path, message(PLACES, dataTime=0, step=12), message(PLACES, dataTime=1200, step=0))
    with pytest.raises(
        DataError, match=r"`t` \(isobaricInhPa, instant\) at level 500 is there twice for 2020-01-01T12"
    ):
        XarraySource(path=path)
    assert XarraySource(path=path, grib_filter={"dataTime": 1200}).header.times.size == 1
    assert XarraySource(path=path, grib_filter={"step": 12}).header.times.size == 1


@pytest.mark.carries_out("in this file {}")
def test_a_filter_that_nothing_passes_says_what_is_there(tmp_path: Path) -> None:
    path = written(tmp_path, message(PLACES), message(PLACES, level=850))
    with pytest.raises(DataError, match=r"no message of .* has \{'level': 700\}.*\n.*level is one of \[500, 850\]"):
        XarraySource(path=path, grib_filter={"level": 700})
    assert XarraySource(path=path, grib_filter={"level": 850}).header.names == ("t_850",)


def test_a_file_of_which_nothing_passes_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for level in (500, 850, 925):
        (tmp_path / f"{level}.grib2").write_bytes(message(PLACES, level=level))
    source = XarraySource(path=str(tmp_path / "*.grib2"), grib_filter={"level": 850})
    assert source.header.names == ("t_850",)
    assert f"no message of `{tmp_path / '500.grib2'}` and 1 more has {{'level': 850}}" in caplog.text
    with pytest.raises(DataError, match=r"`.*500.grib2` and 2 more has .*\n.*level is one of \[500\]"):
        XarraySource(path=str(tmp_path / "*.grib2"), grib_filter={"level": 700})


def test_a_single_height_does_not_show_in_the_name(tmp_path: Path) -> None:
    low = message(PLACES, shortName="2t", typeOfLevel="heightAboveGround", level=2)
    heights = [message(PLACES, shortName="pres", typeOfLevel="heightAboveGround", level=level) for level in (20, 100)]
    assert XarraySource(path=written(tmp_path, low, *heights)).header.names == ("t2m", "pres_20", "pres_100")


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    whole = message(PLACES) + message(PLACES, level=850)
    (tmp_path / "cut.grib").write_bytes(whole[:-10])
    with pytest.raises(DataError, match=r"cut.grib` cannot be read as grib"):
        XarraySource(path=str(tmp_path / "cut.grib"))
    (tmp_path / "text.grib").write_text("no message in here")
    with pytest.raises(DataError, match=r"text.grib` cannot be read as grib"):
        XarraySource(path=str(tmp_path / "text.grib"))


@pytest.mark.carries_out("the file is damaged or has changed: fetch or write it again")
def test_a_file_that_shrinks_later_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, message(PLACES), message(PLACES, level=850))
    source = XarraySource(path=path)
    before = os.stat(path)
    Path(path).write_bytes(message(PLACES)[:60])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(DataError, match=r"a message of `.*data.grib2` cannot be read"):
        source.read(source.header.times, ["t_850"])
    written(tmp_path, message(PLACES), message(PLACES, level=850))
    source = XarraySource(path=path)
    np.testing.assert_allclose(source.read(source.header.times, ["t_850"]).ravel(), PLACES.ravel(), atol=1e-5)


@pytest.mark.carries_out("bring it onto a grid first (spherical harmonics, for example, with `cdo sp2gpl`)")
def test_spherical_harmonics_have_no_places(tmp_path: Path) -> None:
    handle = eccodes.codes_grib_new_from_samples("sh_pl_grib2")
    coefficients = eccodes.codes_get_values(handle)
    coefficients[:] = 0
    coefficients[0] = 280  # the harmonic that is 1 everywhere
    eccodes.codes_set_values(handle, coefficients)
    (tmp_path / "sh.grib").write_bytes(eccodes.codes_get_message(handle))
    eccodes.codes_release(handle)
    with pytest.raises(DataError, match="'sh' has no latitudes and longitudes"):
        XarraySource(path=str(tmp_path / "sh.grib"))
    source = XarraySource(path=written(tmp_path, message(np.full((ROWS, COLUMNS), 280.0))))  # as `cdo sp2gpl` does
    np.testing.assert_allclose(source.read(source.header.times, ["t_500"]), 280, rtol=1e-6)


def test_nothing_is_printed_and_no_index_is_left(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    source = XarraySource(path=written(tmp_path, message(PLACES)))
    source.read(source.header.times, source.header.names)
    assert capfd.readouterr().out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["data.grib2"]


def test_the_sqlite_of_eccodes_does_not_take_the_place_of_pythons() -> None:
    """Reading GRIB must not change what others in the process find: MLflow refuses the old SQLite of eccodes."""
    reader = "import wxml_dataset_sources.xarray_reading.grib;"
    code = "import sqlite3; print(sqlite3.sqlite_version)"
    versions = [
        subprocess.run([sys.executable, "-c", before + code], capture_output=True, text=True, check=True).stdout
        for before in ("", reader)
    ]
    assert versions[0] == versions[1]


@pytest.mark.carries_out("install the extra `grib` of wxml-dataset-sources")
def test_without_the_libraries_the_sentence_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, message(PLACES))
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "wxml_dataset_sources.xarray_reading.grib", None)
        with pytest.raises(
            DataError, match=r"data.grib2` is GRIB, which is read with cfgrib and ecCodes, and these are"
        ):
            XarraySource(path=path)
    assert XarraySource(path=path).header.names == ("t_500",)
