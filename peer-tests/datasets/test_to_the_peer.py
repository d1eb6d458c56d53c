"""A dataset that wxml builds opens in anemoi-datasets: the same samples, places, missing dates, statistics."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from exchanged_data import MISSING, TIMES
from wxml import create

RECIPE = """
source:
  plugin: join
  sources:
  - {{plugin: xarray, path: {folder}/fields.nc}}
  - {{plugin: xarray, path: {folder}/rain.grib}}
dates: {{missing: [2020-01-02T18]}}
output: {{format: {format}}}
statistics: {{end: 2020-01-08T18, tendencies: [24h]}}
description: exchange
"""
WXML = Path(sys.executable).with_name("wxml")
STATISTICS = ("mean", "stdev", "minimum", "maximum")


def wxml(*arguments: object) -> str:
    command = [str(WXML), "dataset", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session", params=["zarr2", "zarr3"])
def store(request, zarr_of_peer: int, fields: Path, tmp_path_factory) -> Path:
    if request.param == "zarr3" and zarr_of_peer == 2:
        pytest.skip("with the zarr that it asks for, the peer reads zarr 2 alone")
    folder = tmp_path_factory.mktemp("built")
    (folder / "recipe.yaml").write_text(RECIPE.format(folder=fields, format=request.param))
    wxml("build", folder / "recipe.yaml", folder / "store.zarr")
    return folder / "store.zarr"


def test_samples_are_bitwise_those_that_wxml_reads(store: Path, peer_reads) -> None:
    theirs = peer_reads(store)
    ours = create("data-source", "anemoi", {"path": str(store), "missing_dates": "skip"})
    assert tuple(theirs["variables"]) == ours.header.names
    assert np.array_equal(theirs["dates"], TIMES)
    assert theirs["missing"].tolist() == [MISSING]
    assert np.array_equal(theirs["latitudes"], ours.header.grid.latitudes)
    assert np.array_equal(theirs["longitudes"], ours.header.grid.longitudes)
    values = ours.read(ours.header.times, ours.header.names).swapaxes(1, 2)
    assert np.array_equal(np.delete(theirs["values"], MISSING, axis=0), values, equal_nan=True)


def test_statistics_are_those_that_the_peer_computes_of_the_same_fields(store, peer_store, peer_reads) -> None:
    """Of the peer's own store, in its own order of variables; the peer subtracts in single precision."""
    of_ours, of_theirs = peer_reads(store), peer_reads(peer_store)
    order = [of_theirs["variables"].tolist().index(name) for name in of_ours["variables"]]
    for kind, rounding in (("statistics", 1e-10), ("tendencies_6h", 2**-23), ("tendencies_24h", 2**-23)):
        for name in STATISTICS:
            found, expected = of_ours[f"{kind}_{name}"], of_theirs[f"{kind}_{name}"][order]
            scale = np.maximum(np.abs(of_ours[f"{kind}_maximum"]), np.abs(of_ours[f"{kind}_minimum"]))
            assert np.all(np.abs(found - expected) <= rounding * scale), (kind, name)
    assert np.array_equal(of_ours["values"], of_theirs["values"][:, order], equal_nan=True)


def test_the_command_of_the_peer_runs_on_it(store: Path, peer, zarr_of_peer: int) -> None:
    text = peer("anemoi-datasets", "inspect", store)
    shape = ("40 × 4 × 1 × 70",) if zarr_of_peer == 2 else ()  # with zarr 3 the peer leaves it empty
    for said in ("2020-01-01 00:00", "2020-01-10 18:00", "Missing    : 1", "t_850", "Statistics ready", *shape):
        assert said in text, text


def test_our_commands_run_on_the_store_of_the_peer(peer_store: Path, tmp_path: Path) -> None:
    wxml("validate", peer_store, "--all")
    wxml("copy", peer_store, tmp_path / "copy.zarr", "--rechunk", "dates=4")
    wxml("compare", peer_store, tmp_path / "copy.zarr")
    wxml("validate", tmp_path / "copy.zarr", "--all")
    assert "1: 2020-01-02T18" in wxml("inspect", peer_store)
