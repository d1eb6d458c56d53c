"""A daemon without standard streams, a container without a user or a home: the same result as on a terminal."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

CONFIG = """
seed: 3
data:
  source: {plugin: simulated-atmosphere, truncation: 5, start: 2000-01-01, end: 2000-01-06, spin_up_days: 1}
  variables: {forcing: [orog, lsm, insolation], diagnostic: [tp]}
  timestep: 6h
  split: {training: [2000-01-01, 2000-01-04], validation: [2000-01-05, 2000-01-06]}
graph: {plugin: icosahedral, refinement: 1}
model:
  channels: 8
  encoder: {plugin: gnn}
  processor: {plugin: gnn, num_layers: 1}
  decoder: {plugin: gnn}
training: {plugin: lightning, max_steps: 2, batch_size: 2, validation_samples: 2, tracker: {tracker}}
"""
LONG = pytest.mark.long()
COMMAND = "from wxml.cli import main; main()"
NOBODY = f"""
import pwd
def absent(*_): raise KeyError("uid not found")
pwd.getpwuid = pwd.getpwnam = absent
{COMMAND}
"""
"""The command of a user whom the list of users does not know."""
NAMES = ("HOME", "USER", "LOGNAME", "LNAME", "USERNAME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "WXML_CACHE")


def train(
    folder: Path, redirection: str = "", code: str = COMMAND, tracker: str = "mlflow", **changes: str
) -> "subprocess.CompletedProcess[str]":
    """Train in a shell with some streams closed, as a user of whom the environment says nothing but `changes`."""
    folder.mkdir()
    (folder / "experiment.yaml").write_text(CONFIG.replace("{tracker}", tracker))
    known = {name: value for name, value in os.environ.items() if name not in NAMES}
    command = ["sh", "-c", f'exec "$@" {redirection}', "sh", sys.executable, "-c", code, "train", "experiment.yaml"]
    return subprocess.run(
        [*command, "--run-dir", "run"],
        cwd=folder,
        env={**known, "OMP_NUM_THREADS": "1", **changes},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory, quick_wxml: Callable[..., object]) -> dict[str, bytes]:
    """The checkpoints of the training in usual surroundings, by its tracker."""
    found = {}
    for tracker in ("none", "mlflow"):
        folder = tmp_path_factory.mktemp("usual")
        (folder / "experiment.yaml").write_text(CONFIG.replace("{tracker}", tracker))
        quick_wxml("train", "experiment.yaml", "--run-dir", "run", folder=folder)
        found[tracker] = (folder / "run" / "checkpoint.safetensors").read_bytes()
    return found


@pytest.mark.parametrize(
    "redirection",
    ["2>&-", "<&- >&- 2>&-", *(pytest.param(one, marks=LONG) for one in (">&- 2>&-", "<&-", "2>/dev/full"))],
)
def test_without_standard_streams(usual: dict[str, bytes], tmp_path: Path, redirection: str) -> None:
    tracker = "mlflow" if redirection in ("2>&-", "2>/dev/full") else "none"  # which takes as long as all the rest
    done = train(tmp_path / "here", redirection, tracker=tracker, HOME=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "here" / "run" / "checkpoint.safetensors").read_bytes() == usual[tracker]


@pytest.mark.skipif(sys.platform == "win32", reason="no list of users")
@pytest.mark.parametrize(
    "surroundings", [{}, *(pytest.param({"HOME": home}, marks=LONG) for home in ("/proc", "/dev/null"))], ids=str
)
def test_without_a_user_or_a_home(usual: dict[str, bytes], tmp_path: Path, surroundings: dict[str, str]) -> None:
    done = train(tmp_path / "here", code=NOBODY, **surroundings)
    assert done.returncode == 0, done.stderr
    assert "tracking failed" not in done.stderr
    assert (tmp_path / "here" / "run" / "checkpoint.safetensors").read_bytes() == usual["mlflow"]
    assert sorted(path.name for path in (tmp_path / "here").iterdir()) == [
        "experiment.yaml",
        "mlflow-artifacts",
        "mlflow.db",
        "run",
    ]
