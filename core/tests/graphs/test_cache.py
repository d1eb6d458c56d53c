"""Graphs are built once, and a broken cache is no more than a warning."""

from pathlib import Path

import pytest
from wxml import Graph, GraphBuilder, Grid
from wxml.config.schema import PluginChoice
from wxml.graphs.cache import built_graph
from wxml.plugins.catalog import PluginRecord
from wxml.testing import tiny_graph, tiny_grid


class Counting(GraphBuilder):
    """Counts how often it builds."""

    built = 0

    def _build(self, grid: Grid) -> Graph:
        type(self).built += 1
        return tiny_graph(grid)


@pytest.fixture
def choice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> PluginChoice:
    record = PluginRecord("graph-builder", "counting", "wxml-core", "0.1.0", "wxml.testing:Counting")
    monkeypatch.setenv("WXML_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("wxml.graphs.cache.WORTH_KEEPING", -1.0)
    monkeypatch.setattr("wxml.graphs.cache.resolve", lambda *_: record)
    monkeypatch.setattr("wxml.graphs.cache.create", lambda *_, **__: Counting())
    monkeypatch.setattr(Counting, "built", 0)
    return PluginChoice(plugin="counting")


def test_a_second_run_reads_what_the_first_one_built(choice: PluginChoice) -> None:
    first, second = (built_graph(choice, tiny_grid()) for _ in range(2))
    assert Counting.built == 1
    assert first.identity == second.identity


def test_another_grid_or_other_options_are_another_graph(choice: PluginChoice) -> None:
    built_graph(choice, tiny_grid())
    built_graph(choice, tiny_grid(4, 8))
    built_graph(PluginChoice(plugin="counting", radius=1.0), tiny_grid())
    assert Counting.built == 3


@pytest.mark.parametrize("kept", [0, 9, 1000])
def test_a_file_cut_short_is_built_again(choice: PluginChoice, tmp_path: Path, kept: int) -> None:
    expected = built_graph(choice, tiny_grid()).identity
    (file,) = (tmp_path / "cache").iterdir()
    file.write_bytes(file.read_bytes()[:kept])
    assert built_graph(choice, tiny_grid()).identity == expected
    assert Counting.built == 2


def test_a_cache_that_cannot_be_written_is_a_warning(
    choice: PluginChoice, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert built_graph(choice, tiny_grid()).identity == tiny_graph(tiny_grid()).identity
    assert "the next run builds it again" in caplog.text


def test_what_is_built_fast_is_not_kept(choice: PluginChoice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wxml.graphs.cache.WORTH_KEEPING", 60.0)
    built_graph(choice, tiny_grid())
    assert not any((tmp_path / "cache").iterdir())
