"""Only what is asked for is judged: other fields of a file may be twice, on another grid, in units of any kind."""

import sqlite3  # noqa: F401  # before eccodes, which would load an old one for all tests of the process
from pathlib import Path
from typing import Any

import eccodes
import numpy as np
import pytest
import xarray as xr
from wxml import PluginChoice
from wxml.config.opened_source import open_source
from wxml.errors import DataError
from wxml_dataset_sources.xarray_source import XarraySource

SHARED = Path(__file__).parents[4] / "shared" / "data"
GFS = SHARED / "gfs-2p5deg-full" / "gfs.t12z.pgrbf120.2p5deg.grib2"
NAM = SHARED / "grib-samples" / "nam.t00z.awp21100.tm00.grib2"
real = pytest.mark.skipif(not GFS.exists(), reason=f"{SHARED} with the real data is not there")


def choice(path: Path, **options: Any) -> PluginChoice:
    return PluginChoice.model_validate({"plugin": "xarray", "path": str(path), **options})


@real
@pytest.mark.parametrize("path", [GFS, NAM], ids=["gfs", "nam"])
def test_a_file_that_is_refused_as_a_whole_gives_what_is_asked_for(path: Path) -> None:
    """Both hold fields twice that have one name; the winds and a temperature are the ones that ecCodes finds."""
    with pytest.raises(DataError, match="is there twice"):
        open_source(choice(path))
    source = open_source(choice(path), ["u10", "v10", "t_850", "cos_latitude"])
    assert set(source.header.names) == {"u10", "v10", "t_850"}
    expected = fields(path, {("10u", 10): "u10", ("10v", 10): "v10", ("t", 850): "t_850"})
    for name in source.header.names:
        np.testing.assert_allclose(source.read(source.header.times, [name])[0, 0, 0], expected[name], rtol=1e-6)


def fields(path: Path, names: dict[tuple[str, int], str]) -> dict[str, np.ndarray]:
    found = {}
    eccodes.codes_grib_multi_support_on()
    try:
        with path.open("rb") as file:
            while (handle := eccodes.codes_grib_new_from_file(file)) is not None:
                key = eccodes.codes_get(handle, "shortName"), eccodes.codes_get(handle, "level")
                if key in names and eccodes.codes_get(handle, "typeOfLevel") in ("isobaricInhPa", "heightAboveGround"):
                    found[names[key]] = eccodes.codes_get_values(handle)
                eccodes.codes_release(handle)
    finally:
        eccodes.codes_grib_multi_support_off()
    return found


def test_an_unknown_message_does_not_refuse_the_winds(tmp_path: Path) -> None:
    """Two messages of a parameter without a name, at one time and level, stand before those of the winds."""
    path = tmp_path / "a.grib2"
    with path.open("wb") as file:
        for name in ("?", "?", "10u", "10v"):
            handle = eccodes.codes_grib_new_from_samples("regular_ll_sfc_grib2")
            keys = {"discipline": 0, "parameterCategory": 191, "parameterNumber": 200}
            for key, value in (keys if name == "?" else {"shortName": name}).items():
                eccodes.codes_set(handle, key, value)
            eccodes.codes_write(handle, file)
            eccodes.codes_release(handle)
    with pytest.raises(DataError, match=r"`unknown` .* is there twice"):
        open_source(choice(path))
    assert open_source(choice(path), ["u10", "v10"]).header.names == ("u10", "v10")


def test_what_is_asked_for_is_judged(tmp_path: Path) -> None:
    path = tmp_path / "a.grib2"
    with path.open("wb") as file:
        for name in ("10u", "10u", "10v"):
            handle = eccodes.codes_grib_new_from_samples("regular_ll_sfc_grib2")
            eccodes.codes_set(handle, "shortName", name)
            eccodes.codes_write(handle, file)
            eccodes.codes_release(handle)
    with pytest.raises(DataError, match=r"`u10` .* is there twice"):
        open_source(choice(path), ["u10", "v10"])
    assert open_source(choice(path), ["v10"]).header.names == ("v10",)


def world(times: list[str], **fields: tuple[int, int]) -> xr.Dataset:
    axes = {}
    data = {}
    for name, (rows, columns) in fields.items():
        lat, lon = f"lat{rows}", f"lon{columns}"
        axes[lat] = (lat, np.linspace(60, 40, rows), {"units": "degrees_north"})
        axes[lon] = (lon, np.linspace(0, 20, columns), {"units": "degrees_east"})
        data[name] = (("time", lat, lon), np.random.default_rng(0).normal(size=(len(times), rows, columns)))
    return xr.Dataset(data, {"time": np.array(times, "datetime64[ns]"), **axes})


def test_another_grid_and_other_times_beside_it(tmp_path: Path) -> None:
    """A field on a coarser grid refuses the file, and one at more times leaves holes, unless nobody asks for them."""
    world(["2020-01-01", "2020-01-02"], t=(3, 4)).to_netcdf(tmp_path / "a.nc")
    world(["2020-01-01", "2020-01-02", "2020-01-03"], coarse=(2, 2)).to_netcdf(tmp_path / "b.nc")
    everything = choice(tmp_path / "*.nc")
    with pytest.raises(DataError):
        open_source(everything)
    source = open_source(everything, ["t"])
    assert source.header.times.astype(str).tolist() == ["2020-01-01T00:00:00", "2020-01-02T00:00:00"]
    assert np.isfinite(source.read(source.header.times, ["t"])).all()


def test_a_name_that_is_not_there_is_told_with_all_names(tmp_path: Path) -> None:
    """Else the hint would know the other variables that are asked for alone."""
    world(["2020-01-01"], t2m=(3, 4), msl=(3, 4)).to_netcdf(tmp_path / "a.nc")
    source = open_source(choice(tmp_path / "a.nc"), ["t2n"])
    assert source.header.names == ("t2m", "msl")
    assert open_source(choice(tmp_path / "a.nc"), ["msl", "t2n"]).header.names == ("t2m", "msl")


def test_options_of_the_source_come_first(tmp_path: Path) -> None:
    world(["2020-01-01"], t2m=(3, 4), msl=(3, 4)).to_netcdf(tmp_path / "a.nc")
    source = open_source(choice(tmp_path / "a.nc", variables=["t2m", "msl"]), ["msl"])
    assert source.header.names == ("t2m", "msl")


@pytest.mark.parametrize("combination", ["join", "concat", "merge"])
def test_combinations_of_sources_with_the_same_names_hand_them_on(tmp_path: Path, combination: str) -> None:
    second = ["2020-01-01"] if combination == "join" else ["2020-01-02"]
    names = ("t", "q") if combination == "join" else ("t", "t")
    for path, times, name in (("a.nc", ["2020-01-01"], names[0]), ("b.nc", second, names[1])):
        world(times, **{name: (3, 4), "coarse": (2, 2)}).to_netcdf(tmp_path / path)
    sources = [{"plugin": "xarray", "path": str(tmp_path / path)} for path in ("a.nc", "b.nc")]
    made = PluginChoice.model_validate({"plugin": combination, "sources": sources})
    with pytest.raises(DataError):
        open_source(made)
    source = open_source(made, names)
    assert set(source.header.names) == {*names}
    assert np.isfinite(source.read(source.header.times, source.header.names)).all()


def test_the_fingerprint_is_that_of_the_files(tmp_path: Path) -> None:
    """What is asked for stands in the key of kept statistics already, and a resumed training must find its own."""
    world(["2020-01-01"], t2m=(3, 4), msl=(3, 4)).to_netcdf(tmp_path / "a.nc")
    whole = XarraySource(path=str(tmp_path / "a.nc"))
    part = XarraySource.for_variables(["msl"], {"path": str(tmp_path / "a.nc")})
    assert part.provenance() == whole.provenance()
    assert part.fingerprint() == whole.fingerprint()
