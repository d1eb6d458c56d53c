"""Every plugin that the repository ships passes `wxml check-plugin`."""

import io
import json
import tomllib
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr
from wxml.cli import group
from wxml.testing import tiny_grid

WORLD, OTHER = "{plugin: xarray, path: world.nc}", "{plugin: xarray, path: other.nc}"
HALF = f"{{plugin: subset, area: {{%s: 30}}, source: {WORLD}}}"
ANALYSIS = "{plugin: xarray, path: analysis-%d.nc}"
MIXED = "{from: mesh, to: mesh, plugin: multi-scale}"
OPTIONS = {
    "trainer lightning": [
        "max_steps=30",
        "checkpoint_every=5",
        "tracker=none",
        "accelerator=cpu",
        "learning_rate=0.01",
    ],
    "data-source anemoi": ["path=store.zarr"],
    "data-source climatology": ["path=means.nc"],
    "data-source constants": ["source={plugin: xarray, path: world.nc}", "path=other.nc", "time=2000-01-01"],
    "data-source stations": ["path=stations.csv"],
    "data-source simulated-atmosphere": ["truncation=5", "end=2000-01-02", "spin_up_days=0"],
    "data-source xarray": ["path=world.nc"],
    "data-source concat": ["sources=[{plugin: xarray, path: world.nc}, {plugin: xarray, path: later.nc}]"],
    "data-source convert": ["source.plugin=xarray", "source.path=world.nc", "units.t=degC"],
    "data-source ensemble": ["sources=[{plugin: xarray, path: world.nc}, {plugin: xarray, path: world.nc}]"],
    "data-source missing": ["source.plugin=xarray", "source.path=world.nc", "policy=mean", "extend_end=2000-01-03"],
    "data-source rescale": ["source.plugin=xarray", "source.path=world.nc", "variables.t={scale: 2, units: K}"],
    "data-source interpolate-times": ["source.plugin=xarray", "source.path=world.nc", "frequency=3h"],
    "data-source accumulate": ["source.plugin=xarray", "source.path=world.nc", "variables=[t]", "start=2000-01-01"],
    "data-source cutout": [
        (
            f"sources=[{{plugin: regrid, source: {WORLD}, to: {{like: {{plugin: subset, source: {{plugin: regrid, "
            f"source: {WORLD}, to: {{degrees: 15}}}}, area: {{north: 45, south: -9, west: 0, east: 60}}}}}}}}, {WORLD}]"
        )
    ],
    "data-source derive": [
        "source.plugin=xarray",
        "source.path=world.nc",
        "variables.u={formula: sum, of: [t, t]}",
    ],
    "data-source complement": [f"source={{plugin: subset, thinning: {{every: 2}}, source: {WORLD}}}", f"other={OTHER}"],
    "data-source forcings": ["source.plugin=xarray", "source.path=world.nc", "variables=[insolation, cos_latitude]"],
    "data-source grids": [f"sources=[{HALF % 'south'}, {HALF % 'north'}]"],
    "data-source hindcasts": ["path=hindcasts-{reference}.nc", "reference_dates=[2020-01-02]", "years=[2000]"],
    "data-source height-levels": [
        *("source.plugin=xarray", "source.path=hybrid.nc", "variables=[t]", "levels=[3000]", "humidity=null"),
        *("surface_pressure=sp", "a=[0, 5000, 0]", "b=[0, 0.5, 1]"),
    ],
    "data-source pressure-levels": [
        *("source.plugin=xarray", "source.path=hybrid.nc", "variables=[t]", "levels=[500, 300]"),
        *("surface_pressure=sp", "a=[0, 5000, 0]", "b=[0, 0.5, 1]"),
    ],
    "data-source statistics-of": [f"source={WORLD}", "of={plugin: xarray, path: later.nc}"],
    "data-source regrid": ["source.plugin=xarray", "source.path=world.nc", "to.octahedral=4"],
    "data-source repeated": [
        "source={plugin: subset, end: 2000-01-01T00, source: {plugin: xarray, path: world.nc}}",
        "start=2000-01-01",
        "end=2000-01-02",
        "frequency=6h",
    ],
    "data-source rolling": ["source.plugin=xarray", "source.path=world.nc", "window=12h"],
    "data-source join": ["sources=[{plugin: xarray, path: world.nc}, {plugin: xarray, path: other.nc}]"],
    "data-source merge": ["sources=[{plugin: xarray, path: world.nc}, {plugin: xarray, path: later.nc}]"],
    "data-source rename": ["source.plugin=xarray", "source.path=world.nc", "names.t=u"],
    "data-source subset": ["source.plugin=xarray", "source.path=world.nc", "frequency=12h"],
    "graph-builder composed": [
        "nodes={mesh: {plugin: triangles, refinement: 1}}",
        f"edges=[{{from: grid, to: mesh, plugin: radius}}, {MIXED}, {{from: mesh, to: grid, plugin: nearest}}]",
    ],
    "graph-builder icosahedral": ["refinement=1"],
    "loss multi-scale": ["scales=[3000]"],
    "loss-weight by-grid": ["weights={}"],
    "loss-weight mask": ["field=lsm"],
    "loss-weight node-attribute": ["name=orog"],
    "loss-weight region-share": ["mask=lsm", "share=0.3"],
    "loss-weight steps": ["weights=[1, 0.5, 0.25]"],
    "perturbation analyses": [
        f"source={{plugin: ensemble, sources: [{ANALYSIS % 0}, {ANALYSIS % 1}]}}",
        "variables=[t]",
    ],
    "perturbation lagged": ["lags=[0h, 6h]"],
    "processor gnn": ["num_layers=1", "hidden_layers=1"],
    "processor hierarchical": [
        "processors=[{plugin: point-wise, num_layers: 1}]",
        "down=[{plugin: gnn, hidden_layers: 1}]",
        "up=[{plugin: gnn, hidden_layers: 1}]",
    ],
    "processor point-wise": ["num_layers=1"],
    "processor pyg": ["operator=GATv2Conv", "num_layers=1"],
    "task interpolate": ["targets=[1h, 2h]"],
    "verifier scorecard": ["maps=0"],
}
COMPILED = ("point-wise", "pyg")
KINDS = (
    "callbacks",
    "data_sources",
    "forecast_writers",
    "graph_builders",
    "loss_weights",
    "losses",
    "mappers",
    "metrics",
    "optimizers",
    "perturbations",
    "processors",
    "schedules",
    "tasks",
    "trackers",
    "trainers",
    "transforms",
    "verifiers",
)


def singular(group: str) -> str:
    """The kind whose plugins are in an entry-point group."""
    return group.replace("_", "-").removesuffix("es" if group == "losses" else "s")


def shipped(root: Path) -> list[tuple[str, str]]:
    """(kind, name) of every plugin that some pyproject.toml here declares."""
    projects = [tomllib.loads(path.read_text())["project"] for path in root.glob("*/**/pyproject.toml")]
    points = [project.get("entry-points", {}) for project in projects if project["name"].startswith("wxml-")]
    groups = [(kind, group.get(f"wxml.{kind}", {})) for group in points for kind in KINDS]
    return sorted((singular(kind), name) for kind, names in groups for name in names)


PLUGINS = shipped(Path(__file__).resolve().parents[1])


def write_store(path: Path) -> None:
    """Write a dataset in the layout of anemoi-datasets."""
    root = zarr.open_group(path, mode="w", zarr_format=2)
    root.attrs["variables"] = ["t"]
    arrays = {
        "data": np.ones((2, 1, 1, 4), "f4"),
        "dates": np.array(["2000-01-01T00", "2000-01-01T06"], "M8[s]"),
        "latitudes": np.array([10.0, 10.0, 0.0, 0.0]),
        "longitudes": np.array([0.0, 10.0, 0.0, 10.0]),
    }
    for name, values in arrays.items():  # zarr 3.0.8, the oldest that the packages take, wants a shape
        root.create_array(name, shape=values.shape, dtype=values.dtype)[:] = values


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Where there are small files with weather."""
    folder = tmp_path_factory.mktemp("checked")
    write_store(folder / "store.zarr")
    rows = "station,time,latitude,longitude,t\nA,2000-01-01,10,20,280\nB,2000-01-01,30,40,\n"
    (folder / "stations.csv").write_text(rows, encoding="utf-8")
    days = 6 * np.arange(6) * np.timedelta64(1, "h")
    values = np.random.default_rng(0).normal(280, 5, (6, 3, 4)).astype("f4")
    places = {"latitude": [60.0, 0.0, -60.0], "longitude": [0.0, 90.0, 180.0, 270.0]}
    for file, name, start in (("world", "t", "2000-01-01"), ("later", "t", "2000-02-01"), ("other", "z", "2000-01-01")):
        times = np.datetime64(start, "ns") + days
        dataset = xr.Dataset({name: (("time", *places), values, {"units": "K"})}, {"time": times, **places})
        dataset.to_netcdf(folder / f"{file}.nc")
    write_hindcasts(folder / "hindcasts-20200102.nc", values, places)
    write_hybrid_levels(folder / "hybrid.nc", values, places)
    axes = {"dayofyear": [1, 60, 366], "hour": [0, 12], **places}
    xr.Dataset({"t": (tuple(axes), values.reshape(3, 2, 3, 4), {"units": "K"})}, axes).to_netcdf(folder / "means.nc")
    for number in range(2):
        write_analysis(folder / f"analysis-{number}.nc", 280 + number)
    return folder


def write_analysis(path: Path, value: float) -> None:
    """Write one value of t everywhere on the grid of the contract of perturbations."""
    grid = tiny_grid()
    places = {"latitude": grid.latitudes[::8], "longitude": grid.longitudes[:8]}
    times = np.datetime64("2000-01-01", "ns") + 6 * np.arange(28) * np.timedelta64(1, "h")
    field = (("time", *places), np.full((28, 6, 8), value, "f4"), {"units": "K"})
    xr.Dataset({"t": field}, {"time": times, **places}).to_netcdf(path)


def write_hindcasts(path: Path, values: np.ndarray, places: dict[str, list[float]]) -> None:
    """Write a hindcast of 2 January 2000, six hours apart."""
    leads = ("step", 6 * np.arange(6), {"units": "hours", "standard_name": "forecast_period"})
    start = ((), 0, {"units": "hours since 2000-01-02", "standard_name": "forecast_reference_time"})
    dataset = xr.Dataset({"t": (("step", *places), values, {"units": "K"})}, {"time": start, "step": leads, **places})
    dataset.to_netcdf(path)


def write_hybrid_levels(path: Path, values: np.ndarray, places: dict[str, list[float]]) -> None:
    """Write t at two hybrid levels, and the pressure at the surface, at three times."""
    level = ("hybrid", [1, 2], {"axis": "Z", "standard_name": "atmosphere_hybrid_sigma_pressure_coordinate"})
    times = np.datetime64("2000-01-01", "ns") + 6 * np.arange(3) * np.timedelta64(1, "h")
    fields = {"t": (("time", "hybrid", *places), values.reshape(3, 2, 3, 4), {"units": "K"})}
    fields["sp"] = (("time", *places), 1e5 + values[:3], {"units": "Pa"})
    xr.Dataset(fields, {"time": times, "hybrid": level, **places}).to_netcdf(path)


def test_all_kinds_are_shipped() -> None:
    assert len({kind for kind, _ in PLUGINS}) == len(KINDS)


@pytest.fixture
def check(quickly, folder: Path, cache: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str]]:
    """Run `wxml check-plugin`: its exit code, and what it prints.

    Networks change their process, so theirs is a fork. A source is checked in this process, which keeps the one in
    which sources are read as well: to start that takes longest.
    """

    def check(kind: str, *arguments: str, **environment: str) -> tuple[int, str]:
        command = ("check-plugin", kind, *arguments)
        if kind != "data-source":
            done = quickly(*command, folder=folder, **environment)
            return done.returncode, done.stdout
        monkeypatch.chdir(folder)
        monkeypatch.setenv("WXML_CACHE", cache)
        printed = io.StringIO()
        with redirect_stdout(printed), pytest.raises(SystemExit) as ended:
            group(command)
        return int(ended.value.code or 0), printed.getvalue()

    return check


QUICK = {"forecast-writer": "zarr", "processor": "point-wise", "tracker": "csv", "data-source": "xarray"}
"""Kind → the plugin that is quickest to check, where that is not the first."""
IN_CHECK = {kind: QUICK.get(kind, name) for kind, name in reversed(PLUGINS)}
"""Kind → one plugin; their packages hold all of them against the same contract, in their own tests."""
EVERY = [pytest.param(kind, name, marks=() if IN_CHECK[kind] == name else pytest.mark.long()) for kind, name in PLUGINS]


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_a_shipped_plugin_passes(
    kind: str, name: str, check: Callable[..., tuple[int, str]], code_of_networks: dict[str, str]
) -> None:
    # The tests of a package compile its other networks.
    environment = code_of_networks if name in COMPILED else {"CXX": "no-compiler"}
    given = [argument for option in OPTIONS.get(f"{kind} {name}", []) for argument in ("--option", option)]
    code, printed = check(kind, name, *given, "--json", **environment)
    (plugin,) = json.loads(printed)["plugins"]
    assert [one for one in plugin["checks"] if one["result"] == "failed"] == []
    assert code == 0
    assert plugin["passed"] >= 10
