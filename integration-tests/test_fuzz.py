"""Mutated artefacts end in a sentence and exit code 2, or in the result of the whole one; memory stays bounded.

`WXML_FUZZ` is the number of mutations in total; `nox -s fuzz` sets it. The seeds are fixed. Every command takes less
than 1 GiB of resident memory beyond what the process had before.
"""

import json
import os
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from click.testing import CliRunner, Result
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from wxml import assemble, load_config
from wxml.cli import group
from wxml.files.checksums import sealed
from wxml_trainer_lightning.state import StateFile, TrainingState

SHARE = int(os.environ.get("WXML_FUZZ", "100")) // 10
"""How many mutations each of the ten tests makes."""
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
    [10**9, 10**9],
    1e300,
    "NaN",
    "9" * 5000,
]
METADATA = (".zattrs", ".zarray", ".zgroup", ".zmetadata", "zarr.json")
ATTRIBUTES = (
    "units",
    "calendar",
    "scale_factor",
    "add_offset",
    "_FillValue",
    "missing_value",
    "valid_range",
    "standard_name",
)
PIECES = ["&a [*a]", "<<: ", "*b", "? ", "- ", "{", "]", "\t", "!!python/object:os.system ", "'", "\x00", "9" * 5000]


@pytest.fixture(scope="module")
def warm(trained: Path, forecast_file: Path) -> Path:
    """The folder of the training, after a forecast and a verification in this process, which has imported all then."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(trained)
        assert command("forecast", "run/checkpoint.safetensors", "-o", "warm.nc", "--overwrite").exit_code == 0
        assert command("verify", "forecast.nc", "verification.maps=0", "-o", "warm", "--overwrite").exit_code == 0
    return trained


@pytest.fixture(autouse=True)
def address_space(warm: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Four gibibytes more than a forecast has needed: more ends a command and not the machine.

    The data's path is relative to the folder.
    """
    monkeypatch.chdir(warm)
    before = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 4 * GIBIBYTE, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def command(*arguments: str) -> Result:
    """Run a command, and insist that it takes less than one gibibyte of memory."""
    with little_memory(" ".join(arguments)):
        return CliRunner().invoke(group, list(arguments))


@contextmanager
def little_memory(what: str) -> Iterator[None]:
    """Insist that the context takes less than one gibibyte of memory."""
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak
    before = resident("VmRSS")
    yield
    taken = resident("VmHWM") - before
    assert taken < GIBIBYTE, f"{what} took {taken >> 20} MiB"


def resident(name: str) -> int:
    """`VmRSS`, the resident memory, or `VmHWM`, its peak, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(name))


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


def change_tensors(tensors: dict[str, Any], random: np.random.Generator) -> None:
    """Exchange two tensors, or remove, reshape, rename or change one."""
    names = sorted(tensors)
    first, second = (names[number] for number in random.choice(len(names), 2, replace=False))
    one = tensors[first]
    match random.integers(5):
        case 0:
            tensors[first], tensors[second] = tensors[second].clone(), one.clone()
        case 1:
            del tensors[first]
        case 2:
            tensors[first] = one.reshape(-1).clone() if one.ndim > 1 else one[None].clone()
        case 3:
            tensors[f"{first}x"] = tensors.pop(first)
        case _:
            tensors[first] = one.double() if random.integers(2) else one.neg() - 1


def damaged(whole: bytes, random: np.random.Generator) -> bytes:
    """Change up to four bytes, or cut the end off."""
    changed = bytearray(whole)
    for offset in random.integers(len(whole), size=random.integers(1, 5)):
        changed[offset] = random.integers(256)
    return bytes(changed[: random.integers(len(whole))] if random.integers(10) == 0 else changed)


def test_changed_bytes_of_a_checkpoint(forecast_file: Path, tmp_path: Path) -> None:
    whole, random, equal = Path("run/checkpoint.safetensors").read_bytes(), np.random.default_rng(1), 0
    path = tmp_path / "c.safetensors"
    for _ in range(SHARE):
        path.write_bytes(damaged(whole, random))
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
    random, path = np.random.default_rng(3), tmp_path / "c.safetensors"
    for _ in range(SHARE // 2):
        changed = dict(tensors)
        change_tensors(changed, random)
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
            outcome("verify", str(path), "verification.maps=0", "-o", str(tmp_path / "scores"), "--overwrite")


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


# Stores of zarr


def change_store(store: Path, random: np.random.Generator) -> str:
    """Change the metadata of a zarr store: the values in one of its files, its bytes, or remove it; name the file."""
    files = sorted(path for path in store.rglob("*") if path.name in METADATA)
    file = files[random.integers(len(files))]
    match random.integers(6):
        case 0:
            file.write_bytes(damaged(file.read_bytes(), random))
        case 1:
            file.unlink()
        case _:
            document = json.loads(file.read_text())
            if file.name != ".zarray":
                attributes = document if file.name == ".zattrs" else document.setdefault("attributes", {})
                name = ATTRIBUTES[random.integers(len(ATTRIBUTES))]
                if random.integers(3) == 0:
                    attributes[name] = VALUES[random.integers(len(VALUES))]
            if list(places(document)):
                change(document, random)
            file.write_text(json.dumps(document))
    return file.relative_to(store).as_posix()


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_hostile_metadata_of_data(trained: Path, tmp_path: Path, zarr_format: int) -> None:
    with xr.open_dataset(trained / "world.nc") as world:
        world.to_zarr(tmp_path / "whole.zarr", zarr_format=zarr_format, consolidated=False)
    random = np.random.default_rng(6)
    for _ in range(SHARE // 2):
        shutil.rmtree(tmp_path / "d.zarr", ignore_errors=True)
        shutil.copytree(tmp_path / "whole.zarr", tmp_path / "d.zarr")
        change_store(tmp_path / "d.zarr", random)
        source = f"data.source.path={tmp_path / 'd.zarr'}"
        outcome("forecast", "run/checkpoint.safetensors", "-o", str(tmp_path / "f.nc"), "--overwrite", source)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_hostile_metadata_of_a_forecast(tmp_path: Path, zarr_format: int) -> None:
    whole = str(tmp_path / "whole.zarr")
    writer = f"forecast.writer={{plugin: zarr, zarr_format: {zarr_format}}}"
    assert outcome("forecast", "run/checkpoint.safetensors", "-o", whole, writer)
    assert outcome("verify", whole, "verification.maps=0", "-o", str(tmp_path / "right"))
    random, path = np.random.default_rng(7), tmp_path / "f.zarr"
    for _ in range(SHARE // 2):
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(whole, path)
        what = change_store(path, random)
        outcome("inspect", str(path))
        if outcome("verify", str(path), "verification.maps=0", "-o", str(tmp_path / "scores"), "--overwrite"):
            assert same_forecast(tmp_path / "scores" / "scores.nc", tmp_path / "right" / "scores.nc"), what


# The graph cache and the state of a training


def change_file(path: Path, key: str, random: np.random.Generator) -> str:
    """Change a safetensors file: its bytes, or its header or tensors with fitting checksums; say which."""
    how = ("bytes", "header", "tensors")[random.integers(3)]
    if how == "bytes":
        path.write_bytes(damaged(path.read_bytes(), random))
        return how
    with safe_open(path, framework="pt") as file:
        header, tensors = json.loads(file.metadata()[key]), load_file(path)
    plain = {name: value for name, value in header.items() if name not in ("checksum", "checksums")}
    if how == "header":
        change(plain, random)
    else:
        change_tensors(tensors, random)
    save_file(tensors, path, {key: sealed(plain, tensors)})
    return how


def trained_again(folder: Path, *arguments: str) -> bool:
    return outcome("train", "experiment.yaml", "--run-dir", str(folder), *arguments)


def test_files_of_the_graph_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WXML_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("wxml.graphs.cache.WORTH_KEEPING", -1.0)  # the graphs of this test are built at once
    loaded = load_config(Path("experiment.yaml"))
    right = assemble(loaded).graph.identity
    random, (file,) = np.random.default_rng(8), (tmp_path / "cache").glob("graph-*.safetensors")
    whole = file.read_bytes()
    for _ in range(SHARE):
        file.write_bytes(whole)
        how = change_file(file, "wxml", random)
        with little_memory(how):
            graph = assemble(loaded).graph
        assert how == "tensors" or graph.identity == right
        if how == "tensors":
            outcome("train", "experiment.yaml", "--plan")


def test_states_of_a_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    half, often = tmp_path / "half", "training.checkpoint_every=1"
    write = StateFile.write

    def writing(self: StateFile, state: TrainingState) -> None:
        write(self, state)
        if state.position.step == 1:
            shutil.copytree(self.run_dir, half)

    with monkeypatch.context() as patched:
        patched.setattr(StateFile, "write", writing)
        assert trained_again(tmp_path / "right", often)
    right, random = (tmp_path / "right" / "checkpoint.safetensors").read_bytes(), np.random.default_rng(9)
    shutil.copytree(half, tmp_path / "whole")
    assert trained_again(tmp_path / "whole", "--resume", often)
    assert (tmp_path / "whole" / "checkpoint.safetensors").read_bytes() == right
    for _ in range(SHARE):
        shutil.rmtree(tmp_path / "run", ignore_errors=True)
        shutil.copytree(half, tmp_path / "run")
        how = change_file(tmp_path / "run" / "state.safetensors", "wxml_training_state", random)
        if trained_again(tmp_path / "run", "--resume", often) and how == "bytes":
            assert (tmp_path / "run" / "checkpoint.safetensors").read_bytes() == right
