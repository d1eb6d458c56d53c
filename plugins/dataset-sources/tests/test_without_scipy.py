"""Sources without scipy: what needs it says so, and the rest reads."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from wxml import Grid, PluginChoice
from wxml.errors import DataError
from wxml_dataset_sources.combining.local_winds import LocalSlopes
from wxml_dataset_sources.combining.missing import Missing
from wxml_dataset_sources.combining.subset import Subset
from wxml_dataset_sources.combining.thinning import Thinning

NODES = Grid.unstructured(np.linspace(-80, 80, 60), np.linspace(0, 3000, 60) % 360)


@pytest.fixture
def choice(tmp_path: Path) -> PluginChoice:
    """A field of three nodes on the equator at 0, 10 and 30°E; the middle one is missing."""
    coordinates = {
        "time": np.datetime64("2000-01-01", "ns") + np.arange(2) * np.timedelta64(6, "h"),
        "latitude": ("latitude", [0.0], {"units": "degrees_north"}),
        "longitude": ("longitude", [0.0, 10.0, 30.0], {"units": "degrees_east"}),
    }
    values = np.array([[[1, np.nan, 3]]] * 2, "f4")
    xr.Dataset({"x": (tuple(coordinates), values, {"units": "K"})}, coordinates).to_netcdf(tmp_path / "x.nc")
    return PluginChoice(plugin="xarray", path=str(tmp_path / "x.nc"))


@pytest.fixture
def without_scipy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    monkeypatch.setenv("WXML_CACHE", str(tmp_path / "cache"))
    for name in ("sparse", "spatial"):
        monkeypatch.setitem(sys.modules, f"scipy.{name}", None)
    return monkeypatch


def filled(choice: PluginChoice) -> float:
    source = Missing(source=choice, values="nearest-node")
    return float(source.read(source.header.times, ["x"])[0, 0, 0, 1])


def thinned(choice: PluginChoice) -> float:
    return float(len(Subset(source=choice, thinning=Thinning(distance=1500)).header.grid))


def slopes(choice: PluginChoice) -> float:
    """Vorticity and divergence of no wind."""
    return float(np.abs(LocalSlopes.of(NODES).vorticity(np.zeros(60), np.zeros(60))).max())


@pytest.mark.carries_out("install the extra `{}` of {}")
@pytest.mark.parametrize(
    ("use", "what", "expected"),
    [
        (filled, "`values: nearest-node`", 1.0),
        (thinned, "thinning by distance", 2.0),
        (slopes, "weights between nodes", 0.0),
    ],
)
def test_it_says_what_to_install_and_works_then(
    use: Callable[[PluginChoice], float],
    what: str,
    expected: float,
    choice: PluginChoice,
    without_scipy: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(DataError, match=f"{what} needs the package scipy, which is not installed"):
        use(choice)
    without_scipy.undo()
    assert use(choice) == expected


def test_the_rest_reads_without_it(choice: PluginChoice, without_scipy: pytest.MonkeyPatch) -> None:
    source = Subset(source=choice, select=["x"], thinning=Thinning(every=2))
    np.testing.assert_array_equal(source.read(source.header.times, ["x"])[0, 0, 0], [1, 3])
