"""No secret of a config ends in a file or a message of a training, a forecast or a verification."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CONFIG = """
data:
  source: {plugin: simulated-atmosphere, truncation: 5, start: 2000-01-01, end: 2000-01-20, spin_up_days: 2}
  variables: {forcing: [orog, lsm, insolation], diagnostic: [tp]}
  timestep: 6h
  split: {training: [2000-01-01, 2000-01-12], validation: [2000-01-13, 2000-01-15], test: [2000-01-16, 2000-01-20]}
graph: {plugin: icosahedral, refinement: 1}
model: {channels: 8, encoder: {plugin: gnn}, processor: {plugin: gnn, num_layers: 1}, decoder: {plugin: gnn}}
training: {plugin: lightning, max_steps: 2, batch_size: 2, tracker: mlflow}
forecast: {lead_time: 12h}
"""
SECRET = "S3CRETPW"  # noqa: S105  # no real one
WAYS = ("${oc.env:TRACK}", f"http://user:{SECRET}@127.0.0.1:9", f"http://127.0.0.1:9/?token={SECRET}")


@pytest.mark.parametrize("uri", WAYS)
def test_no_artefact_and_no_message_holds_a_secret(uri: str, tmp_path: Path, run: Callable[..., Any]) -> None:
    (tmp_path / "experiment.yaml").write_text(CONFIG)
    variables = {"TRACK": f"http://user:{SECRET}@127.0.0.1:9"}
    start = ("--start", "2000-01-16", "--lead-time", "6h")
    steps = [
        ("train", "experiment.yaml", "--run-dir", "run", f"training.tracking_uri='{uri}'"),
        ("forecast", "run/checkpoint.safetensors", "-o", "f.zarr", *start),
        ("verify", "f.zarr"),
        ("inspect", "f.zarr"),
    ]
    for step in steps:
        done = run(*step, folder=tmp_path, **variables)
        assert done.returncode == 0, done.stderr
        assert SECRET not in done.stdout + done.stderr
        variables.pop("TRACK", None)  # the training alone needs it
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in files if SECRET.encode() in path.read_bytes()]
    assert ("${oc.env:TRACK}" in (tmp_path / "run" / "config.yaml").read_text()) == ("TRACK" in uri)
