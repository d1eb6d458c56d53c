"""The packages in `examples/`: each is built, checked, trained, forecast and verified, and passes its own tests.

They are installed into a folder of their own, as an installer would, so that no other test sees them.
"""

import csv
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

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
"""Example of a processor → options that make it quick to check, and the graph on which it is checked."""
EACH = [pytest.param(name, marks=() if name == "acme-u-net" else pytest.mark.long()) for name in GRAPHS]
TRAINING = "acme-training"
INSTITUTE = "institute"
PARTS = {
    "loss": "acme-quantile",
    "loss-weight": "acme-surface",
    "metric": "acme-within",
    "callback": "acme-diary",
}
"""Kind → the plugin that the example of the parts of a training has."""
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


def python(*arguments: object, folder: Path, **variables: str) -> str:
    """Run Python, which must succeed, and return what it prints."""
    command = [sys.executable, *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **variables}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


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
    assert {*GRAPHS, TRAINING, INSTITUTE} == set(EXAMPLES)


@pytest.mark.parametrize("name", EACH)
def test_it_keeps_its_contract(
    name: str, site: str, quickly: Command, code_of_networks: dict[str, str], tmp_path: Path
) -> None:
    command = ("check-plugin", "processor", name, *GRAPHS[name].split(), "--json")
    done = quickly(*command, folder=tmp_path, PYTHONPATH=site, **code_of_networks)
    (plugin,) = json.loads(done.stdout)["plugins"]
    assert [check for check in plugin["checks"] if check["result"] == "failed"] == []
    assert done.returncode == 0
    assert plugin["passed"] >= 15


@pytest.mark.parametrize("name", EACH)
def test_it_is_trained_forecast_and_verified(name: str, site: str, quick_wxml: Command, tmp_path: Path) -> None:
    experiment, checkpoint = EXAMPLES[name] / "experiment.yaml", "run/checkpoint.safetensors"
    quick_wxml("train", experiment, *SMALL, "--run-dir", "run", folder=tmp_path, PYTHONPATH=site)
    plugins = read_header(tmp_path / checkpoint)["provenance"]["plugins"]
    assert [one["plugin"] for one in plugins if one["kind"] == "processor"] == [f"{name}:{name}"]
    quick_wxml("forecast", checkpoint, "-o", "forecast.nc", folder=tmp_path, PYTHONPATH=site)
    with xr.open_dataset(tmp_path / "forecast.nc") as forecast:
        assert all(np.isfinite(forecast[variable]).all() for variable in ("u", "v", "z", "t", "q"))
    words = ("verify", "forecast.nc", "verification.maps=0", "-o", "scores", "--json")
    done = quick_wxml(*words, folder=tmp_path, PYTHONPATH=site)
    assert {"u", "v", "z", "t", "q"} <= {row["variable"] for row in json.loads(done.stdout)["scores"]}


@pytest.mark.parametrize("kind", PARTS)
def test_a_part_of_a_training_keeps_its_contract(kind: str, site: str, quickly: Command, tmp_path: Path) -> None:
    done = quickly("check-plugin", kind, PARTS[kind], "--json", folder=tmp_path, PYTHONPATH=site)
    (plugin,) = json.loads(done.stdout)["plugins"]
    assert [check for check in plugin["checks"] if check["result"] == "failed"] == []
    assert done.returncode == 0
    assert plugin["passed"] >= 10


@pytest.fixture(scope="module")
def trained(site: str, quickly: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of the example's experiment, which has our parts and theirs; it was validated twice."""
    folder = tmp_path_factory.mktemp("trained")
    changes = ("training.max_steps=4", "training.validation_every=2", "training.keep=last")
    arguments = ("train", EXAMPLES[TRAINING] / "experiment.yaml", *SMALL, *changes, "--run-dir", "run")
    done = quickly(*arguments, folder=folder, PYTHONPATH=site)
    assert done.returncode == 0, done.stderr
    assert "goes on without it" not in done.stderr, "a callback has failed"
    return folder / "run"


@pytest.fixture(scope="module")
def by_hand(trained: Path, site: str, quickly: Command) -> dict[str, Any]:
    """The losses and metrics of the last validation, from a forecast of each of its samples."""
    period = ("--start", "2000-01-09T06", "--end", "2000-01-10T12", "--lead-time", "6h")
    done = quickly("forecast", "run", "-o", "judged.nc", *period, folder=trained.parent, PYTHONPATH=site)
    assert done.returncode == 0, done.stderr
    script = Path(__file__).with_name("training_by_hand.py")
    found: dict[str, Any] = json.loads(python(script, "run", "judged.nc", folder=trained.parent, PYTHONPATH=site))
    return found


def rows(table: Path) -> list[dict[str, str]]:
    with table.open() as file:
        return list(csv.DictReader(file))


def test_their_loss_shares_a_training_with_ours(trained: Path, by_hand: dict[str, Any]) -> None:
    """The history has 0.75 of ours and 0.25 of theirs, and neither is negligible."""
    last = rows(trained / "history.csv")[-1]
    assert last["step"] == "4"
    assert float(last["validation_loss"]) == pytest.approx(by_hand["combined"], rel=1e-5)
    for name, share in (("squared", 0.75), ("acme-quantile", 0.25)):
        assert share * by_hand["losses"][name] > 0.05 * by_hand["combined"]


def test_their_metric_is_beside_ours(trained: Path, by_hand: dict[str, Any]) -> None:
    found = {
        (row["metric"], row["variable"]): float(row["value"])
        for row in rows(trained / "metrics.csv")
        if row["step"] == "4"
    }
    expected = {(name, variable): value for name, of in by_hand["metrics"].items() for variable, value in of.items()}
    assert found == pytest.approx(expected, rel=1e-5)
    assert 0 < found["acme-within", "t"] < 1


def test_their_callback_is_beside_ours(trained: Path) -> None:
    """`loss-by-variable` notes numbers, and the diary has the validations of the history."""
    history = {int(row["step"]): row["validation_loss"] for row in rows(trained / "history.csv")}
    losses = {step: float(loss) for step, loss in history.items() if loss}
    lines = (trained / "diary.txt").read_text().splitlines()
    assert [line.partition(",")[0] for line in lines] == [f"step {step}: {loss:.6g}" for step, loss in losses.items()]
    assert list(losses) == [2, 4]
    assert {row["name"] for row in rows(trained / "numbers.csv")} == {
        f"validation_loss/{name}" for name in ("u", "v", "z", "t", "q", "tp")
    }


def test_what_theirs_is_worth_can_be_seen(site: str, quickly: Command, tmp_path: Path) -> None:
    arguments = ("train", EXAMPLES[TRAINING] / "experiment.yaml", *SMALL, "--explain-loss")
    done = quickly(*arguments, folder=tmp_path, PYTHONPATH=site)
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in ("squared", "acme-quantile", "acme-surface", "tendency"))


def test_the_repository_of_an_institute_goes_all_the_way(site: str, quick_wxml: Command, tmp_path: Path) -> None:
    """Its command, archive, presets, processor, loss and score, under the allow-list of its site."""
    variables = {"PYTHONPATH": site, "WXML_SITE_CONFIG": str(EXAMPLES[INSTITUTE] / "site")}
    quick_wxml("acme-example-archive", "archive", folder=tmp_path, **variables)
    small = ("experiment=acme-daily", "training.max_steps=3", "--run-dir", "run")
    quick_wxml("train", *small, folder=tmp_path, **variables)
    own = {one["plugin"] for one in read_header(tmp_path / "run" / "checkpoint.safetensors")["provenance"]["plugins"]}
    assert {f"acme-weather:{name}" for name in ("acme-archive", "acme-diffusion", "acme-cauchy")} <= own
    quick_wxml("forecast", "run", "--start", "2000-01-11", "-o", "forecast.zarr", folder=tmp_path, **variables)
    words = ("verify", "forecast.zarr", "verification.maps=0", "-o", "scores", "--json")
    done = quick_wxml(*words, folder=tmp_path, **variables)
    assert {row["variable"] for row in json.loads(done.stdout)["scores"]} == {"t2m", "u10"}
    assert "acme-frost" in (tmp_path / "scores" / "scores.csv").read_text()


@pytest.mark.parametrize(
    "names", [(TRAINING, INSTITUTE), pytest.param(tuple(GRAPHS), marks=pytest.mark.long())], ids=" ".join
)
def test_their_own_tests_pass(names: tuple[str, ...], site: str, tmp_path: Path) -> None:
    """Under the settings of this repository; `check-plugin` compiles them in `nox -s machine-code`."""
    command = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "not compiled and not archive_to_scores")
    python(*command, *(EXAMPLES[name] for name in names), folder=tmp_path, PYTHONPATH=site)
