"""A folder of wheels for machines without a network: `nox -s wheelhouse` in short, with our packages alone."""

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture(scope="module")
def maker(root: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("bundle", root / "meta" / "bundle.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def bundle(maker: ModuleType, wheels: dict[str, Path], tmp_path: Path) -> Path:
    """The folder as it is copied to another machine."""
    folder = tmp_path / "bundle"
    folder.mkdir()
    for wheel in wheels.values():
        shutil.copy(wheel, folder)
    maker.complete(folder)
    return folder


def line(folder: Path) -> str:
    """The line that `INSTALL.txt` says to type."""
    (found,) = re.findall(r"^ +(python -m pip install .*)$", (folder / "INSTALL.txt").read_text(), re.MULTILINE)
    return str(found)


def check(folder: Path) -> "subprocess.CompletedProcess[str]":
    command = ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_it_is_installed_without_an_index_and_runs_under_the_profile_of_operations(
    bundle: Path, wheels: dict[str, Path], environment_without_wxml: Any
) -> None:
    assert check(bundle).returncode == 0
    done = environment_without_wxml.run(line(bundle), bundle)
    assert done.returncode == 0, done.stdout
    names = {path.name.partition("-")[0] for path in wheels.values()}
    assert environment_without_wxml.installed() >= names
    shown = environment_without_wxml.run(
        "WXML_PROFILE=operations WXML_PLUGINS=wxml-processor-gnn wxml show-plugin processor gnn", bundle
    )
    assert shown.returncode == 0, shown.stdout
    told = environment_without_wxml.run("WXML_PROFILE=operations WXML_PLUGINS=wxml-processor-gnn wxml doctor", bundle)
    assert told.returncode == 0, told.stdout


@pytest.mark.parametrize("spoilt", ["wxml_kernels-*.whl", "requirements.txt"])
def test_a_file_that_is_not_what_it_was_is_refused(bundle: Path, spoilt: str, environment_without_wxml: Any) -> None:
    (path,) = bundle.glob(spoilt)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert path.name in check(bundle).stdout
    done = environment_without_wxml.run(line(bundle), bundle)
    assert done.returncode != 0
    assert "hash" in done.stdout.lower()
    assert not any(name.startswith("wxml") for name in environment_without_wxml.installed())


def test_each_wheel_is_pinned_with_its_hash(bundle: Path, wheels: dict[str, Path]) -> None:
    pins = (bundle / "requirements.txt").read_text().splitlines()
    assert len(pins) == len(wheels)
    assert all(re.fullmatch(r"[a-z0-9-]+==[\d.]+ --hash=sha256:[0-9a-f]{64}", pin) for pin in pins)
    assert (len(wheels) + 2) == len((bundle / "SHA256SUMS").read_text().splitlines())


def test_the_same_wheels_give_the_same_files(bundle: Path, maker: ModuleType) -> None:
    before = {path.name: path.read_bytes() for path in bundle.iterdir()}
    maker.complete(bundle)
    assert {path.name: path.read_bytes() for path in bundle.iterdir()} == before


def test_two_versions_of_a_package_are_no_bundle(bundle: Path, maker: ModuleType, tmp_path: Path) -> None:
    (wheel,) = bundle.glob("wxml_core-*.whl")
    shutil.copy(wheel, bundle / "wxml_core-9.0.0-py3-none-any.whl")
    with pytest.raises(ValueError, match="two wheels of wxml-core"):
        maker.complete(bundle)
    (tmp_path / "empty-bundle").mkdir()
    with pytest.raises(ValueError, match="has no wheels"):
        maker.complete(tmp_path / "empty-bundle")
