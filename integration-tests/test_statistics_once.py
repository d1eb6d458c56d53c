"""`wxml train` on files: the statistics are computed once, and never those of files that are no longer there."""

import logging
import os
import re
import shutil
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest
import yaml
from wxml import assemble, load_config
from wxml.data.statistics import compute_statistics
from wxml_dataset_sources.xarray_source import XarraySource


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often values are read from files."""
    count: Counter[str] = Counter()
    read = XarraySource._read_part

    def counted(self: XarraySource, *arguments: Any) -> None:
        count["all"] += 1
        read(self, *arguments)

    monkeypatch.setattr(XarraySource, "_read_part", counted)
    return count


def mean() -> float:
    """The mean of the first variable, as a training gets it."""
    return float(assemble(load_config(Path("experiment.yaml"), ())).statistics.mean[0])


def test_a_second_start_a_resume_and_a_plan_read_nothing_for_statistics(
    in_world: Path, in_process: Callable[..., str], reads: Counter[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "wxml")
    train = partial(in_process, "train", "experiment.yaml")
    train("--run-dir", "first")
    assert caplog.text.count("read from the data") == 1
    reads.clear()
    train("--plan")
    assert reads["all"] == 0
    mean()
    assert reads["all"] == 0
    caplog.clear()
    train("--run-dir", "second")
    train("--run-dir", "first", "--resume")
    assert "read from the data" not in caplog.text
    assert caplog.text.count("computed by an earlier run") == 2
    first, second = (path.read_bytes() for path in sorted(in_world.glob("*/checkpoint.safetensors")))
    assert first == second
    for command in (["inspect", "second/checkpoint.safetensors"], ["doctor", "--for", "first/checkpoint.safetensors"]):
        told = in_process(*command)
        assert re.search(r"statistics +[0-9T-]+ to [0-9T-]+, computed from the data", told), told
    health = in_process("doctor")
    assert re.search(r"statistics +1 kept in the cache folder", health), health


def warm(path: Path) -> None:
    """Add 50 to the first variable in the file, in place."""
    with netCDF4.Dataset(path, "a") as file:
        file["t"][:] = file["t"][:] + 50


def in_place(path: Path) -> None:
    warm(path)


def with_its_old_time(path: Path) -> None:
    """As a copy that keeps times does, or a tool that sets them back."""
    status = path.stat()
    warm(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert path.stat().st_size == status.st_size


def swapped(path: Path) -> None:
    """Another file of the same name, size and time."""
    status = path.stat()
    shutil.copy2(path, "other.nc")
    warm(Path("other.nc"))
    os.utime("other.nc", ns=(status.st_atime_ns, status.st_mtime_ns))
    Path("other.nc").replace(path)


@pytest.mark.parametrize("change", [in_place, with_its_old_time, swapped])
def test_changed_files_never_have_old_statistics(in_world: Path, change: Any, reads: Counter[str]) -> None:
    before = mean()
    reads.clear()
    assert mean() == before
    assert reads["all"] == 0
    change(in_world / "world.nc")
    assert mean() == pytest.approx(before + 50, abs=1e-3)
    assert reads["all"] > 0


def test_a_folder_without_room_for_a_cache(in_world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = mean()
    Path("file").touch()
    monkeypatch.setenv("WXML_CACHE", str(in_world / "file" / "below"))
    assert np.isclose(mean(), expected, rtol=0, atol=0)


def test_statistics_of_another_source_are_those_of_all_of_its_times(in_world: Path, reads: Counter[str]) -> None:
    experiment = assemble(load_config(Path("experiment.yaml"), ()))
    path, names = in_world / "world.nc", experiment.statistics.variables
    warm(shutil.copy(path, in_world / "warm.nc"))
    own, other = ({"plugin": "xarray", "path": str(in_world / name)} for name in ("world.nc", "warm.nc"))
    config = yaml.safe_load(Path("experiment.yaml").read_text())
    config["data"]["source"] = {"plugin": "statistics-of", "source": own, "of": other}
    Path("statistics-of.yaml").write_text(yaml.safe_dump(config))
    reads.clear()
    found = assemble(load_config(Path("statistics-of.yaml"), ())).statistics
    warmer = XarraySource(path=other["path"])
    timestep = np.timedelta64(int(np.diff(warmer.header.times)[0].astype(int)), "s")
    expected = compute_statistics(warmer, names, warmer.header.times, timestep)
    for key in ("mean", "std", "minimum", "maximum", "tendency_std"):
        assert np.array_equal(getattr(found, key), getattr(expected, key))
    assert abs(found.mean[0] - experiment.statistics.mean[0] - 50) < 10
    reads.clear()
    assert np.array_equal(assemble(load_config(Path("statistics-of.yaml"), ())).statistics.mean, found.mean)
    assert reads["all"] == 0
