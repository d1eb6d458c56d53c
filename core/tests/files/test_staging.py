"""Nothing half-written, nothing lost."""

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from wxml import ArtefactError
from wxml.files.staging import is_leftover, staged

HALF_WRITTEN = """
import os, signal, sys
from pathlib import Path
from wxml.files.staging import staged
target = Path(sys.argv[1])
with staged(target, overwrite=True) as temporary:
    if sys.argv[2] == "folder":
        temporary.mkdir()
        temporary = temporary / "part"
    temporary.write_text("half")
    print(temporary, flush=True)
    sys.stdin.read()
"""


def test_a_file_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    with staged(tmp_path / "a.txt") as temporary:
        temporary.write_text("whole")
        assert not (tmp_path / "a.txt").exists()
        assert temporary.suffix == ".txt"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.skipif(os.name != "posix", reason="files have no modes")
def test_a_private_file_is_its_owners_alone_from_the_beginning_on(tmp_path: Path) -> None:
    target = tmp_path / "a.json"
    target.touch(0o644)
    with staged(target, overwrite=True, private=True) as temporary:
        assert temporary.stat().st_mode & 0o777 == 0o600
        temporary.write_text("whole")
    assert (target.stat().st_mode & 0o777, target.read_text()) == (0o600, "whole")
    with staged(target, overwrite=True) as temporary:
        temporary.write_text("for all")
    assert target.stat().st_mode & 0o044


def test_a_failure_leaves_nothing_and_keeps_the_old(tmp_path: Path) -> None:
    target = tmp_path / "a.zarr"
    target.mkdir()
    (target / "old").touch()

    def fail_half_way() -> None:
        with staged(target, overwrite=True) as temporary:
            temporary.mkdir()
            (temporary / "half").touch()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    assert [p.name for p in tmp_path.rglob("*")] == ["a.zarr", "old"]


def test_a_folder_replaces_a_folder(tmp_path: Path) -> None:
    target = tmp_path / "a.zarr"
    for content in ("one", "two"):
        with staged(target, overwrite=True) as temporary:
            temporary.mkdir()
            (temporary / content).touch()
    assert [p.name for p in tmp_path.rglob("*")] == ["a.zarr", "two"]


def test_what_exists_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(ArtefactError, match=r"a` exists already\n.*--overwrite"), staged(tmp_path / "a"):
        pass


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="there is no folder"), staged(tmp_path / "no" / "a"):
        pass


@pytest.mark.carries_out("free some space or choose another place; nothing was left behind")
def test_a_full_disk_is_a_sentence(tmp_path: Path) -> None:
    full = {tmp_path / "full"}

    def write(folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        with staged(folder / "a") as temporary:
            temporary.write_text("half")
            if folder in full:
                raise OSError(errno.ENOSPC, "No space left on device")
            temporary.write_text("whole")

    with pytest.raises(ArtefactError, match=r"could not write .*No space left on device\n"):
        write(tmp_path / "full")
    assert not list((tmp_path / "full").iterdir())
    write(tmp_path / "other")
    full.clear()
    write(tmp_path / "full")
    for folder in ("full", "other"):
        assert (tmp_path / folder / "a").read_text() == "whole"


def test_a_file_gets_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    with staged(tmp_path / "a") as temporary:
        temporary.touch(mode=0o600)
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.fixture(params=["file", "folder"])
def writer(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """Another process that has written half of `a.zarr`, a file or a folder, and goes on when its input ends."""
    command = [sys.executable, "-c", HALF_WRITTEN, str(tmp_path / "a.zarr"), request.param]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        yield process
        process.kill()


def test_the_second_writer_is_refused_and_the_first_one_ends_well(
    writer: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    refused = pytest.raises(ArtefactError, match=r"`.*a\.zarr` is in use by another process\n")
    with refused, staged(tmp_path / "a.zarr", overwrite=True):
        pass
    assert writer.stdin is not None
    writer.stdin.close()
    assert writer.wait(60) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"a.zarr"}


def test_what_a_killed_writer_left_is_removed_by_the_next_one(writer: "subprocess.Popen[str]", tmp_path: Path) -> None:
    writer.kill()
    writer.wait(60)
    assert len(list(tmp_path.iterdir())) == 2  # the half-written file, and the lock file, which locks nothing
    with staged(tmp_path / "a.zarr") as temporary:
        temporary.touch()
    assert [path.name for path in tmp_path.iterdir()] == ["a.zarr"]


@pytest.mark.parametrize("name", ["a.zarr", "a", "a b.nc", "a.b.zarr", "a[1].nc", "ä?#%20.zarr"])
def test_a_folder_that_was_moved_aside_comes_back(tmp_path: Path, name: str) -> None:
    """The process was killed between the two renames of an overwrite."""
    target = tmp_path / name
    aside = tmp_path / f".{name}.4f.old"
    aside.mkdir()
    (aside / "precious").touch()
    with pytest.raises(ArtefactError, match="exists already"), staged(target):
        pass
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == [name, f"{name}/precious"]


def test_a_folder_comes_back_where_the_new_one_cannot_take_its_place(tmp_path: Path) -> None:
    target = tmp_path / "a.zarr"
    target.mkdir()
    (target / "precious").touch()
    with pytest.raises(ArtefactError, match="could not write"), staged(target, overwrite=True):
        pass  # nothing was written, so there is nothing to rename
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == ["a.zarr", "a.zarr/precious"]


@pytest.mark.parametrize(
    "name",
    [".a.partial.nc", ".a.4f.partial.zarr", ".b.4f.partial.nc", ".a.b.4f.partial.nc", "a.4f.partial.nc", ".a.nc"],
)
def test_files_of_others_stay(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with staged(tmp_path / "a.nc") as temporary:
        temporary.touch()
    assert {path.name for path in tmp_path.iterdir()} == {"a.nc", name}


@pytest.mark.parametrize("name", [".lock", ".config.yaml.lock", ".state.12ab.partial.safetensors", ".a.12ab.old"])
def test_names_of_leftovers_are_known(name: str) -> None:
    assert is_leftover(name)


@pytest.mark.parametrize("name", ["lock", "uv.lock", "state.safetensors", ".config.yaml", ".partial", "a.partial.nc"])
def test_other_names_are_no_leftovers(name: str) -> None:
    assert not is_leftover(name)
