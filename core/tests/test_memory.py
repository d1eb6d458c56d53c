"""Work that needs more memory than is free is refused before it begins."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from wxml import memory
from wxml.errors import ResourceError

FAR_TOO_MUCH = 2**60


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The control groups of a job: 1000 bytes for the user, and whatever the test writes for the job."""
    root = tmp_path / "cgroup"
    (root / "user" / "job").mkdir(parents=True)
    (tmp_path / "own").write_text("4:memory:/elsewhere\n0::/user/job\n")
    monkeypatch.setattr(memory, "CONTROL_GROUPS", root)
    monkeypatch.setattr(memory, "OWN_GROUP", tmp_path / "own")
    limit(root / "user", "1000", used=200, files=100)
    return root


def limit(group: Path, most: str, *, used: int, files: int) -> None:
    (group / "memory.max").write_text(f"{most}\n")
    (group / "memory.current").write_text(f"{used}\n")
    (group / "memory.stat").write_text(f"anon {used - files}\nfile {files}\nslab 0\n")


@pytest.mark.parametrize(
    ("most", "used", "files", "free"),
    [
        ("500", 300, 100, 300),  # the cache of files can be freed
        ("max", 300, 100, 900),  # the user's limit holds
        ("5000", 300, 100, 900),
        ("500", 900, 0, 0),
    ],
)
def test_the_smallest_limit_around_the_process_counts(
    groups: Path, most: str, used: int, files: int, free: int
) -> None:
    limit(groups / "user" / "job", most, used=used, files=files)
    assert memory.free_memory() == free


def test_a_group_that_hides_its_files_is_left_out(groups: Path) -> None:
    (groups / "user" / "job" / "memory.max").write_text("5\n")
    assert memory.free_memory() == 900


def test_without_limits_the_machine_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "OWN_GROUP", tmp_path / "none")
    assert 0 < memory.free_memory() <= psutil.virtual_memory().total


@pytest.mark.skipif(not hasattr(psutil, "RLIMIT_AS"), reason="this system limits no process")
def test_the_limit_of_the_process_counts() -> None:
    code = (
        "import resource, psutil\n"
        "from wxml.memory import free_memory\n"
        "taken = psutil.Process().memory_info().vms\n"
        "resource.setrlimit(resource.RLIMIT_AS, (taken + 2**20, resource.RLIM_INFINITY))\n"
        "print(free_memory())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=600)
    assert 0 <= int(done.stdout) <= 2**20


def test_too_much_is_refused_with_the_sizes(groups: Path) -> None:
    memory.check_memory(900, "the work", fix="do less")
    with pytest.raises(ResourceError) as raised:
        memory.check_memory(2048, "the work", fix="do less")
    assert raised.value.message == "the work would take 2.0 KiB of memory, 900 B are free"
    assert (raised.value.fix, raised.value.exit_code) == ("do less", 2)


def test_the_errors_of_libraries_are_known() -> None:
    for get in (bytearray, lambda size: np.empty(size, np.uint8), lambda size: torch.empty(size, dtype=torch.uint8)):
        with pytest.raises((MemoryError, RuntimeError)) as raised:
            get(FAR_TOO_MUCH)
        assert memory.is_out_of_memory(raised.value)
    assert memory.is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert not memory.is_out_of_memory(RuntimeError("shapes differ"))
