"""Mutated artefacts end in a sentence and exit code 2, or in the result of the whole one; memory stays bounded.

`WXML_FUZZ` is the number of mutations in total; `nox -s fuzz` sets it. The seeds are fixed.
"""

import json
import os
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from click.testing import CliRunner, Result
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from wxml.cli import group
from wxml.files.checksums import sealed

SHARE = int(os.environ.get("WXML_FUZZ", "300")) // 5
"""How many mutations each of the five tests makes."""
GIBIBYTE = 2**30
VALUES: list[Any] = [
    None,
    True,
    -1,
    0,
    1,
    2.5,
    10**18,
    -(10**12),
    "",
    "x",
    "\x1b[31m",
    [],
    [1],
    ["t", "t"],
    {},
    {"a": 1},
]
PIECES = ["&a [*a]", "<<: ", "*b", "? ", "- ", "{", "]", "\t", "!!python/object:os.system ", "'", "\x00", "9" * 5000]


@pytest.fixture(autouse=True)
def address_space(trained: Path, forecast_file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One gibibyte more than a forecast has needed; the data's path is relative to the folder."""
    monkeypatch.chdir(trained)
    assert command("forecast", "run/checkpoint.safetensors", "-o", "warm.nc", "--overwrite").exit_code == 0
    assert command("verify", "forecast.nc", "-o", "warm", "--overwrite").exit_code == 0
    before = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + GIBIBYTE, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def command(*arguments: str) -> Result:
    return CliRunner().invoke(group, list(arguments))


def outcome(*arguments: str) -> bool:
    """Whether the command succeeded; else it must have ended with a sentence."""
    done = command(*arguments)
    assert done.exit_code in (0, 2), f"{' '.join(arguments)} ended with {done.exit_code}:\n{done.output}"
    assert done.exit_code == 0 or "rror: " in done.output, done.output
    return done.exit_code == 0


def same_forecast(first: Path, second: Path) -> bool:
    with xr.open_dataset(first, decode_timedelta=True) as one, xr.open_dataset(second, decode_timedelta=True) as other:
        return bool(one.equals(other))


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all values that are nested in mappings and lists."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in inside:
        yield (*path, key)
        yield from places(below, (*path, key))


def change(tree: Any, random: np.random.Generator) -> None:
    """Remove one value of a tree, replace it, exchange it with another, or nest it deep."""
    every = list(places(tree))
    *parents, last = every[random.integers(len(every))]
    inside = tree
    for key in parents:
        inside = inside[key]
    match random.integers(8):
        case 0:
            del inside[last]
        case 1:
            other = tree
            for key in every[random.integers(len(every))]:
                other = other[key]
            inside[last] = json.loads(json.dumps(other))
        case 2:
            for _ in range(int(random.choice([40, 90, 400]))):
                inside[last] = [inside[last]]
        case _:
            inside[last] = VALUES[random.integers(len(VALUES))]


def header_and_tensors(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    with safe_open(path, framework="pt") as file:
        return json.loads(file.metadata()["wxml"]), load_file(path)


def test_changed_bytes_of_a_checkpoint(forecast_file: Path, tmp_path: Path) -> None:
    whole, random, equal = Path("run/checkpoint.safetensors").read_bytes(), np.random.default_rng(1), 0
    path = tmp_path / "c.safetensors"
    for number in range(SHARE):
        damaged = bytearray(whole)
        for offset in random.integers(len(whole), size=random.integers(1, 5)):
            damaged[offset] = random.integers(256)
        path.write_bytes(damaged[: random.integers(len(whole))] if number % 10 == 0 else damaged)
        outcome("inspect", str(path))
        if outcome("forecast", str(path), "-o", str(tmp_path / "f.nc"), "--overwrite"):
            equal += 1
            assert same_forecast(tmp_path / "f.nc", forecast_file)
    assert equal < SHARE / 2


def test_hostile_headers_with_fitting_checksums(tmp_path: Path) -> None:
    original, tensors = header_and_tensors(Path("run/checkpoint.safetensors"))
    plain = {key: value for key, value in original.items() if key not in ("checksum", "checksums")}
    random, path = np.random.default_rng(2), tmp_path / "c.safetensors"
    for _ in range(SHARE):
        header = json.loads(json.dumps(plain))
        change(header, random)
        save_file(tensors, path, {"wxml": sealed(header, tensors)})
        outcome("inspect", str(path))
        outcome("forecast", str(path), "-o", str(tmp_path / "f.nc"), "--overwrite")


@pytest.mark.parametrize("repaired", [False, True])
def test_tensors_that_were_rewritten(forecast_file: Path, tmp_path: Path, repaired: bool) -> None:
    header, tensors = header_and_tensors(Path("run/checkpoint.safetensors"))
    plain = {key: value for key, value in header.items() if key not in ("checksum", "checksums")}
    random, path, names = np.random.default_rng(3), tmp_path / "c.safetensors", sorted(tensors)
    for _ in range(SHARE // 2):
        changed = dict(tensors)
        first, second = (names[number] for number in random.choice(len(names), 2, replace=False))
        one = tensors[first]
        match random.integers(5):
            case 0:
                changed[first], changed[second] = tensors[second].clone(), one.clone()
            case 1:
                del changed[first]
            case 2:
                changed[first] = one.reshape(-1).clone() if one.ndim > 1 else one[None].clone()
            case 3:
                changed[f"{first}x"] = changed.pop(first)
            case _:
                changed[first] = one.double() if random.integers(2) else one.neg() - 1
        if all(changed.get(name) is tensor for name, tensor in tensors.items()):
            continue
        save_file(changed, path, {"wxml": sealed(plain, changed) if repaired else json.dumps(header)})
        succeeds = outcome("forecast", str(path), "-o", str(tmp_path / "f.nc"), "--overwrite")
        assert repaired or not succeeds or same_forecast(tmp_path / "f.nc", forecast_file)


def test_hostile_attributes_of_a_forecast(forecast_file: Path, tmp_path: Path) -> None:
    random, path = np.random.default_rng(4), tmp_path / "f.nc"
    with xr.open_dataset(forecast_file, decode_times=False) as whole:
        whole.load()
    for number in range(SHARE):
        record = json.loads(whole.attrs["wxml_provenance"])
        change(record, random)
        whole.assign_attrs(wxml_provenance=json.dumps(record)).to_netcdf(path)
        outcome("inspect", str(path))
        if number % 3 == 0:  # a verification that succeeds takes a second
            outcome("verify", str(path), "-o", str(tmp_path / "scores"), "--overwrite")


def test_hostile_configs(trained: Path, tmp_path: Path) -> None:
    text, random = (trained / "experiment.yaml").read_text(), np.random.default_rng(5)
    bombs = [
        "a: &a [x, x, x, x, x, x, x, x, x]\n"
        + "".join(f"{key}: &{key} [{', '.join([f'*{chr(ord(key) - 1)}'] * 9)}]\n" for key in "bcdefghi"),
        "a: " + "[" * 5000,
        "a: &a {x: 1}\n" + "".join(f"k{n}: &k{n} {{<<: [*a, *a], y{n}: *a}}\n" for n in range(300)),
    ]
    path = tmp_path / "e.yaml"
    for number in range(SHARE):
        at = random.integers(len(text))
        piece = PIECES[random.integers(len(PIECES))]
        path.write_text(bombs[number] if number < len(bombs) else text[:at] + piece + text[at + random.integers(3) :])
        outcome("config", "validate", str(path))
