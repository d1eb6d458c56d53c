"""What the cache folder holds stays within its bound, and nobody loses what they use."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from wxml.errors import DataError
from wxml.files.cache_bound import LIMIT_VARIABLE, keep_newest, keep_within_limit, lock_of, mark_used
from wxml.files.lock import locked

KIB = 2**-20  # GiB
USE = "import sys; from pathlib import Path; from wxml.files.cache_bound import mark_used; mark_used(Path(sys.argv[1]))"
HOLD = f"{USE}; print('held', flush=True); sys.stdin.read()"


def kept(parent: Path, name: str, age: int) -> Path:
    """A folder of one KiB that a process used so many seconds ago, which has ended."""
    folder = parent / name
    subprocess.run([sys.executable, "-c", USE, str(folder)], check=True)
    (folder / "data.nc").write_bytes(bytes(1024))
    os.utime(folder / ".used", (10**9 - age, 10**9 - age))
    return folder


def names(parent: Path) -> list[str]:
    return sorted(path.name for path in parent.iterdir())


def test_the_longest_unused_go_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for age, name in enumerate("dacb"):
        kept(tmp_path, name, age)
    monkeypatch.setenv(LIMIT_VARIABLE, str(4 * KIB))
    keep_within_limit(tmp_path)
    assert names(tmp_path) == ["a", "b", "c", "d"]
    monkeypatch.setenv(LIMIT_VARIABLE, str(2.5 * KIB))
    keep_within_limit(tmp_path)
    assert names(tmp_path) == ["a", "d"]


def test_what_a_process_uses_or_makes_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    used, made, mine, free = (kept(tmp_path, name, 0) for name in ("used", "made", "mine", "free"))
    mark_used(mine)
    monkeypatch.setenv(LIMIT_VARIABLE, "0")
    with (
        subprocess.Popen(
            [sys.executable, "-c", HOLD, str(used)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as user,
        locked(lock_of(made)),
    ):
        assert user.stdout is not None
        assert user.stdout.readline() == "held\n"
        keep_within_limit(tmp_path)
        left = [folder.name for folder in (used, made, mine, free) if (folder / "data.nc").exists()]
        user.communicate("")
    assert left == ["used", "made", "mine"]
    keep_within_limit(tmp_path)
    assert names(tmp_path) == ["mine"]


@pytest.mark.carries_out("set WXML_CACHE_GIB to a number such as 200")
@pytest.mark.parametrize("text", ["much", "-1", "nan"])
def test_a_limit_that_is_no_number_is_refused(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LIMIT_VARIABLE, text)
    with pytest.raises(DataError, match=f"WXML_CACHE_GIB must be a number of GiB, got '{text}'"):
        keep_within_limit(tmp_path)
    monkeypatch.setenv(LIMIT_VARIABLE, "200")
    keep_within_limit(tmp_path)


def test_of_files_the_newest_stay(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"statistics-{number}.safetensors").touch()
        os.utime(tmp_path / f"statistics-{number}.safetensors", (1000 - number, 1000 - number))
    (tmp_path / "graph-0.safetensors").touch()
    keep_newest(tmp_path, "statistics-*.safetensors", 2)
    assert names(tmp_path) == ["graph-0.safetensors", "statistics-0.safetensors", "statistics-1.safetensors"]
