"""The repository as a forecaster uses it: the site's config, the preset, the archive, from training to scores."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from wxml import load_config

ROOT = Path(__file__).resolve().parents[1]


def wxml(*arguments: str, folder: Path) -> str:
    """Run a command in a process of its own, which must succeed; what it prints."""
    command = [str(Path(sys.executable).with_name("wxml")), *arguments]
    environment = {**os.environ, "WXML_SITE_CONFIG": str(ROOT / "site"), "WXML_CACHE": str(folder / "cache")}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_site_lets_in_all_that_the_preset_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WXML_SITE_CONFIG", str(ROOT / "site"))
    config = load_config(None, ("experiment=acme-daily",)).config
    assert config.model.processor.plugin == "acme-diffusion"
    assert config.training.options["tracker"] == "none"


def test_from_the_archive_to_scores(tmp_path: Path) -> None:
    wxml("acme-example-archive", "archive", folder=tmp_path)
    wxml("train", "experiment=acme-daily", "training.max_steps=3", "--run-dir", "run", folder=tmp_path)
    wxml("forecast", "run", "--start", "2000-01-11", "--output", "forecast.zarr", folder=tmp_path)
    printed = wxml("verify", "forecast.zarr", "--output", "scores", folder=tmp_path)
    assert "t2m" in printed
    assert "frost" in (tmp_path / "scores" / "scores.csv").read_text()
