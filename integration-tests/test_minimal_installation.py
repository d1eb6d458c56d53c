"""The smallest installation that forecasts: `wxml-core` with torch, one processor, a data source and a writer.

Its environment has what these packages require and nothing else; pip installs their wheels there and checks that.
"""

import tomllib
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
import zarr
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
WANTED = ("wxml-core[torch]", "wxml-processor-gnn", "wxml-dataset-sources", "wxml-forecast-writers")
MOST_DISTRIBUTIONS, MOST_BYTES = 25, 150_000_000
"""Beside torch and what it requires."""
FOLDERS = {
    tomllib.loads(path.read_text())["project"]["name"]: path.parent
    for pattern in ("core", "kernels", "plugins/*")
    for path in ROOT.glob(f"{pattern}/pyproject.toml")
}
ABSENT = ("dask", "h5py", "hydra", "lightning", "matplotlib", "mlflow", "netCDF4", "pandas", "scipy", "xarray")


def requirements(name: str) -> list[str]:
    """What a distribution requires: one of this repository by its project file as it is now."""
    if name not in FOLDERS:
        return distribution(name).requires or []
    project = tomllib.loads((FOLDERS[name] / "pyproject.toml").read_text())["project"]
    optional = project["optional-dependencies"].items()
    return project["dependencies"] + [
        f'{one.partition(";")[0]}; extra == "{key}"' for key, all_ in optional for one in all_
    ]


def closure(wanted: Iterable[str]) -> set[str]:
    """The distributions that requirements lead to, themselves included."""
    found: set[tuple[str, str]] = set()
    left = [Requirement(one) for one in wanted]
    while left:
        one = left.pop()
        for extra in {"", *one.extras}:
            if (node := (canonicalize_name(one.name), extra)) in found:
                continue
            found.add(node)
            further = map(Requirement, requirements(node[0]))
            left += [each for each in further if each.marker is None or each.marker.evaluate({"extra": extra})]
    return {name for name, _ in found}


def files(name: str) -> Iterator[Path]:
    """The installed files of a distribution of others, without commands and what Python compiled."""
    for file in distribution(name).files or []:
        if ".." not in file.parts and "__pycache__" not in file.parts:
            yield Path(str(file))


def size(name: str, wheels: dict[str, Path]) -> int:
    """How many bytes a distribution takes where it is installed."""
    if name in FOLDERS:
        with zipfile.ZipFile(wheels[FOLDERS[name].relative_to(ROOT).as_posix()]) as wheel:
            return sum(each.file_size for each in wheel.infolist())
    return sum(Path(str(distribution(name).locate_file(file))).stat().st_size for file in files(name))


@dataclass(frozen=True)
class Minimal:
    """An environment with what the packages require, and their wheels."""

    environment: Any
    distributions: set[str]


@pytest.fixture(scope="module")
def minimal(tmp_path_factory: pytest.TempPathFactory, wheels: dict[str, Path], environment_with: Any) -> Minimal:
    folder, needed = tmp_path_factory.mktemp("minimal"), closure(WANTED)
    others = folder / "third-party"
    others.mkdir()
    for name in needed - set(FOLDERS):
        for top in {file.parts[0] for file in files(name)}:
            (others / top).symlink_to(str(distribution(name).locate_file(top)))
    made = environment_with(folder, others, wheels["core"].parent)
    names = " ".join(f"'{one}'" for one in WANTED)
    done = made.install(names)
    assert done.returncode == 0, done.stdout
    return Minimal(made, needed)


@pytest.fixture(scope="module")
def store(trained: Path, quick_wxml: Any) -> Path:
    """A dataset of the states that the model was trained on."""
    (trained / "recipe.yaml").write_text("source: {plugin: xarray, path: world.nc}\n")
    quick_wxml("dataset", "build", "recipe.yaml", "world.zarr", folder=trained)
    return trained


def test_it_has_few_distributions_and_bytes_beside_torch(minimal: Minimal, wheels: dict[str, Path]) -> None:
    beside = minimal.distributions - closure(["torch"])
    sizes = {name: size(name, wheels) for name in beside}
    assert len(beside) <= MOST_DISTRIBUTIONS, sorted(beside)
    assert 50_000_000 < sum(sizes.values()) <= MOST_BYTES, sizes


@pytest.mark.parametrize("library", ABSENT)
def test_what_a_training_needs_is_not_there(minimal: Minimal, library: str, tmp_path: Path) -> None:
    done = minimal.environment.run(f"python -c 'import {library}'", tmp_path)
    assert f"No module named '{library}'" in done.stdout


def test_it_forecasts_what_the_whole_installation_forecasts(
    minimal: Minimal, store: Path, quick_wxml: Any, tmp_path: Path
) -> None:
    """From a checkpoint that was trained on NetCDF, and a store of initial states in the place of those."""
    command = ["forecast", f"{store}/run/checkpoint.safetensors"]
    quick_wxml(*command, "-o", tmp_path / "whole.zarr", folder=store)
    source = f"'data.source={{plugin: anemoi, path: {store}/world.zarr}}'"
    done = minimal.environment.run(f"wxml {' '.join(command)} {source} -o small.zarr", tmp_path)
    assert done.returncode == 0, done.stdout
    whole, small = (zarr.open_group(tmp_path / name, mode="r") for name in ("whole.zarr", "small.zarr"))
    assert set(small.array_keys()) == set(whole.array_keys()) >= {"t", "z"}
    for name in ("t", "z", "time", "latitude"):
        assert small[name][...].tobytes() == whole[name][...].tobytes()


@pytest.mark.parametrize(
    ("source", "suffix", "install"),
    [
        ("{plugin: anemoi, path: world.zarr}", ".nc", "wxml-forecast-writers[netcdf]"),
        ("{plugin: xarray, path: world.nc}", ".zarr", "wxml-dataset-sources[xarray]"),
    ],
)
def test_what_it_lacks_is_told_with_the_command_that_brings_it(
    minimal: Minimal, store: Path, source: str, suffix: str, install: str, tmp_path: Path
) -> None:
    command = f"wxml forecast run/checkpoint.safetensors 'data.source={source}' -o {tmp_path / 'forecast'}{suffix}"
    done = minimal.environment.run(command, store)
    assert done.returncode == 3, done.stdout
    assert f"pip install '{install}==" in done.stdout
    assert list(tmp_path.iterdir()) == []
