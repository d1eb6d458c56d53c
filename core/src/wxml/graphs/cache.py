"""Keeps graphs that took long to build."""

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
from wxml.files.folders import cache_folder
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
    """Read the graph of `grid` from the cache, or build it now and keep it if that took long.

    The name of the file is a hash of the builder's code, version and options and of the grid, so a graph of an earlier
    version is never read. A damaged file, a full disk or a folder that cannot be written only give a warning. If
    several processes need the same graph, one of them builds it and the others wait.
    """
    used = lock([UsedPlugin(resolve("graph-builder", choice.plugin), choice.options)])
    key = hashlib.sha256((json.dumps(used, sort_keys=True) + grid.identity).encode()).hexdigest()[:16]
    path = cache_folder() / f"graph-{key}.safetensors"
    with locked(path.with_suffix(".lock")):
        if path.is_file():
            try:
                return Graph.from_arrays(load_file(path))
            except (SafetensorError, OSError, ContractError, KeyError) as error:
                logger.warning("cache file %s is damaged (%s); the graph is built again", path, error)
        began = time.monotonic()
        graph: Graph = create("graph-builder", choice.plugin, choice.options, where="graph").build(grid)
        if time.monotonic() - began > WORTH_KEEPING:
            _store(path, graph)
        return graph


def _store(path: Path, graph: Graph) -> None:
    try:
        with staged(path, overwrite=True) as temporary:
            save_file(graph.to_arrays(), temporary)
    except (OSError, SafetensorError, ArtefactError) as error:
        logger.warning("could not keep the graph in %s, so the next run builds it again: %s", path.parent, error)
