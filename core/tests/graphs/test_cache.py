"""Graphs are built once, and a broken cache is no more than a warning."""

import importlib
import json
import logging
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from wxml import ConfigError
from wxml.files.checksums import sealed
from wxml.graphs.cache import built_graph
from wxml.plugins.options.choices import PluginChoice
from wxml.testing import tiny_graph, tiny_grid

BUILDER = '''
"""A graph builder that writes down what it builds."""
from typing import Annotated
from pydantic import Field
from wxml import GraphBuilder
from wxml.testing import tiny_graph

built = []

class Counting(GraphBuilder):
    def __init__(self, *, neighbours: Annotated[int, Field(gt=0)] = 3, mesh_nodes: int = 12, levels: int = 0):
        self.neighbours, self.mesh_nodes, self.levels = neighbours, mesh_nodes, levels
    def _build(self, grid):
        built.append((len(grid), self.neighbours))
        return tiny_graph(grid, self.mesh_nodes, self.neighbours, self.levels)
'''
CHOICE = PluginChoice(plugin="counting")


@pytest.fixture
def built(
    site: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> list[tuple[int, int]]:
    """Numbers of grid nodes and of neighbours of the graphs that the plugin `counting` has built, in order."""
    caplog.set_level(logging.WARNING, logger="wxml")
    site.add("counting", "[wxml.graph_builders]\ncounting = counting:Counting", {"counting.py": BUILDER})
    monkeypatch.setenv("WXML_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("wxml.graphs.cache.WORTH_KEEPING", -1.0)
    graphs: list[tuple[int, int]] = importlib.import_module("counting").built
    return graphs


def test_a_second_run_reads_what_the_first_one_built(built: list[tuple[int, int]], tmp_path: Path) -> None:
    first, second = (built_graph(CHOICE, tiny_grid()) for _ in range(2))
    assert first.identity == second.identity == tiny_graph(tiny_grid()).identity
    assert built == [(48, 3)]
    (file,) = (tmp_path / "cache").iterdir()
    assert re.fullmatch(r"graph-[0-9a-f]{16}\.safetensors", file.name)


def test_coarser_levels_are_kept(built: list[tuple[int, int]]) -> None:
    choice = PluginChoice.model_validate({"plugin": "counting", "levels": 2})
    first, second = (built_graph(choice, tiny_grid()) for _ in range(2))
    assert first.identity == second.identity
    assert [len(level.nodes) for level in second.mesh().levels()] == [12, 6, 3]
    assert len(built) == 1


def test_another_grid_or_other_options_are_another_graph(built: list[tuple[int, int]]) -> None:
    built_graph(CHOICE, tiny_grid())
    built_graph(CHOICE, tiny_grid(4, 8))
    other = built_graph(PluginChoice(plugin="counting", neighbours=2), tiny_grid())
    assert built == [(48, 3), (32, 3), (48, 2)]
    assert other.identity == tiny_graph(tiny_grid(), neighbours=2).identity


def test_options_in_another_order_are_the_same_graph(built: list[tuple[int, int]]) -> None:
    built_graph(PluginChoice.model_validate({"plugin": "counting", "neighbours": 2, "mesh_nodes": 9}), tiny_grid())
    built_graph(PluginChoice.model_validate({"plugin": "counting", "mesh_nodes": 9, "neighbours": 2}), tiny_grid())
    assert len(built) == 1


def test_a_wrong_option_is_named_where_it_stands_in_the_config(built: list[tuple[int, int]]) -> None:
    with pytest.raises(ConfigError, match=r"must be greater than 0, got 0 \(graph\.neighbours\)"):
        built_graph(PluginChoice(plugin="counting", neighbours=0), tiny_grid())
    assert not built


@pytest.mark.parametrize("kept", [0, 9, 1000])
def test_a_file_cut_short_is_built_again(
    built: list[tuple[int, int]], tmp_path: Path, caplog: pytest.LogCaptureFixture, kept: int
) -> None:
    expected = built_graph(CHOICE, tiny_grid()).identity
    (file,) = (tmp_path / "cache").iterdir()
    file.write_bytes(file.read_bytes()[:kept])
    assert built_graph(CHOICE, tiny_grid()).identity == expected
    (warning,) = caplog.messages
    assert re.fullmatch(
        rf"cache file {re.escape(str(file))} is damaged \((?!None).+\); the graph is built again", warning
    )
    assert built_graph(CHOICE, tiny_grid()).identity == expected
    assert len(built) == 2  # the third run read the file that replaced the damaged one


def test_a_file_with_the_graph_of_something_else_is_built_again(
    built: list[tuple[int, int]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    built_graph(PluginChoice(plugin="counting", neighbours=2), tiny_grid())
    (other,) = (tmp_path / "cache").iterdir()
    expected = built_graph(CHOICE, tiny_grid()).identity
    (file,) = set((tmp_path / "cache").iterdir()) - {other}
    other.rename(file)
    assert built_graph(CHOICE, tiny_grid()).identity == expected
    (warning,) = caplog.messages
    assert "it was made of other areas, data, files, grid, options, plugins" in warning
    assert len(built) == 3


@pytest.mark.parametrize("seed", range(3))
def test_no_changed_byte_gives_another_graph(built: list[tuple[int, int]], tmp_path: Path, seed: int) -> None:
    expected = built_graph(CHOICE, tiny_grid()).identity
    (file,) = (tmp_path / "cache").iterdir()
    whole, random = file.read_bytes(), np.random.default_rng(seed)
    for offset in random.integers(len(whole), size=30):
        damaged = bytearray(whole)
        damaged[offset] ^= 1 << random.integers(8)
        file.write_bytes(damaged)
        assert built_graph(CHOICE, tiny_grid()).identity == expected
    assert len(built) > 25


def test_a_file_without_checksums_is_built_again(built: list[tuple[int, int]], tmp_path: Path) -> None:
    graph = built_graph(CHOICE, tiny_grid())
    (file,) = (tmp_path / "cache").iterdir()
    save_file(graph.to_arrays(), file)
    built_graph(CHOICE, tiny_grid())
    assert len(built) == 2


def test_a_cache_that_cannot_be_written_is_a_warning(
    built: list[tuple[int, int]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert built_graph(CHOICE, tiny_grid()).identity == tiny_graph(tiny_grid()).identity
    (warning,) = caplog.messages
    where = re.escape(str(tmp_path / "cache"))
    text = rf"could not keep graphs in {where}, so the next run makes them again: (?!None).+"
    assert re.fullmatch(text, warning, re.DOTALL)


def test_what_is_built_fast_is_not_kept(
    built: list[tuple[int, int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wxml.graphs.cache.WORTH_KEEPING", 60.0)
    for _ in range(2):
        built_graph(CHOICE, tiny_grid())
    assert not any((tmp_path / "cache").iterdir())
    assert len(built) == 2


ARRAYS: list[tuple[str, Any]] = [
    ("edges/mesh/mesh/source", np.zeros(3)),
    ("edges/mesh/mesh/features", np.zeros(3, np.float32)),
    ("edges/mesh/grid/pointers", None),
    ("edges/mesh/grid/pointers", np.zeros(3)),
    ("edges/mesh/grid/pointers", np.array([0, 5, 1])),
    ("edges/mesh/grid/pointers", np.arange(9)),
    ("nodes/grid/latitudes", np.zeros(7)),
    ("nodes", np.zeros(7)),
]


@pytest.mark.parametrize(("name", "array"), ARRAYS)
def test_arrays_that_make_no_graph_are_built_again(
    built: list[tuple[int, int]], tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, array: Any
) -> None:
    expected = built_graph(CHOICE, tiny_grid()).identity
    (file,) = (tmp_path / "cache").iterdir()
    with safe_open(file, framework="np") as opened:
        header = json.loads(opened.metadata()["wxml"])
    arrays = {key: value for key, value in load_file(file).items() if key != name}
    arrays |= {} if array is None else {name: array}
    plain = {key: value for key, value in header.items() if key not in ("checksum", "checksums")}
    save_file(arrays, file, {"wxml": sealed(plain, arrays)})
    assert built_graph(CHOICE, tiny_grid()).identity == expected
    assert "is damaged" in caplog.text
