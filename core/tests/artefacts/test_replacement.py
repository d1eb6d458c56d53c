"""What `--overwrite` may replace."""

from collections.abc import Callable
from pathlib import Path

import pytest
from wxml import ArtefactError, ForecastWriter, PluginChoice
from wxml.artefacts.replacement import check_target, source_paths


@pytest.fixture
def model(checkpoint: Callable[[], Path]) -> Path:
    """A checkpoint that may be replaced."""
    return checkpoint()


def check(target: Path, *inputs: Path) -> None:
    check_target(target, "checkpoint", inputs, overwrite=True)


def test_what_wxml_wrote_may_be_replaced(model: Path, tmp_path: Path) -> None:
    check(model)
    check(model, tmp_path / "absent", tmp_path / "site")
    check(tmp_path / "new")


def test_an_empty_folder_may_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    check(tmp_path / "empty")


def test_nothing_may_be_replaced_unless_the_user_says_so(model: Path) -> None:
    with pytest.raises(ArtefactError, match="exists already"):
        check_target(model, "checkpoint", [], overwrite=False)


def test_another_artefact_is_not_replaced(model: Path) -> None:
    with pytest.raises(ArtefactError, match="because it is no forecast that wxml wrote"):
        check_target(model, "forecast", [], overwrite=True)


@pytest.mark.parametrize("name", ["a.safetensors", "a.npz", "a.doc", "a", ".a", "a b", "a[1].npz"])
@pytest.mark.parametrize("content", ["file", "folder"])
@pytest.mark.parametrize("artefact", ["checkpoint", "forecast", "scores"])
def test_what_wxml_did_not_write_is_not_replaced(
    model: Path, tmp_path: Path, name: str, content: str, artefact: str
) -> None:
    target = tmp_path / name
    if content == "folder":
        target.mkdir()
        (target / "scores.nc").write_text("precious")
    else:
        target.write_text("precious")
    with pytest.raises(ArtefactError, match="cannot be replaced, because it is no"):
        check_target(target, artefact, [model], overwrite=True)


@pytest.mark.parametrize("exists", [False, True])
def test_a_link_is_not_replaced(model: Path, tmp_path: Path, exists: bool) -> None:
    link = tmp_path / "link.safetensors"
    link.symlink_to(model if exists else tmp_path / "absent")
    with pytest.raises(ArtefactError, match="is a link to"):
        check(link)


INPUTS: dict[str, Callable[[Path], Path]] = {
    "the same": lambda path: path,
    "by a detour": lambda path: path.parent / "other" / ".." / path.name,
    "relative": lambda path: Path(path.name),
    "relative by a detour": lambda path: Path("other/..") / path.name,
    "a link to it": lambda path: path.parent / "link",
    "a link to its folder": lambda path: path.parent / "other" / "up" / path.name,
    "a hard link": lambda path: path.parent / "hard",
    "its folder": lambda path: path.parent,
    "a link to a folder above": lambda path: path.parent / "other" / "up",
}


@pytest.mark.parametrize("name", INPUTS)
@pytest.mark.parametrize("is_relative", [False, True])
def test_an_input_is_not_replaced(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, is_relative: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "up").symlink_to(tmp_path)
    (tmp_path / "link").symlink_to(model)
    (tmp_path / "hard").hardlink_to(model)
    with pytest.raises(ArtefactError, match="cannot be replaced, because this command reads"):
        check(Path(model.name) if is_relative else model, INPUTS[name](model))


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("is_link", [False, True])
def test_a_folder_that_holds_an_input_is_not_replaced(tmp_path: Path, depth: int, is_link: bool) -> None:
    folder = tmp_path / "out" / "/".join("abc"[: depth - 1])
    folder.mkdir(parents=True)
    path = folder / "data.nc"
    if is_link:
        (tmp_path / "data.nc").touch()
        path.symlink_to(tmp_path / "data.nc")
    else:
        path.touch()
    with pytest.raises(ArtefactError, match="because this command reads"):
        check(tmp_path / "out", path)


def test_the_paths_of_a_source_are_those_in_its_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("a.nc", "b.nc", "c.grib", "d.zarr"):
        (tmp_path / name).touch()
    options = {"path": [f"{tmp_path}/*.nc", "~/c.grib"], "more": {"deep": f"file://{tmp_path}/d.zarr"}, "levels": [5]}
    found = source_paths(PluginChoice(plugin="files", **options))
    assert sorted(path.name for path in found) == ["a.nc", "b.nc", "c.grib", "d.zarr"]


def test_an_input_deep_in_folders_of_a_pattern_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "data.nc").touch()
    found = source_paths(PluginChoice(plugin="files", path=f"{tmp_path}/**/*.nc"))
    with pytest.raises(ArtefactError, match="because this command reads"):
        check_target(tmp_path / "a" / "b" / "data.nc", "forecast", found, overwrite=True)


@pytest.mark.carries_out("choose a path that does not exist yet, or narrow the pattern")
def test_a_pattern_of_too_many_files_is_not_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wxml.artefacts.replacement.MOST_FILES", 3)
    for number in range(4):
        (tmp_path / f"{number}.nc").touch()
    (tmp_path / "out").mkdir()

    def check_out(pattern: str, target: str = "out") -> None:
        found = source_paths(PluginChoice(plugin="files", path=f"{tmp_path}/{pattern}"))
        check_target(tmp_path / target, "scores", found, overwrite=True)

    with pytest.raises(ArtefactError, match="more than 3 files match"):
        check_out("*.nc")
    check_out("*.nc", "absent")
    check_out("[0-2].nc")


def test_a_folder_of_an_unknown_format_is_foreign(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").touch()
    (tmp_path / "c").symlink_to(tmp_path / "a")
    assert ForecastWriter.foreign_files(str(tmp_path)) == ["a/b", "c"]
    assert ForecastWriter.foreign_files(str(tmp_path / "a" / "b")) == []
