"""`wxml new-plugin` for the kinds that wxml-graph-builders declares: what it writes passes its own tests."""

import os
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner
from wxml.cli import group

KINDS = ("mesh-builder", "edge-builder", "node-attribute", "edge-feature")


def test_a_repository_with_a_part_of_each_kind_passes_its_tests(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(group, ["new-plugin", "acme-north-sea", *(f"{kind}:acme-{kind}" for kind in KINDS)])
    assert done.exit_code == 0, done.output
    folder = tmp_path / "acme-north-sea"
    assert "acme-mesh-builder" in (folder / "experiment.yaml").read_text()
    for command in (["pytest", "-q"], ["ruff", "check", "--no-cache"], ["ruff", "format", "--check", "--no-cache"]):
        environment = {**os.environ, "PYTHONPATH": "src", "OMP_NUM_THREADS": "1"}
        run = subprocess.run(
            [sys.executable, "-m", *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stdout + run.stderr
