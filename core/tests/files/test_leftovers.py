"""What killed processes have left in a folder; this process stands for one that is at work."""

from pathlib import Path

import pytest
from wxml.files.leftovers import leftovers, remove_leftovers, steps_path, unfinished_path, unfinished_target
from wxml.files.lock import locked
from wxml.files.staging import lock_path

LEFT = (
    ".a.zarr.lock",
    ".a.4f2e.partial.zarr/0.0",
    "b.unfinished.nc",
    "b.unfinished.nc.jsonl",
    ".state.00ab.partial.safetensors",
)
"""Of `a.zarr`, `b.nc` and `state.safetensors`."""
OTHERS = ("a.txt", "my.unfinished.txt", ".gitignore", "partial.zarr/0.0", ".others.lock", "e.nc")
"""No lock of ours has anything in it, and no forecast is without its file of steps."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (*LEFT, *OTHERS):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("" if name == ".a.zarr.lock" else "1")
    return tmp_path


def names(found: tuple) -> list[tuple[str, str]]:
    return [(one.path.name, one.target.name) for one in found]


def test_every_leftover_is_named_with_what_was_written(folder) -> None:
    assert names(leftovers(folder)) == [
        (".a.4f2e.partial.zarr", "a.zarr"),
        (".a.zarr.lock", "a.zarr"),
        (".state.00ab.partial.safetensors", "state.safetensors"),
        ("b.unfinished.nc", "b.nc"),
        ("b.unfinished.nc.jsonl", "b.nc"),
    ]


def test_leftovers_are_removed_and_nothing_else(folder) -> None:
    assert len(remove_leftovers(folder)) == 5
    assert sorted(path.name for path in folder.iterdir()) == sorted(name.partition("/")[0] for name in OTHERS)
    assert not leftovers(folder)


def test_an_empty_lock_of_another_program_stays(folder) -> None:
    """Such as that of a package manager, which holds it only now and then."""
    lock = folder / ".land.lock"
    lock.touch()
    assert len(remove_leftovers(folder)) == 5
    assert lock.exists()
    assert names(leftovers(folder, [folder / "land"])) == [(".land.lock", "land")]
    assert not lock.exists()


def test_an_empty_lock_of_a_record_is_one_of_its_artefact(folder) -> None:
    """A process that is killed while it writes the record has let go of the artefact already."""
    (folder / ".e.nc.wxml.json.lock").touch()
    assert (".e.nc.wxml.json.lock", "e.nc.wxml.json") in names(remove_leftovers(folder, [folder / "e.nc"]))
    assert not (folder / ".e.nc.wxml.json.lock").exists()


def test_a_file_that_looks_like_a_folder_moved_aside_stays(tmp_path) -> None:
    (tmp_path / ".settings.00ff.old").write_text("1")
    assert not remove_leftovers(tmp_path)
    assert (tmp_path / ".settings.00ff.old").exists()


def test_nothing_of_a_process_at_work_is_touched(folder) -> None:
    with locked(lock_path(folder / "a.zarr")), locked(lock_path(folder / "b.nc")):
        assert names(remove_leftovers(folder)) == [(".state.00ab.partial.safetensors", "state.safetensors")]
        assert (folder / ".a.4f2e.partial.zarr").exists()
        assert (folder / "b.unfinished.nc").exists()


def test_a_folder_that_was_moved_aside_is_moved_back(tmp_path) -> None:
    old = tmp_path / ".f.zarr.00ff.old"
    old.mkdir()
    (old / "0.0").write_text("whole")
    assert names(remove_leftovers(tmp_path)) == [(old.name, "f.zarr")]
    assert (tmp_path / "f.zarr" / "0.0").read_text() == "whole"
    old.mkdir()
    remove_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["f.zarr"]


def test_the_names_of_a_forecast_that_is_not_whole(tmp_path) -> None:
    target = tmp_path / "a.b.zarr"
    assert unfinished_path(target).name == "a.b.unfinished.zarr"
    assert steps_path(target).name == "a.b.unfinished.zarr.jsonl"
    assert unfinished_target(unfinished_path(target)) == target
    assert unfinished_target(target) is None
