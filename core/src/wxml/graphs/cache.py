"""A cache of graphs that took long to build."""

__all__ = ["built_graph"]

import hashlib
import json
import logging
import time
from pathlib import Path

from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from wxml.config.schema import PluginChoice
from wxml.data.grid import Grid
from wxml.errors import ArtefactError, ContractError
from wxml.files.cache import cache_folder
from wxml.files.lock import locked
from wxml.files.staging import staged
from wxml.graphs.graph import Graph
from wxml.plugins.create import create
from wxml.plugins.lock import UsedPlugin, lock
from wxml.plugins.resolve import resolve

logger = logging.getLogger("wxml")

WORTH_KEEPING = 1.0
"""Seconds; a graph that was built faster is not kept."""


def built_graph(choice: PluginChoice, grid: Grid) -> Graph:
    """The graph that a builder makes for a grid: from the cache, or built now and kept if that took long.

    The name of the file is a hash of the builder's code, version and options and of the grid, so nothing stale is
    found; a damaged file, a full disk or a folder that cannot be written are logged and otherwise change nothing. Of
    several processes that need the same graph, one builds it and the others wait.
    """
    path = cache_folder() / f"graph-{_key(choice, grid)}.safetensors"
    with locked(path.with_suffix(".lock")):
        kept = _load(path)
        if kept is not None:
            return kept
        began = time.monotonic()
        graph: Graph = create("graph-builder", choice.plugin, choice.options, where="graph").build(grid)
        if time.monotonic() - began > WORTH_KEEPING:
            _store(path, graph)
        return graph


def _key(choice: PluginChoice, grid: Grid) -> str:
    used = lock([UsedPlugin(resolve("graph-builder", choice.plugin), choice.options)])
    return hashlib.sha256((json.dumps(used, sort_keys=True) + grid.identity).encode()).hexdigest()[:16]


def _load(path: Path) -> Graph | None:
    if not path.is_file():
        return None
    try:
        return Graph.from_arrays(load_file(path))
    except (SafetensorError, OSError, ContractError, KeyError) as error:
        logger.warning("cache file %s is damaged (%s); the graph is built again", path, error)
        return None


def _store(path: Path, graph: Graph) -> None:
    try:
        with staged(path, overwrite=True) as temporary:
            save_file(graph.to_arrays(), temporary)
    except (OSError, SafetensorError, ArtefactError) as error:
        logger.warning("could not keep the graph in %s, so the next run builds it again: %s", path.parent, error)
