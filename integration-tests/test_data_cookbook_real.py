"""Each example of "Real files, one by one" in the cookbook gives what xarray, ecCodes and pandas give directly."""

import importlib.util
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import KDTree
from wxml import DataSource, Grid, create
from wxml.data.times import format_time
from wxml.files.yaml_loader import load_yaml

spec = importlib.util.spec_from_file_location("real_files", Path(__file__).with_name("real_files.py"))
real_files = importlib.util.module_from_spec(spec)
sys.modules["real_files"] = real_files  # dataclasses look there
spec.loader.exec_module(real_files)
Arrays, Messages, Steps, Tables, Truth = (
    getattr(real_files, name) for name in ("Arrays", "Messages", "Steps", "Tables", "Truth")
)

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("WXML_SHARED_DATA") or ROOT.parent / "shared" / "data")
SECTION = (ROOT / "docs" / "data-cookbook.md").read_text("utf-8").partition("## Real files, one by one")[2]
EXAMPLES = re.findall(r"^```yaml\n(source:.*?)^```\n\n> (.*?)$", SECTION, re.DOTALL | re.MULTILINE)
GFS = "gfs-2p5deg-full/*.grib2"
ARPEGE = "meteonet-nw/arpege_{}_NW_*.grib"
NCL = {"time": "initial_time0_hours", "level": "lv_ISBL3", "latitude": "lat_2", "longitude": "lon_2"}
LAT_LON = {"latitude": "lat", "longitude": "lon"}
METAR = {"temperature": "K", "seaLevelPress": "Pa"}
STORM = {"U500storm.cdf:u": "u_500", "V500storm.cdf:v": "v_500"}

TRUTHS: list[Sequence[Any]] = [
    [Messages("era5-uk-t2m/*.grib")],
    [Arrays("era5-davos/*.nc", level="level")],
    [Arrays("era5-finse/*.nc")],
    [Arrays("era5-aachen/*.nc")],
    [Messages("era5-ens-global/*.grib")],
    [
        Arrays(
            "era5-global-tl31/*.nc",
            level="level",
            variables=["temperature", "u_component_of_wind", "sea_surface_temperature"],
            levels=[500, 850],
        )
    ],
    [Arrays("ecmwf-us-sfc/*.nc")],
    [Messages("gfs-1deg-wind/gfs.*")],
    [
        Messages(
            GFS,
            {
                "typeOfLevel": ("isobaricInhPa",),
                "cfVarName": ("t", "u", "v", "gh", "r", "w"),
                "level": (1000, 850, 500, 250),
            },
        ),
        Messages(GFS, {"typeOfLevel": ("heightAboveGround",), "cfVarName": ("t2m", "u10", "v10")}),
        Messages(GFS, {"typeOfLevel": ("surface",), "cfVarName": ("orog", "lsm", "sp")}),
    ],
    [Arrays("ncep-air-namerica/*.zarr", **LAT_LON)],
    [Arrays("ncep-storm-1996/*storm.cdf", time="timestep", start="1996-01-05", rename=STORM, **LAT_LON)],
    [Arrays("ncep-storm-1996/contour.cdf", time="frtime", level="level", start="1996-01-05", **LAT_LON)],
    [Arrays("ncep-r2-catarina/*.nc", **NCL)],
    [Arrays("echam5-global-6h/*.nc", **LAT_LON), Arrays("static-fields/*_mod1*.nc", time=None, **LAT_LON)],
    [Messages(ARPEGE.format(name)) for name in ("2m", "10m", "P_sea_level")],
    [Steps(Messages(ARPEGE.format("PRECIP")))],
    [Messages(ARPEGE.format("3D_height"))],
    [Messages("meteonet-nw/NW_masks.grib")],
    [Arrays("static-fields/landsea.nc", time=None, **LAT_LON)],
    [Arrays("static-fields/*_mod1*.nc", time=None, **LAT_LON)],
    [Arrays("static-fields/*regional*.nc", **LAT_LON)],
    [Messages("grib-samples/multi*.grib")],
    [
        Messages(
            "grib-samples/nam*.grib2",
            {"typeOfLevel": ("isobaricInhPa",), "cfVarName": ("t", "gh", "u", "v")},
        )
    ],
    [Messages("grib-samples/lambert*.grib")],
    [Messages("grib-samples/safrica.grib2")],
    [Messages("grib-samples/reduced_gg.grib")],
    [Messages("grib-samples/regular_gg_ml_g2.grib")],
    [Messages("grib-samples/hpa_and_pa.grib")],
    [Messages("grib-samples/step_60m.grib")],
    [
        Tables(
            "stations-nyc-2013/weather.csv",
            "origin",
            "time_hour",
            {"temp": "degF", "dewp": "degF", "pressure": "hPa"},
            "airports.csv",
        )
    ],
    [Tables("stations-metar-2020/2020-01.parquet", "stationName", "timeNominal", METAR)],
    [Arrays("point-series/tas*.nc", place=(48.2, -74.1))],
    [Arrays("point-series/geps*.nc", member="member", place=(46.9, -73.6), is_running=True)],
]
"""The fields of each example, in the order of the page."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The files that the page names, and a cache that keeps the headers of GRIB."""
    if not SHARED.is_dir():
        pytest.skip(f"real data are not here: {SHARED}")
    folder = tmp_path_factory.mktemp("real")
    for each in SHARED.iterdir():
        if each.is_dir():
            (folder / each.name).symlink_to(each)
    places = "station,latitude,longitude\nEWR,40.69,-74.17\nJFK,40.64,-73.78\nLGA,40.78,-73.87\n"
    (folder / "airports.csv").write_text(places, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("WXML_CACHE", str(folder / "cache"))
        yield folder


def summary(source: DataSource) -> str:
    """What the page says of a source; of many names the first three and the last."""
    header = source.header
    names = ", ".join(header.names)
    if len(header.names) > 12:
        names = f"{', '.join(header.names[:3])} … {header.names[-1]} ({len(header.names)})"
    counts = [
        f"{count} {what}{'s' * (count > 1)}"
        for count, what in ((len(header.times), "time"), (header.members, "member"), (len(header.grid), "node"))
    ]
    period = f"from {format_time(header.times[0])} to {format_time(header.times[-1])}"
    return f"{names} · {counts[0]} {period} · {counts[1]} · {counts[2]}"


def order(grid: Grid, truth: Truth) -> NDArray[np.intp]:
    """The position of each node of the grid among the places of the truth; they are the same places."""
    points, wanted = (_on_sphere(each.latitudes, each.longitudes) for each in (truth, grid))
    distances, places = KDTree(points).query(wanted)
    assert len(points) == len(wanted)
    assert distances.max() < 1e-5  # about 60 m
    assert len(np.unique(places)) == len(places)
    return places


def _on_sphere(latitudes: NDArray[np.float64], longitudes: NDArray[np.float64]) -> NDArray[np.float64]:
    north, east = np.radians(latitudes), np.radians(longitudes)
    return np.stack([np.cos(north) * np.cos(east), np.cos(north) * np.sin(east), np.sin(north)], axis=-1)


def check(source: DataSource, truth: Truth, known: dict[tuple[float, ...], NDArray[np.intp]]) -> None:
    """Compare one field."""
    variable = source.header.variables[source.header.names.index(truth.name)]
    if truth.units is not None:
        assert variable.units == truth.units
    time = source.header.times[len(source.header.times) // 2] if truth.time is None else truth.time
    assert time in source.header.times
    if truth.values is None:
        return
    key = (len(truth.latitudes), truth.latitudes[0], truth.longitudes[0], truth.latitudes[-1])
    if key not in known:
        known[key] = order(source.header.grid, truth)
    found = source.read([time], [truth.name])[0, truth.member, 0]
    wanted = truth.values[known[key]].astype(np.float32)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(wanted))
    np.testing.assert_allclose(
        found, wanted, rtol=3e-7, atol=1e-5 * float(np.nanmax(np.abs(wanted), initial=0)) + 1e-12
    )


def test_every_example_has_a_truth() -> None:
    assert len(EXAMPLES) == len(re.findall(r"^```yaml$", SECTION, re.MULTILINE)) == len(TRUTHS)


@pytest.mark.parametrize("number", range(len(TRUTHS)))
def test_a_real_file_gives_what_others_read_in_it(number: int, folder: Path) -> None:
    example, says = EXAMPLES[number]
    if ".parquet" in example:
        pytest.importorskip("pyarrow")
    options = load_yaml(example, "data-cookbook.md").plain()["source"]
    source = create("data-source", options.pop("plugin"), options, where="data.source")
    assert summary(source) == says
    truths = [truth for each in TRUTHS[number] for truth in each.fields(folder)]
    known: dict[tuple[float, ...], NDArray[np.intp]] = {}
    for truth in truths:
        check(source, truth, known)
    assert len(truths) > 0
    timed = {truth.time for truth in truths if truth.time is not None}
    if "Messages" in repr(TRUTHS[number]) and timed:
        assert sorted(timed) == source.header.times.tolist() or timed == set(source.header.times)
