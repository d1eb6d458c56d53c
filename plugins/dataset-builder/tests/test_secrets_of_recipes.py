"""The secrets of a recipe reach whoever reads the source, and no file of a build or of a dataset."""

import errno
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from wxml.errors import ArtefactError, ConfigError, DataError
from wxml.testing.file_server import Answer, FileServer, Request
from wxml_dataset_builder import span
from wxml_dataset_builder.plan import open_source
from wxml_dataset_builder.reading import Reading

pytest.importorskip("aiohttp")
SECRET = "S3CRET-PW-71"  # noqa: S105  # no real one
WAYS = {
    "password": "http://me:{secret}@{host}/{name}",
    "signature": "http://{host}/{name}?signature={secret}",
    "variable": "${{oc.env:WXML_TEST_PLACE}}{name}",
}
"""How a recipe may hold a secret: in an address, in its query, and as the name of a variable."""


def is_allowed(request: Request) -> bool:
    return SECRET in request.query or request.headers.get("Authorization", "").startswith("Basic")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    """A server that answers nobody who does not tell the secret."""
    (tmp_path / "served").mkdir()
    with FileServer(tmp_path / "served") as made:
        made.answer = lambda request: None if is_allowed(request) else Answer(401)
        yield made


@pytest.fixture
def address(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], str]:
    """The address of a file in a way."""
    host = server.url.removeprefix("http://")
    monkeypatch.setenv("WXML_TEST_PLACE", f"http://me:{SECRET}@{host}/")
    return lambda way, name: WAYS[way].format(secret=SECRET, host=host, name=name)


def holds_secret(folder: Path) -> list[str]:
    """The files below a folder that hold the secret, but for recipes."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".yaml"]
    return [path.name for path in files if SECRET.encode() in path.read_bytes()]


@pytest.mark.parametrize("way", WAYS)
def test_no_file_of_a_build_holds_a_secret(
    way: str, tmp_path: Path, lab: Any, server: FileServer, address: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.world(server.folder / "world.nc", 6)
    recipe, target = tmp_path / "recipe.yaml", tmp_path / "out.zarr"
    renamed = {"plugin": "rename", "source": {"plugin": "xarray", "path": address(way, "world.nc")}}
    recipe.write_text(f"source: {renamed | {'names': {'t': 'warmth'}}}\n".replace("'", '"'))
    write, written = span.write_record, []

    def stopped(folder: Path, unit: int, record: Any) -> None:
        if len(written) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(unit)
        write(folder, unit, record)

    with monkeypatch.context() as patch:
        patch.setattr(span, "write_record", stopped)
        with pytest.raises(ArtefactError, match="the disk is full"):
            lab.run("build", recipe, target, "--workers", "1")
    assert (tmp_path / ".out.zarr.building" / "plan.json").exists()
    assert not holds_secret(tmp_path)
    lab.run("build", recipe, target, "--workers", "2")
    assert not holds_secret(tmp_path)
    said = lab.run("inspect", target, "--json").output
    assert SECRET not in said
    assert ("WXML_TEST_PLACE" in said) == (way == "variable")


@pytest.mark.parametrize("way", WAYS)
def test_a_dataset_goes_on_with_the_secret_that_it_does_not_hold(
    way: str, tmp_path: Path, lab: Any, server: FileServer, address: Any
) -> None:
    lab.world(server.folder / "world.nc", 6)
    lab.world(server.folder / "more.nc", 6, names=("u",))
    recipe, more, target = tmp_path / "recipe.yaml", tmp_path / "more.yaml", tmp_path / "out.zarr"
    for file, name in ((recipe, "world.nc"), (more, "more.nc")):
        file.write_text(f'source: {{plugin: xarray, path: "{address(way, name)}"}}\n')
    processes = ("--processes",) if way == "signature" else ()
    lab.run("build", recipe, target, "dates.end=2000-01-01", "--workers", "1", *processes)
    if way == "variable":
        lab.run("append", target, "dates.end=2000-01-02T06")
    else:
        with pytest.raises(ConfigError, match="holds a secret that records leave out"):
            lab.run("append", target)
        lab.run("append", target, recipe)
    lab.run("add-variables", target, more)
    assert not holds_secret(tmp_path)
    assert "6 from" in lab.run("inspect", target).output


@pytest.mark.carries_out("write absolute paths into the recipe")
def test_a_worker_in_another_folder_reads_the_same_data_or_says_so(
    tmp_path: Path, lab: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for folder, dates in ((here, 4), (there, 5)):
        folder.mkdir()
        lab.world(folder / "world.nc", dates)
    monkeypatch.chdir(here)
    readings = []
    for path in ("world.nc", str(here / "world.nc")):
        choice = {"plugin": "xarray", "path": path}
        readings.append(Reading.of(choice, open_source(choice)))
    assert "world.nc" not in repr(readings), "what a log may show of a task"
    assert [len(reading.open().header.times) for reading in readings] == [4, 4]
    monkeypatch.chdir(there)
    with pytest.raises(DataError, match=r"a worker in `.*there` reads other data than the command in `.*here`"):
        readings[0].open()
    assert len(readings[1].open().header.times) == 4
