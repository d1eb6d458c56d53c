"""The source on real files of many makers: what it reads, and what it says about what it cannot read."""

import os
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from wxml.data.sphere import gauss_legendre
from wxml.errors import DataError
from wxml_dataset_sources.xarray_source import XarraySource

SHARED = Path(os.environ.get("WXML_SHARED_DATA") or Path(__file__).resolve().parents[4] / "shared" / "data")


@dataclass(frozen=True)
class DataSet:
    """What is known about a data set from its description."""

    path: str | list[str]
    times: int
    first: str
    last: str
    shape: tuple[int, ...]
    variables: int
    check: str  # a variable, and the values that it must lie within
    within: tuple[float, float]
    members: int = 1
    missing: float = 0.0  # the share of missing values of `check`
    is_global: bool = False
    options: dict[str, Any] = field(default_factory=dict)


T = "T00:00:00"
STORM = {"U500storm.cdf:u": "u_500", "V500storm.cdf:v": "v_500"}
T63 = ["echam5-global-6h/*.nc", "static-fields/orog_mod1*.nc", "static-fields/sftlf_mod1*.nc"]
ARPEGE_2M = "meteonet-nw/arpege_2m_NW_20180501000000.grib"
GFS = "gfs-2p5deg-full/gfs.t12z.pgrbf120.2p5deg.grib2"
PRESSURE = {"grib_filter": {"typeOfLevel": "isobaricInhPa"}}

SETS = {
    "gfs-1deg-wind": DataSet(
        "gfs-1deg-wind/gfs.*", 40, "2018-10-06T18:00:00", "2018-10-16T18:00:00", (181, 360), 2,
        "u10", (-60, 60), is_global=True
    ),
    "ncep-air-namerica": DataSet(
        "ncep-air-namerica/air_temperature.zarr", 2920, f"2013-01-01{T}",
        "2014-12-31T18:00:00", (25, 53), 1, "air", (220, 320)
    ),
    "ncep-storm-1996": DataSet(
        "ncep-storm-1996/*storm.cdf", 64, f"1996-01-05{T}", "1996-01-20T18:00:00", (33, 36), 6, "u_500", (-80, 100),
        missing=224 / 1188, options={"rename": STORM},
    ),
    "echam5-global-6h with static T63": DataSet(
        T63, 40, f"2001-01-01{T}", "2001-01-10T18:00:00", (96, 192), 4, "tsurf", (190, 340), is_global=True
    ),
    "era5-uk-t2m": DataSet(
        "era5-uk-t2m/*.grib", 744, f"2019-03-01{T}", "2019-03-31T23:00:00", (33, 49), 1, "t2m", (260, 300)
    ),
    "era5-davos": DataSet(
        "era5-davos/*.nc", 744, f"2020-01-01{T}", "2020-01-31T23:00:00", (4, 5), 6 * 6 + 11, "t_500", (230, 270)
    ),
    "era5-finse": DataSet(
        "era5-finse/*.nc", 744 + 720, f"2018-10-01{T}", "2018-11-30T23:00:00", (7, 10), 11, "t2m", (250, 295)
    ),
    "era5-aachen": DataSet(
        "era5-aachen/*.nc", 140, f"2015-01-01{T}", "2015-01-06T19:00:00", (13, 11), 9, "wd10", (0, 360)
    ),
    "ecmwf-us-sfc": DataSet(
        "ecmwf-us-sfc/*.nc", 25, "2018-01-02T06:00:00", "2018-01-03T06:00:00", (121, 86), 3, "d2m", (220, 300)
    ),
    "ncep-r2-catarina": DataSet(
        "ncep-r2-catarina/*.nc", 36, f"2004-03-21{T}", "2004-03-29T18:00:00", (7, 8), 5 * 17 + 1,
        "TMP_2_ISBL_500", (250, 280)
    ),
    "meteonet-nw surface": DataSet(
        "meteonet-nw/arpege_[2P]*.grib", 25, f"2018-05-01{T}", f"2018-05-02{T}", (58, 80), 5, "t2m", (265, 305)
    ),
    "meteonet-nw precipitation": DataSet(
        "meteonet-nw/arpege_*.grib", 25, f"2018-05-01{T}", f"2018-05-02{T}", (58, 80), 16,
        "tp", (-1, 200), missing=1 / 25
    ),
    "meteonet-nw heights": DataSet(
        "meteonet-nw/arpege_3D*.grib", 17, f"2018-05-01{T}", f"2018-05-02{T}", (58, 80), 7, "pres_100", (9e4, 1.05e5)
    ),
    "era5-ens-global": DataSet(
        "era5-ens-global/*.grib", 4, f"2017-01-01{T}", "2017-01-02T12:00:00", (61, 120), 4, "t_850", (220, 310),
        members=10, is_global=True,
    ),
    "era5-global-tl31": DataSet(
        "era5-global-tl31/*.nc", 1, f"1959-01-02{T}", f"1959-01-02{T}", (32, 64), 7 * 37 + 2,
        "temperature_500", (220, 280),
        is_global=True,
    ),
    "gfs-2p5deg-full levels": DataSet(
        GFS, 1, "2011-01-15T12:00:00", "2011-01-15T12:00:00", (73, 144), 26 * 3, "v_500", (-90, 90),
        is_global=True, options=PRESSURE | {"variables": ["t", "u", "v"]},
    ),
    "gfs-2p5deg-full chosen": DataSet(
        GFS, 1, "2011-01-15T12:00:00", "2011-01-15T12:00:00", (73, 144), 4, "orog", (-500, 6500),
        is_global=True, options={"variables": ["t2m", "orog", "lsm", "gh_500"]},
    ),
    "multi_param_on_multi_dims": DataSet(
        "grib-samples/multi*.grib", 4, "2018-04-04T12:00:00", f"2018-04-06{T}", (37, 72), 12,
        "t_850", (220, 310), is_global=True
    ),
    "nam (Lambert)": DataSet(
        "grib-samples/nam*.grib2", 1, f"2018-09-17{T}", f"2018-09-17{T}", (65, 93), 19 * 2, "t_500", (230, 280),
        options=PRESSURE | {"variables": ["t", "gh"]},
    ),
    "step_60m": DataSet(
        "grib-samples/step_60m.grib", 73, f"2024-01-15{T}", f"2024-01-18{T}", (3, 3), 1, "t2m", (-5, 5), missing=1 / 3
    ),
    "reduced_gg": DataSet(
        "grib-samples/reduced_gg.grib", 1, "2017-10-18T12:00:00", "2017-10-18T12:00:00", (13280,), 1, "u10", (-40, 40),
        is_global=True,
    ),
    "regular_gg_ml": DataSet(
        "grib-samples/regular_gg*.grib", 1, f"2018-04-06{T}", f"2018-04-06{T}", (160, 320), 3,
        "t_101", (200, 320), is_global=True
    ),
    "lambert_grid": DataSet(
        "grib-samples/lambert*.grib", 1, "1990-01-25T18:00:00", "1990-01-25T18:00:00", (475, 475), 1,
        "nlwrs", (-1e7, 1e6)
    ),
    "hpa_and_pa": DataSet(
        "grib-samples/hpa_and_pa.grib", 1, f"2017-09-27{T}", f"2017-09-27{T}", (37, 72), 3,
        "t_0.1", (200, 300), is_global=True
    ),
    "safrica (polar stereographic)": DataSet(
        "grib-samples/safrica.grib2", 25, "2010-03-08T12:00:00", "2010-03-11T12:00:00", (140, 210), 3,
        "btmp", (180, 350)
    ),
    "static-fields 0.44°": DataSet(
        "static-fields/*regional*.nc", 1, "2100-12-01T00:00:00", "2100-12-01T00:00:00", (221, 214), 2, "FR_LAND", (0, 1)
    ),
}  # fmt: skip


def shared(path: str) -> str:
    """A path or pattern among the shared data; skips the test where nothing is there."""
    if not list(SHARED.glob(path)):
        pytest.skip(f"real data are not here: {SHARED / path}")
    return str(SHARED / path)


@cache
def opened(name: str) -> XarraySource:
    known = SETS[name]
    paths = [shared(path) for path in ([known.path] if isinstance(known.path, str) else known.path)]
    return XarraySource(path=paths, **known.options)


@pytest.mark.parametrize("name", SETS)
def test_a_data_set_is_what_its_description_says(name: str) -> None:
    known, source = SETS[name], opened(name)
    header = source.header
    assert (len(header.times), str(header.times[0]), str(header.times[-1])) == (known.times, known.first, known.last)
    assert (header.grid.shape, len(header.names), header.members) == (known.shape, known.variables, known.members)
    assert header.grid.is_global == known.is_global
    assert header.grid.area_weights.min() > 0
    values = source.read(header.times, [known.check])
    assert np.isnan(values).mean() == pytest.approx(known.missing, abs=0.02)
    assert known.within[0] <= np.nanmin(values) < np.nanmax(values) <= known.within[1]


def test_the_gap_of_the_gfs_analyses() -> None:
    steps = np.asarray(np.diff(opened("gfs-1deg-wind").header.times) / np.timedelta64(1, "h"))
    assert sorted(set(steps.tolist())) == [6, 12]
    assert opened("gfs-1deg-wind").header.times[np.argmax(steps)] == np.datetime64("2018-10-10T12")


def test_missing_steps_of_the_storm() -> None:
    source = opened("ncep-storm-1996")
    missing = np.asarray(np.isnan(source.read(source.header.times, ["v", "v_500", "t"])).all(axis=(1, 3)))
    assert [np.flatnonzero(missing[:, i]).tolist() for i in range(3)] == [[17, 37], [36], [17]]


def test_gaussian_grids_have_gaussian_weights() -> None:
    for name, rows in [("era5-global-tl31", 32), ("reduced_gg", 96), ("regular_gg_ml", 160)]:
        grid = opened(name).header.grid
        nodes, weights = gauss_legendre(rows)
        for node, weight in zip(nodes[:3], weights[:3], strict=True):
            row = np.abs(grid.latitudes - node) < 1e-3
            assert grid.area_weights[row].sum() == pytest.approx(weight / 2, rel=1e-5)


def test_longitude_before_latitude_comes_out_right() -> None:
    source = opened("era5-global-tl31")
    tropics = np.abs(source.header.grid.latitudes) < 10
    temperature = source.read(source.header.times, ["temperature_1000"])[0, 0, 0]
    assert temperature[tropics].mean() > 295 > 270 > temperature[source.header.grid.latitudes > 70].mean()


def test_orography_in_another_node_order_lies_where_mountains_are() -> None:
    source = opened("echam5-global-6h with static T63")
    orography = source.read(source.header.times[:1], ["orog"])[0, 0, 0]
    grid = source.header.grid
    highest = int(np.argmax(orography))
    assert 27 < grid.latitudes[highest] < 40
    assert 70 < grid.longitudes[highest] < 105  # Tibet
    cold = source.read(source.header.times[:1], ["tsurf"])[0, 0, 0]
    assert np.corrcoef(orography, cold)[0, 1] < -0.2


def test_values_are_those_of_the_messages() -> None:
    import cfgrib

    path = shared(ARPEGE_2M)
    source = XarraySource(path=path)
    for _, message in islice(iter(cfgrib.FileStream(path).items()), 0, None, 17):
        time = np.datetime64("2018-05-01T00", "s") + np.timedelta64(int(message["endStep"]), "h")
        values = source.read([time], [message["cfVarName"]])[0, 0, 0]
        np.testing.assert_array_equal(values, np.asarray(message["values"], np.float32))


@pytest.mark.parametrize(
    ("path", "message", "fix"),
    [
        ("ncep-storm-1996/contour.cdf", "`frtime` holds lead times, but no start date", "initial_time"),
        ("ncep-storm-1996/*storm.cdf", "'u' is there twice for 1996-01-05T00: as `u` in `.*U500storm", "rename"),
        (GFS, "is there twice for 2011-01-15T12", "grib_filter"),
        ("grib-samples/nam.t00z.awp21100.tm00.grib2", "is there twice for 2018-09-17T00", "typeOfLevel"),
        ("meteonet-nw/NW_masks.grib", "no time is in `lsm`", "add a file with times"),
        ("static-fields/landsea.nc", "no time is in `LSMASK`", "add a file with times"),
        ("static-fields/orog_mod1_rectilinear_grid_2D.nc", "no time is in `orog`", "add a file with times"),
        ("point-series/geps_watershed.nc", "no latitude and longitude were found", "place"),
        ("point-series/tas_pr_LSJ_20140520-20180615.nc", "no latitude and longitude were found", "place"),
        ("stations-nyc-2013/weather.csv", "is a file of unknown format", "NetCDF"),
        ("stations-metar-2020/2020-01.parquet", "is a file of unknown format", "NetCDF"),
        ("echam5-global-6h", "folder that is no zarr store", r"'folder/\*.nc'"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_way_out(path: str, message: str, fix: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        XarraySource(path=shared(path))
    assert caught.match(fix)


def test_a_grid_that_differs_is_refused() -> None:
    paths = [shared("meteonet-nw/arpege_2m*"), shared("meteonet-nw/NW_masks.grib")]
    with pytest.raises(DataError, match=r"58 × 80 nodes from .* and 227 × 315 nodes from"):
        XarraySource(path=paths)


@pytest.mark.parametrize(
    ("path", "stated"),
    [
        (
            "era5-ens-global/era5-levels-members.grib",
            {"z_500": ("isobaric", "paramId=129"), "t_850": ("isobaric", "paramId=130")},
        ),
        (ARPEGE_2M, {"t2m": ("heightAboveGround", "paramId=167")}),
        ("era5-uk-t2m/era5-2mt-2019-03-uk.grib", {"t2m": ("surface", "paramId=167")}),
        ("grib-samples/regular_gg_ml_g2.grib", {"t_51": ("hybrid", "paramId=130")}),
        ("grib-samples/hpa_and_pa.grib", {"t_1": ("isobaric", "paramId=130"), "t_0.01": ("isobaric", "paramId=130")}),
    ],
)
def test_a_message_states_the_type_of_its_level_and_its_parameter(
    path: str, stated: dict[str, tuple[str, str]]
) -> None:
    if not (SHARED / path).exists():
        pytest.skip(f"no {path} in {SHARED}")
    found = {v.name: (v.level_type, v.grib) for v in XarraySource(path=str(SHARED / path)).header.variables}
    assert {name: found[name] for name in stated} == stated
