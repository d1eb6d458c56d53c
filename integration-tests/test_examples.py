"""The packages in `examples/`: each is built, checked, trained, forecast and verified, and passes its own tests.

They are installed into a folder of their own, as an installer would, so that no other test sees them.
"""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from wxml.artefacts.checkpoint import read_header

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = {path.parent.name: path.parent for path in sorted(ROOT.glob("examples/*/pyproject.toml"))}
GRAPHS = {
    "acme-afno": "--option num_layers=1 --graph lat-lon --graph-option latitudes=4",
    "acme-sfno": "--option num_layers=1 --graph lat-lon --graph-option latitudes=6",
    "acme-u-net": "--graph icosahedral --graph-option refinement=1 --graph-option hierarchy=1",
}
"""Example → options that make it quick to check, and the graph on which it is checked."""
SMALL = (
    "data.source.truncation=5",
    "data.source.end=2000-01-12",
    "data.source.spin_up_days=0",
    "data.split.training=[2000-01-01, 2000-01-08]",
    "data.split.validation=[2000-01-09, 2000-01-10]",
    "data.split.test=[2000-01-11, 2000-01-12]",
    "model.channels=8",
    "training.max_steps=3",
    "training.tracker=none",
    "forecast.lead_time=12h",
)
BUILD = """
import os, sys
from hatchling.build import build_wheel
for example in sys.argv[2:]:
    os.chdir(example)
    build_wheel(sys.argv[1])
"""

Command = Callable[..., "subprocess.CompletedProcess[str]"]


def python(*arguments: object, folder: Path, **variables: str) -> None:
    """Run Python, which must succeed."""
    command = [sys.executable, *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **variables}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with the content of a wheel of each example."""
    folder = tmp_path_factory.mktemp("examples")
    python("-c", BUILD, folder, *EXAMPLES.values(), folder=folder)
    for wheel in folder.glob("*.whl"):
        with zipfile.ZipFile(wheel) as opened:
            opened.extractall(folder / "site")
    return str(folder / "site")


def test_every_example_is_here() -> None:
    assert set(GRAPHS) == set(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_it_keeps_its_contract(name: str, site: str, quickly: Command, tmp_path: Path) -> None:
    done = quickly("check-plugin", "processor", name, *GRAPHS[name].split(), "--json", folder=tmp_path, PYTHONPATH=site)
    (plugin,) = json.loads(done.stdout)["plugins"]
    assert [check for check in plugin["checks"] if check["result"] == "failed"] == []
    assert done.returncode == 0
    assert plugin["passed"] >= 15


@pytest.mark.parametrize("name", EXAMPLES)
def test_it_is_trained_forecast_and_verified(name: str, site: str, quick_wxml: Command, tmp_path: Path) -> None:
    experiment, checkpoint = EXAMPLES[name] / "experiment.yaml", "run/checkpoint.safetensors"
    quick_wxml("train", experiment, *SMALL, "--run-dir", "run", folder=tmp_path, PYTHONPATH=site)
    plugins = read_header(tmp_path / checkpoint)["provenance"]["plugins"]
    assert [one["plugin"] for one in plugins if one["kind"] == "processor"] == [f"{name}:{name}"]
    quick_wxml("forecast", checkpoint, "-o", "forecast.nc", folder=tmp_path, PYTHONPATH=site)
    with xr.open_dataset(tmp_path / "forecast.nc") as forecast:
        assert all(np.isfinite(forecast[variable]).all() for variable in ("u", "v", "z", "t", "q"))
    done = quick_wxml("verify", "forecast.nc", "-o", "scores", "--json", folder=tmp_path, PYTHONPATH=site)
    assert {"u", "v", "z", "t", "q"} <= {row["variable"] for row in json.loads(done.stdout)["scores"]}


def test_their_own_tests_pass(site: str, tmp_path: Path) -> None:
    """Under the settings of this repository; `check-plugin` has compiled them, which takes longest."""
    command = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "not compiled")
    python(*command, *EXAMPLES.values(), folder=tmp_path, PYTHONPATH=site)
