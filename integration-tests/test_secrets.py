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


@pytest.mark.parametrize("uri", [WAYS[0], *(pytest.param(way, marks=pytest.mark.long()) for way in WAYS[1:])])
def test_no_artefact_and_no_message_holds_a_secret(uri: str, tmp_path: Path, quickly: Callable[..., Any]) -> None:
    (tmp_path / "experiment.yaml").write_text(CONFIG)
    variables = {"TRACK": f"http://user:{SECRET}@127.0.0.1:9"}
    start = ("--start", "2000-01-16", "--lead-time", "6h")
    steps = [
        ("train", "experiment.yaml", "--run-dir", "run", f"training.tracking_uri='{uri}'"),
        ("forecast", "run/checkpoint.safetensors", "-o", "f.zarr", *start),
        ("verify", "f.zarr", "verification.maps=1"),
        ("inspect", "f.zarr"),
    ]
    for step in steps:
        done = quickly(*step, folder=tmp_path, **variables)
        assert done.returncode == 0, done.stderr
        assert SECRET not in done.stdout + done.stderr
        variables.pop("TRACK", None)  # the training alone needs it
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in files if SECRET.encode() in path.read_bytes()]
    assert ("${oc.env:TRACK}" in (tmp_path / "run" / "config.yaml").read_text()) == ("TRACK" in uri)


ADDRESS = f"http://user:{SECRET}@127.0.0.1:9/data.zarr"
TOKEN = f"http://127.0.0.1:9/data.zarr?token={SECRET}"
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("{}",),
    ("check-plugin", "{}"),
    ("check-plugin", "data-source", "xarray", "--option", "path={}"),
    ("check-plugin", "data-source", "xarray", "--option", "path={}", "--json"),
    ("check-plugin", "data-source", "xarray", "--option", "path='${{oc.env:PLACE}}'"),
    ("check-plugin", "processor", "gnn", "--option", "num_layers={}", "-v"),
    ("config", "show", "training.tracking_uri='{}'"),
    ("config", "show", "training.tracking_uri='{}'", "--origin"),
    ("config", "show", "training.tracking_uri='{}'", "--json"),
    ("config", "explain", "{}"),
    ("config", "explain", "training", "training.tracking_uri='{}'"),
    ("config", "validate", "training.max_steps='{}'"),
    ("config", "validate", "training.max_steps='{}'", "--json"),
    ("config", "validate", "training.max_steps='${{oc.env:PLACE}}'", "-v"),
    ("config", "validate", "'{}'=1"),
    ("doctor", "--for", "{}"),
    ("doctor", "--manifest", "{}"),
    ("forecast", "{}", "-o", "f.zarr", "-v"),
    ("forecast", "c.safetensors", "-o", "f.zarr", "--members", "{}"),
    ("import-anemoi", "{}", "e.yaml", "-o", "c.safetensors"),
    ("inspect", "{}"),
    ("inspect", "{}", "--json"),
    ("list-plugins", "--kind", "{}"),
    ("new-plugin", "processor", "{}"),
    ("new-plugin", "{}", "acme"),
    ("show-plugin", "processor", "{}"),
    ("show-plugin", "{}", "gnn"),
    ("train", "data.source={{plugin: xarray, path: '{}'}}", "--run-dir", "run", "-v"),
    ("train", "data.source={{plugin: xarray, path: '${{oc.env:PLACE}}'}}", "--run-dir", "run", "-v"),
    ("track", "login", "{}"),
    ("track", "login", "{}", "--remove"),
    ("track", "sync", "run", "--to", "{}"),
    ("train", "{}"),
    ("train", "--resume={}"),
    ("verify", "{}", "-v"),
)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_no_command_shows_a_secret_that_it_is_given(
    words: tuple[str, ...], tmp_path: Path, quickly: Callable[..., Any]
) -> None:
    given = (ADDRESS,) if "PLACE" in " ".join(words) else (ADDRESS, TOKEN)
    for address in given:
        done = quickly(*(word.format(address) for word in words), folder=tmp_path, PLACE=address)
        assert done.returncode in (0, 1, 2, 3), done.stderr
        assert done.stdout + done.stderr
        assert SECRET not in done.stdout + done.stderr
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in files if SECRET.encode() in path.read_bytes()]


@pytest.mark.parametrize("words", [COMMANDS[1], COMMANDS[14], COMMANDS[28]], ids=" ".join)
def test_the_console_script_says_the_same(
    words: tuple[str, ...], tmp_path: Path, run: Callable[..., Any], quickly: Callable[..., Any]
) -> None:
    given = [word.format(ADDRESS) for word in words]
    done, same = (one(*given, folder=tmp_path, PLACE=ADDRESS) for one in (run, quickly))
    assert (done.returncode, done.stdout, done.stderr) == (same.returncode, same.stdout, same.stderr)
