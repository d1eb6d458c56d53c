"""Nothing half-written, nothing lost."""

import errno
from pathlib import Path

import pytest
from wxml import ArtefactError
from wxml.files.staging import staged


def test_a_file_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    with staged(tmp_path / "a.txt") as temporary:
        temporary.write_text("whole")
        assert not (tmp_path / "a.txt").exists()
        assert temporary.suffix == ".txt"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


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


def test_a_full_disk_is_a_sentence(tmp_path: Path) -> None:
    def fill_the_disk() -> None:
        with staged(tmp_path / "a") as temporary:
            temporary.write_text("half")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(ArtefactError, match=r"could not write .*No space left on device\n"):
        fill_the_disk()
    assert not list(tmp_path.iterdir())


def test_a_file_gets_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    with staged(tmp_path / "a") as temporary:
        temporary.touch(mode=0o600)
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "plain").stat().st_mode
