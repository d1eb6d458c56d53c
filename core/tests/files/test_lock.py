"""One process at a time, and none for ever."""

import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Timer

import pytest
from wxml import ArtefactError
from wxml.files.lock import locked

HOLD = """
import sys
from pathlib import Path
from wxml.files.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / ".lock"


@pytest.fixture
def holder(path: Path) -> Iterator["subprocess.Popen[str]"]:
    """Another process that holds the lock until its input ends."""
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


@pytest.mark.carries_out("wait until it has ended, or choose another {}")
def test_the_folder_is_named_when_another_process_is_at_work_there(path: Path, holder: "subprocess.Popen[str]") -> None:
    with pytest.raises(ArtefactError, match=r"`.*run` is in use by another process\n.*wait"), locked(path, seconds=0):
        pass
    assert path.exists()
    with locked(path.parent.with_name("other") / ".lock", seconds=0) as held:
        assert held
    assert holder.stdin is not None
    holder.stdin.close()
    assert holder.wait(60) == 0
    with locked(path, seconds=0) as held:
        assert held


def test_who_waits_is_told_and_gets_the_lock_afterwards(
    path: Path, holder: "subprocess.Popen[str]", caplog: pytest.LogCaptureFixture
) -> None:
    assert holder.stdin is not None
    Timer(0.3, holder.stdin.close).start()
    with caplog.at_level(logging.INFO, logger="wxml"), locked(path):
        assert holder.wait(60) == 0
    assert "waiting for another process" in caplog.text


def test_a_process_that_was_killed_holds_nothing(path: Path, holder: "subprocess.Popen[str]") -> None:
    holder.kill()
    holder.wait(60)
    assert path.exists()
    with locked(path, seconds=0):
        pass


def test_nothing_is_left_behind(path: Path) -> None:
    with pytest.raises(ZeroDivisionError), locked(path):
        raise ZeroDivisionError
    assert not list(path.parent.iterdir())


def test_the_folder_may_be_removed_meanwhile(path: Path) -> None:
    with locked(path):
        path.unlink()
        path.parent.rmdir()


def test_where_nothing_can_be_written_work_goes_on_without_a_lock(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with locked(tmp_path / "file" / ".lock"):
        done = True
    assert done


def test_the_protected_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / ".f.nc.lock"
    refused = pytest.raises(ArtefactError, match=r"`.*f\.nc` is in use by another process\n.*another path")
    with locked(path), refused, locked(path, seconds=0, target=tmp_path / "f.nc"):
        pass


def test_who_holds_the_lock_knows_it(path: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with locked(path) as held, locked(tmp_path / "file" / ".lock") as not_held:
        assert (held, not_held) == (True, False)
