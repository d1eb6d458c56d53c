"""A graph is another one if a file, the data or the code that its options name is another one."""

import importlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wxml import ConfigError, DataError
from wxml.graphs.cache import built_graph, ingredients
from wxml.plugins.options.choices import PluginChoice
from wxml.testing import tiny_grid

BUILDER = '''
"""A graph builder that is made of plugins, files and data."""
from abc import ABC
from typing import Annotated, Any
from wxml import GraphBuilder, Kind, PluginChoice, create
from wxml.testing import tiny_graph

built = []

class Reader(ABC):
    """Reads nodes."""

class Composite(GraphBuilder):
    def __init__(self, *, note: str = "", files: dict[str, Any] = {},
                 readers: Annotated[dict[str, PluginChoice], Kind("reader")] = {}):
        self.readers = readers
    def _build(self, grid):
        built.append(len(grid))
        return tiny_graph(grid)
'''
READERS = '''
"""Readers of nodes, from another package."""
from typing import Annotated
from composite_graphs import Reader
from wxml import Kind, PluginChoice
from wxml.testing import TravellingWaves

class Lines(Reader):
    def __init__(self, *, path: str = "", source: Annotated[PluginChoice | None, Kind("data-source")] = None):
        self.path = path

class Told(TravellingWaves):
    """Values that the options tell."""
    def __init__(self, *, text: str | None = "a"):
        super().__init__()
        self.text = text
    def fingerprint(self):
        return self.text
'''
TOLD = "[wxml.kinds]\nreaders = composite_graphs:Reader\n[wxml.graph_builders]\ncomposite = composite_graphs:Composite"
OTHERS = "[wxml.readers]\nlines = line_readers:Lines\n[wxml.data_sources]\ntold = line_readers:Told"


@pytest.fixture
def built(site: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[int]:
    """The numbers of grid nodes of the graphs that were built, in order."""
    site.add("composite-graphs", TOLD, {"composite_graphs.py": BUILDER})
    site.add("line-readers", OTHERS, {"line_readers.py": READERS})
    monkeypatch.setenv("WXML_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("wxml.graphs.cache.WORTH_KEEPING", -1.0)
    graphs: list[int] = importlib.import_module("composite_graphs").built
    return graphs


def choice(**options: Any) -> PluginChoice:
    return PluginChoice.model_validate({"plugin": "composite", **options})


def reader(**options: Any) -> PluginChoice:
    return choice(readers={"mesh": {"plugin": "lines", **options}})


def of_data(text: str | None) -> PluginChoice:
    return reader(source={"plugin": "told", "text": text})


@pytest.mark.parametrize("where", ["note", "in a mapping", "in a list", "of an inner plugin"])
def test_other_contents_of_a_file_are_another_graph(built: list[int], tmp_path: Path, where: str) -> None:
    file = tmp_path / "nodes.csv"
    name = str(file)
    named = {
        "note": choice(note=name),
        "in a mapping": choice(files={"one": {"two": name}}),
        "in a list": choice(files={"all": ["other", name]}),
        "of an inner plugin": reader(path=name),
    }[where]
    file.write_text("1,2")
    for _ in range(2):
        built_graph(named, tiny_grid())
    assert len(built) == 1
    file.write_text("1,3")
    for _ in range(2):
        built_graph(named, tiny_grid())
    assert len(built) == 2
    file.write_text("1,2")  # as it was: the first graph serves again
    built_graph(named, tiny_grid())
    assert len(built) == 2


def test_a_text_that_is_no_path_of_a_file_is_only_a_text(built: list[int], tmp_path: Path) -> None:
    texts = ["", "grid", str(tmp_path), "x" * 5000, "a\0b", "http://example.org/a.nc"]
    assert ingredients(choice(files={"all": texts}), tiny_grid())["files"] == {}


@settings(
    deadline=None,
    max_examples=settings.default.max_examples // 3,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(st.binary(max_size=40), min_size=2, max_size=4, unique=True))
def test_contents_and_not_times_decide(built: list[int], tmp_path: Path, contents: list[bytes]) -> None:
    file = tmp_path / "nodes.bin"
    found = []
    for each in [*contents, contents[0]]:
        file.write_bytes(each)
        found.append(json.dumps(ingredients(choice(note=str(file)), tiny_grid())))
    assert len(set(found)) == len(contents)
    assert found[0] == found[-1]


def test_the_code_of_an_inner_plugin_is_a_part_of_the_graph(built: list[int], site: Any) -> None:
    first = ingredients(reader(), tiny_grid())["plugins"]
    assert "line-readers:lines" in {entry["plugin"] for entry in first}
    assert "line-readers:lines" not in {entry["plugin"] for entry in ingredients(choice(), tiny_grid())["plugins"]}


def test_other_data_are_another_graph_and_are_not_read_as_files(built: list[int], tmp_path: Path) -> None:
    for text in ("a", "b", "a"):
        built_graph(of_data(text), tiny_grid())
    assert len(built) == 2
    (tmp_path / "data.nc").write_text("")
    made_of = ingredients(of_data(str(tmp_path / "data.nc")), tiny_grid())
    assert (made_of["files"], made_of["data"]) == ({}, [str(tmp_path / "data.nc")])


def test_other_areas_of_the_same_nodes_are_another_graph(built: list[int]) -> None:
    grid = tiny_grid()
    for weights in (grid.area_weights, np.full(len(grid), 1 / len(grid)), grid.area_weights * (1 + 1e-12)):
        built_graph(choice(), replace(grid, area_weights=weights))
    assert len(built) == 2


def test_data_that_cannot_tell_whether_they_are_the_same_are_read_again(built: list[int], tmp_path: Path) -> None:
    for _ in range(2):
        built_graph(of_data(None), tiny_grid())
    assert len(built) == 2
    assert not list((tmp_path / "cache").glob("graph-*"))


@pytest.mark.carries_out("give yourself the right to read it, or name another file")
def test_a_file_that_cannot_be_read_is_an_error(
    built: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "nodes.csv"
    file.write_text("1,2")
    with monkeypatch.context() as refusing:
        refusing.setattr("wxml.graphs.ingredients.hashlib.file_digest", _refuse)
        with pytest.raises(DataError, match=r"nodes\.csv.*cannot be read: Permission denied"):
            built_graph(choice(note=str(file)), tiny_grid())
    built_graph(choice(note=str(file)), tiny_grid())
    assert len(built) == 1


def _refuse(*_: Any) -> Any:
    raise PermissionError(13, "Permission denied")


def test_wrong_options_of_an_inner_plugin_are_named_where_they_stand(built: list[int]) -> None:
    with pytest.raises(ConfigError, match=r"graph\.readers\.mesh"):
        built_graph(choice(readers={"mesh": {"path": "a"}}), tiny_grid())
    with pytest.raises(ConfigError, match=r"graph\.readers\.mesh\.pth"):
        built_graph(reader(pth="a"), tiny_grid())
