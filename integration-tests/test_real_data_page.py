"""Each config and each command of docs/real-data.md, on the real files that it names."""

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from wxml import create, open_forecast
from wxml.files.yaml_loader import load_yaml

PAGE = (Path(__file__).parents[1] / "docs" / "real-data.md").read_text("utf-8")
PARTS = re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]
SECTIONS = {part.splitlines()[0].strip(): part for part in PARTS}
BLOCK = re.compile(r"^```(yaml|sh|text)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.fixture
def folder(shared_data: Path, tmp_path: Path) -> Path:
    """A folder in which `data` are the shared data."""
    if not (shared_data / "gfs-1deg-wind").is_dir():
        pytest.skip(f"the real data of {shared_data} are not here")
    (tmp_path / "data").symlink_to(shared_data)
    return tmp_path


def walk(title: str, folder: Path, run: Callable[..., Any]) -> list[Any]:
    """Write the configs of a section, run its commands, and compare what is printed with the page."""
    done: list[Any] = []
    for kind, text in BLOCK.findall(SECTIONS[title]):
        if kind == "yaml":
            (folder / text.splitlines()[0].removeprefix("# ")).write_text(text)
        elif kind == "sh":
            for line in text.splitlines():
                name, *arguments = shlex.split(line)
                assert name == "wxml"
                done.append(run(*arguments, folder=folder))
        else:
            assert done[-1].stdout == text
    return done


def scores(path: Path) -> xr.Dataset:
    with xr.open_dataset(path / "scores.nc") as found:
        return found.load()


def needed(printed: str) -> str:
    return " ".join(printed.partition("feed it with")[2].split())


def test_global_analyses(folder: Path, quick_wxml: Callable[..., Any]) -> None:
    done = walk("Global analyses in GRIB", folder, quick_wxml)
    assert len(done) == 5
    said = needed(done[2].stdout)
    assert "u10 prognostic heightAboveGround 10 m m s**-1 instant paramId=165" in said
    assert "1,860 nodes (31 × 60, regular, global)" in said
    assert "validation/rmse/v10/6h" in said
    with open_forecast(folder / "gfs.nc") as stored:
        assert len(stored.header.initial_times) == 4
        record = stored.header.provenance
    own, training = (one["data"]["source"]["files"] for one in (record, record["parents"][0]))
    assert own == training  # the list of 40 files is in the checkpoint alone
    assert own["count"] == 40
    assert {"u10", "v10"} <= set(np.atleast_1d(scores(folder / "scores-gfs").variable.values).tolist())


def test_a_reanalysis_of_a_region(folder: Path, quick_wxml: Callable[..., Any]) -> None:
    done = walk("A reanalysis of a region in NetCDF", folder, quick_wxml)
    record = json.loads(done[2].stdout)["requirements"]
    roles = {one["name"]: one["role"] for one in record["variables"]}
    assert (roles["t_500"], roles["tp"], roles["z"], roles["insolation"]) == (
        "prognostic", "diagnostic", "constant", "computed",
    )  # fmt: skip
    assert record["times"]["states"] == ["-1h", "0h"]
    with open_forecast(folder / "davos.zarr") as stored:
        assert len(stored.header.initial_times) == 5
    assert (folder / "scores-davos" / "report.html").stat().st_size > 1000


def test_a_forecast_of_a_limited_area(folder: Path, quick_wxml: Callable[..., Any]) -> None:
    done = walk("A forecast of a limited area in GRIB", folder, quick_wxml)
    assert "a limited area" in needed(done[2].stdout)
    with open_forecast(folder / "arpege.grib2") as stored:
        assert [one.name for one in stored.header.variables] == ["t2m", "u10", "v10"]
        assert len(stored.header.grid) == 1160
    assert "t2m" in done[4].stderr + done[4].stdout


def test_values_that_are_missing(folder: Path, quickly: Callable[..., Any]) -> None:
    """Fields 17, 36 and 37 are missing in the files: 5 samples have one of them as input."""
    *_, trained, made = walk("Values that are missing", folder, quickly)
    assert (trained.returncode, made.returncode) == (0, 4)
    assert "5 of 38 samples lack an input" in trained.stderr
    assert "these samples are left out" in trained.stderr
    assert made.stderr.count("failed") == 2
    with open_forecast(folder / "storm.nc") as stored:
        hours = (stored.header.initial_times - np.datetime64("1996-01-08")) // np.timedelta64(6, "h")
    assert hours.tolist() == [0, 1, 2, 3, 4, 7, 8]  # 09T06 and 09T12 read what is missing at 09T06
    refused = quickly("train", "storm.yaml", "data.missing_inputs=fail", "--run-dir", "strict", folder=folder)
    assert refused.returncode == 2
    assert (
        "'t' at 1996-01-09T06, 'v' at 1996-01-09T06, 'v_500' at 1996-01-14T00, 'v' at 1996-01-14T06" in refused.stderr
    )
    assert not (folder / "strict").exists()
    imputed = quickly("config", "validate", "storm.yaml", "--data", "data.missing_inputs=impute", folder=folder)
    assert imputed.returncode == 0, imputed.stderr


def test_components_of_angles(folder: Path, quick_wxml: Callable[..., Any], quickly: Callable[..., Any]) -> None:
    """The advice is that of the page, and its components are the u10 and v10 that the same file holds."""
    walk("Angles", folder, quick_wxml)
    chosen = load_yaml((folder / "wind.yaml").read_text(), "wind.yaml").plain()["data"]["source"]
    chosen["source"]["path"] = str(folder / chosen["source"]["path"])
    source = create("data-source", chosen.pop("plugin"), chosen)
    u, v, u10, v10 = source.read(source.header.times, ["u_wind", "v_wind", "u10", "v10"]).swapaxes(0, 2)
    np.testing.assert_allclose(u, u10, atol=0.3)  # directions are packed in steps of a degree
    np.testing.assert_allclose(v, v10, atol=0.3)
    plain = quickly("config", "validate", "wind.yaml", "--data", "data.variables.prognostic=[ws,wdir]", folder=folder)
    assert plain.returncode == 0, plain.stderr
    assert "'wdir' is an angle" in plain.stderr
    assert "u_wind: {formula: wind-u, of: [ws, wdir]}, v_wind: {formula: wind-v, of: [ws, wdir]}" in plain.stderr
