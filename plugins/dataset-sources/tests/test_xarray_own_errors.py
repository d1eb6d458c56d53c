"""An error of wxml while a file is read keeps its own words; only a failure of the library means damage."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from wxml.errors import ArtefactError, ContractError, DataError, WxmlError
from wxml_dataset_sources.xarray_reading import arrays, grib, grib_messages, opening
from wxml_dataset_sources.xarray_reading.files import recognise
from wxml_dataset_sources.xarray_source import XarraySource

TIMES = np.array(["2020-01-01", "2020-01-02"], "datetime64[ns]")
KINDS = (ArtefactError, ContractError, DataError)
PLACES = {
    "header": (arrays, "find_coordinates"),
    "values": (arrays, "is_limited"),
    "opening": (opening, "check_length"),
}


def written(folder: Path, levels: Any, units: str = "hPa", ending: str = "nc") -> str:
    shape = (2, len(levels), 3, 4)
    data = xr.Dataset(
        {"t": (("time", "level", "lat", "lon"), np.ones(shape, "float32"), {"units": "K"})},
        {
            "time": TIMES,
            "level": ("level", levels, {"units": units}),
            "lat": ("lat", [10.0, 0.0, -10.0], {"units": "degrees_north"}),
            "lon": ("lon", [0.0, 10.0, 20.0, 30.0], {"units": "degrees_east"}),
        },
    )
    path = folder / f"data.{ending}"
    if ending == "nc":
        data.to_netcdf(path)
    else:
        data.to_zarr(path, zarr_format=2)
    return str(path)


def read(path: str) -> None:
    source = XarraySource(path=path)
    source.read(TIMES, source.header.names)


@pytest.mark.parametrize("ending", ["nc", "zarr"])
@pytest.mark.parametrize("word", ["surface", "850 hPa", "p850", ""])
def test_a_level_of_text_is_named_with_its_axis(word: str, ending: str, tmp_path: Path) -> None:
    path = written(tmp_path, np.array(["500", word], dtype=object), ending=ending)
    with pytest.raises(DataError) as caught:
        read(path)
    assert f"the level axis `level` holds {word!r}, which is no number" in caught.value.message
    assert caught.value.message.startswith(f"`{path}`: ")
    assert "damaged" not in str(caught.value)


def test_text_that_is_a_number_is_a_level(tmp_path: Path) -> None:
    source = XarraySource(path=written(tmp_path, np.array(["85000", "50000"], dtype=object), units="Pa"))
    assert source.header.names == ("t_850", "t_500")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", PLACES)
def test_an_error_of_wxml_keeps_its_words(
    place: str, kind: type[WxmlError], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **_more: object) -> None:
        raise kind("its own words", fix="its own fix")

    path = written(tmp_path, [850.0, 500.0])
    monkeypatch.setattr(*PLACES[place], fail)
    with pytest.raises(kind) as caught:
        read(path)
    assert caught.value.message.endswith("its own words")
    assert caught.value.fix == "its own fix"


@pytest.mark.parametrize("place", PLACES)
def test_a_failure_of_the_library_is_damage(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **_more: object) -> None:
        raise RuntimeError("NetCDF: HDF error")

    path = written(tmp_path, [850.0, 500.0])
    monkeypatch.setattr(*PLACES[place], fail)
    with pytest.raises(DataError, match=r"cannot be read.*NetCDF: HDF error\n.*damaged"):
        read(path)


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_of_wxml_keeps_its_words_in_grib(
    kind: type[WxmlError], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **_more: object) -> None:
        raise kind("its own words", fix="its own fix")

    path = tmp_path / "data.grib2"
    path.write_bytes(b"GRIB")
    monkeypatch.setattr(grib_messages, "field_at", fail)
    reader = grib_messages.MessageReader(recognise(str(path), "grib"), np.zeros((1, 1, 1, 2), np.int64), 4)
    with pytest.raises(kind, match=r"^its own words"):
        reader.read(np.array([0]), np.array([0]), np.array([0]))
    monkeypatch.setattr(grib, "fields", fail)
    with pytest.raises(kind, match=r"its own words\n  its own fix$"):
        XarraySource(path=str(path), engine="grib")
