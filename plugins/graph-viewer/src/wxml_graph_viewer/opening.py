"""Whatever the commands are told: an experiment, a file of a graph, or a checkpoint."""

__all__ = ["Opened", "build_graph", "open_any"]

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wxml import Graph, create, load_config
from wxml.errors import ArtefactError
from wxml.graphs.cache import built_graph, ingredients
from wxml.graphs.files import open_graph

EXPERIMENTS = (".yaml", ".yml")


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """A graph, and where it is from."""

    path: Path
    graph: Graph
    record: Mapping[str, Any]
    """What it was made of: JSON values."""


def open_any(path: Path, changes: Sequence[str] = ()) -> Opened:
    """Build the graph of an experiment, or read one from a file.

    Args:
        path: an experiment (.yaml), or a file of `wxml graph build` or a checkpoint (.safetensors).
        changes: `KEY=VALUE` changes to the experiment.

    Raises:
        ArtefactError: `path` is neither, or a file is changed.
        ConfigError, UnknownPluginError, BrokenPluginError: the experiment is wrong.
        DataError: the data cannot be opened.
    """
    if path.suffix.lower() in EXPERIMENTS:
        return build_graph(path, changes)
    if changes:
        raise ArtefactError(
            f"`{path}` is a graph as it was built, and {changes[0]!r} changes an experiment",
            fix="name the experiment (.yaml), or leave the change out",
        )
    found = open_graph(path)
    return Opened(path, found.graph, found.record)


def build_graph(experiment: Path, changes: Sequence[str] = ()) -> Opened:
    """Build the graph of an experiment, or read it from the cache; of the data only the grid is read.

    Raises:
        ConfigError, UnknownPluginError, BrokenPluginError: the experiment is wrong.
        DataError: the data cannot be opened, or the graph cannot be built with these options.
    """
    config = load_config(experiment, changes).config
    chosen = config.data.source
    grid = create("data-source", chosen.plugin, chosen.options, where="data.source").header.grid
    graph = built_graph(config.graph, grid)
    written = {"artefact": "graph", "graph": config.graph.model_dump(mode="json"), "nodes": len(grid)}
    return Opened(experiment, graph, {**written, **ingredients(config.graph, grid)})
