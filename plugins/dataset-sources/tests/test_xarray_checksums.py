"""The SHA-256 of all bytes: right, on request, and computed once for each state of a file."""

import hashlib
import json
import logging
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Sequence
from copy import copy
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
import xarray as xr
from wxml.errors import DataError
from wxml_dataset_sources.xarray_reading import checksums as module
from wxml_dataset_sources.xarray_reading import kept_checksums
from wxml_dataset_sources.xarray_reading.checksums import checksums
from wxml_dataset_sources.xarray_reading.kept_checksums import KeptChecksums
from wxml_dataset_sources.xarray_source import XarraySource

MIB = 2**20
counted = pytest.mark.skipif(not os.path.exists("/proc/self/io"), reason="the system does not count what is read")


def bytes_read() -> int:
    """The bytes that this process has read from files so far."""
    return int(Path("/proc/self/io").read_text().split()[1])


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own, which keeps the checksum of a file that was just written, too."""
    monkeypatch.setenv("WXML_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(module, "SETTLED", -1.0)
    return tmp_path / "cache"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """16 MiB of random bytes."""
    path = tmp_path / "data"
    path.write_bytes(np.random.default_rng(0).bytes(16 * MIB))
    return path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.usefixtures("cache")
def test_they_are_those_of_all_bytes_in_the_order_of_the_files(file: Path, tmp_path: Path) -> None:
    (other := tmp_path / "other").write_bytes(b"")
    (tmp_path / "store" / "t").mkdir(parents=True)
    (tmp_path / "store" / "t" / "0.0").write_bytes(b"chunk")
    (tmp_path / "store" / ".zgroup").write_bytes(b"{}")
    lines = "".join(f"{sha256(tmp_path / 'store' / name)}  {name}\n" for name in (".zgroup", "t/0.0"))
    expected = [sha256(other), hashlib.sha256(lines.encode()).hexdigest(), sha256(file)]
    for _ in range(2):
        assert checksums([str(other), str(tmp_path / "store"), str(file)]) == expected


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """Four ones at two times."""
    axes = {"time": ("time", [0.0, 6.0], {"units": "hours since 2000-01-01"}), "lat": [1.0, 0.0], "lon": [0.0, 1.0]}
    xr.Dataset({"t": (("time", "lat", "lon"), np.ones((2, 2, 2), "f4"))}, axes).to_netcdf(path := tmp_path / "a.nc")
    return path


@pytest.mark.usefixtures("cache")
def test_the_source_records_them_where_they_are_asked_for(world: Path) -> None:
    plain, asked = (XarraySource(path=str(world), checksum=checksum) for checksum in (False, True))
    (file,) = plain.provenance()["files"]
    assert "sha256" not in file
    assert asked.provenance() == plain.provenance() | {"files": [file | {"sha256": sha256(world)}]}
    assert plain.checksums() == asked.checksums() == [sha256(world)]


# In the background


def held(monkeypatch: pytest.MonkeyPatch, outcome: Callable[[], list[str]]) -> tuple[Event, Event]:
    """Let checksums begin, which sets the first event, and end when the second one is set."""
    begun, free = Event(), Event()

    def compute(_: Sequence[str]) -> list[str]:
        begun.set()
        assert free.wait(600)
        return outcome()

    monkeypatch.setattr(module, "checksums", compute)
    return begun, free


def test_the_source_can_be_read_while_they_are_computed(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, free = held(monkeypatch, lambda: ["ab" * 32])
    source = XarraySource(path=str(world), checksum=True)
    assert begun.wait(600)
    np.testing.assert_array_equal(source.read(source.header.times, ["t"]), 1)
    free.set()
    assert [one["sha256"] for one in source.provenance()["files"]] == ["ab" * 32]


def test_what_goes_wrong_is_told_where_the_record_is_made(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> list[str]:
        raise DataError("it is gone", fix="look for it")

    _, free = held(monkeypatch, fail)
    source = XarraySource(path=str(world), checksum=True)
    free.set()
    for _ in range(2):
        with pytest.raises(DataError, match="it is gone"):
            source.provenance()


@pytest.mark.usefixtures("cache")
def test_a_copy_for_another_process_computes_its_own(world: Path) -> None:
    source = XarraySource(path=str(world), checksum=True)
    assert copy(source).provenance() == source.provenance()  # what pickling does


# The cache


@pytest.mark.usefixtures("cache")
def test_a_second_command_reads_nothing(file: Path) -> None:
    first = bytes_read()
    expected = checksums([str(file)])
    second = bytes_read()
    assert checksums([str(file)]) == expected
    assert second - first >= 16 * MIB
    assert bytes_read() - second < MIB


def replace_with_the_same_size(file: Path) -> None:
    file.with_name("new").write_bytes(bytes(16 * MIB))
    file.with_name("new").replace(file)


def edit_and_put_the_time_back(file: Path) -> None:
    status = file.stat()
    with file.open("r+b") as opened:
        opened.seek(5 * MIB + 3)
        opened.write(b"x")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


CHANGES: dict[str, Callable[[Path], Any]] = {
    "another file of the same size": replace_with_the_same_size,
    "a byte, and the time is put back": edit_and_put_the_time_back,
    "one byte more": lambda file: os.truncate(file, 16 * MIB + 1),
    "cut short": lambda file: os.truncate(file, 100),
}


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_file_is_read_again(change: str, file: Path) -> None:
    (before,) = checksums([str(file)])
    CHANGES[change](file)
    assert checksums([str(file)]) == [sha256(file)] != [before]


@pytest.mark.usefixtures("cache")
def test_a_changed_chunk_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    for number in range(3):
        (tmp_path / "store" / f"{number}").write_bytes(b"old")
    (before,) = checksums([str(tmp_path / "store")])
    (tmp_path / "store" / "1").write_bytes(b"new")
    assert checksums([str(tmp_path / "store")]) != [before]


def test_a_file_that_was_just_written_is_read_again(file: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second change in the same tick of the clock would leave its times as they are."""
    monkeypatch.setattr(module, "SETTLED", 3600.0)
    checksums([str(file)])
    assert not (cache / "checksums.sqlite").exists()


def test_a_file_that_changes_while_it_is_read_is_not_kept(
    file: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = module._digest

    def change_then_digest(*arguments: Any) -> str:
        os.truncate(file, 10)
        return whole(*arguments)

    monkeypatch.setattr(module, "_digest", change_then_digest)
    checksums([str(file)])
    assert not (cache / "checksums.sqlite").exists()


def test_an_interrupted_command_keeps_the_files_that_were_done(
    file: Path, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (done := tmp_path / "done").write_bytes(b"x" * MIB)
    blocks = module._blocks

    def stop(opened: Any) -> Any:
        for block in blocks(opened):
            yield block
            if opened.name == str(file):
                raise KeyboardInterrupt

    monkeypatch.setattr(module, "_blocks", stop)
    with pytest.raises(KeyboardInterrupt):
        checksums([str(done), str(file)])
    assert [path.name for path in cache.iterdir()] == ["checksums.sqlite"]
    monkeypatch.setattr(module, "_blocks", lambda opened: pytest.fail(f"{opened.name} is read"))
    assert checksums([str(done)]) == [sha256(done)]


def test_a_file_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="gone` cannot be read: No such file"):
        checksums([str(tmp_path / "gone")])


# The cache


def spoil(cache: Path) -> None:
    cache.mkdir()
    (cache / "checksums.sqlite").write_bytes(b"this is no database" * 100)


def write_another_table(cache: Path) -> None:
    cache.mkdir()
    with sqlite3.connect(cache / "checksums.sqlite") as connection:
        connection.execute("CREATE TABLE checksums (other TEXT)")
    connection.close()


TROUBLES: dict[str, Callable[[Path], Any]] = {
    "the cache is a file": lambda cache: cache.write_text(""),
    "damaged": spoil,
    "another table": write_another_table,
    "a folder of that name": lambda cache: (cache / "checksums.sqlite").mkdir(parents=True),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_without_a_cache_the_checksums_are_right_and_one_warning_says_so(
    trouble: str, file: Path, cache: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    TROUBLES[trouble](cache)
    (other := tmp_path / "other").write_bytes(b"other")
    with caplog.at_level(logging.WARNING, "wxml"):
        assert checksums([str(file), str(other)]) == [sha256(file), sha256(other)]
    (record,) = caplog.records
    assert "cannot be kept in" in record.getMessage()
    assert str(cache) in record.getMessage()


@pytest.mark.parametrize("written", ["", "x", "0" * 63, 5, b"0" * 64, "0" * 64 + "\n"])
def test_what_is_no_checksum_is_not_taken_for_one(written: Any, file: Path, cache: Path) -> None:
    expected = checksums([str(file)])
    with sqlite3.connect(cache / "checksums.sqlite") as connection:
        connection.execute("UPDATE checksums SET sha256 = ?", (written,))
    connection.close()
    assert checksums([str(file)]) == expected


def test_the_cache_has_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_checksums, "MOST", 3)
    kept = KeptChecksums(tmp_path / "checksums.sqlite")
    for number in [0, 1, 2, 0, 3, 4]:
        kept.keep(f"file {number}", "stamp", f"{number}" * 64)
    found = [number for number in range(5) if kept.get(f"file {number}", "stamp") == f"{number}" * 64]
    assert found == [0, 3, 4]
    assert kept.get("file 0", "another stamp") is None


def test_a_name_that_is_not_unicode_is_kept(tmp_path: Path) -> None:
    kept = KeptChecksums(tmp_path / "checksums.sqlite")
    kept.keep("caf\udce9", "stamp", "0" * 64)
    assert kept.get("caf\udce9", "stamp") == "0" * 64


SUM_ALL = """
import json, sys
from pathlib import Path
from wxml_dataset_sources.xarray_reading import checksums as module
module.SETTLED = -1.0
sys.stdin.readline()  # all begin together
print(json.dumps(module.checksums(sorted(str(path) for path in Path(sys.argv[1]).iterdir()))))
"""
"""Keeps the checksums of new files too."""


def test_processes_that_begin_together_agree(tmp_path: Path, cache: Path) -> None:
    (folder := tmp_path / "many").mkdir()
    for number in range(20):
        (folder / f"{number:02}").write_bytes(np.random.default_rng(number).bytes(1000))
    expected = [sha256(folder / f"{number:02}") for number in range(20)]
    command = [sys.executable, "-c", SUM_ALL, str(folder)]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    for process in processes:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
    assert [json.loads(process.communicate(timeout=600)[0]) for process in processes] == [expected] * 4
    with sqlite3.connect(cache / "checksums.sqlite") as connection:
        assert connection.execute("SELECT count(*) FROM checksums").fetchone() == (20,)
    connection.close()


def test_the_progress_of_long_work_is_told(
    file: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "wxml"):
        checksums([str(file)])
        assert not caplog.records
        (cache / "checksums.sqlite").unlink()
        monkeypatch.setattr(module, "WORTH_TELLING", 16)
        checksums([str(file)])
    lines = [record.getMessage() for record in caplog.records]
    assert lines[0].startswith("checksums of the data: MiB 1 of 16")
    assert lines[-1] == "checksums of the data: MiB 16 of 16"
