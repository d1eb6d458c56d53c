"""Keeps graphs that took long to build."""

__all__ = ["built_graph", "ingredients"]

import logging
import time

from safetensors import SafetensorError

from wxml.data.grid import Grid
from wxml.errors import ArtefactError
from wxml.files.folders import cache_folder
from wxml.files.kept_arrays import keep_arrays, kept_arrays, kept_name
from wxml.files.lock import locked
from wxml.graphs.graph import Graph
from wxml.graphs.ingredients import ingredients
from wxml.graphs.stored import stored_graph
from wxml.plugins.create import create
from wxml.plugins.options.choices import PluginChoice

logger = logging.getLogger("wxml")

WORTH_KEEPING = 1.0
"""Seconds; a graph that was built faster is not kept."""


def built_graph(choice: PluginChoice, grid: Grid) -> Graph:
    """Read the graph of `grid` from the cache, or build it now and keep it if that took long.

    The name of the file is a hash of what the graph is made of (`ingredients`): code and versions of the plugins, the
    options with the contents of the files that they name, the grid. So a graph of an earlier version is never read; the
    file itself says the same in full, with checksums. A damaged file, one of another graph, a full disk or a folder
    that cannot be written only give a warning. If several processes need the same graph, one of them builds it and the
    others wait. If an option is a data source that cannot tell whether its values are the same, nothing is kept.
    """
    made_of = ingredients(choice, grid)
    if None in made_of["data"]:
        return _built(choice, grid)
    path = cache_folder() / kept_name("graph", made_of)
    with locked(path.with_suffix(".lock")):
        if path.is_file():
            try:
                logger.info("the graph is read from the cache file %s", path)
                return stored_graph(kept_arrays(path, made_of), len(grid), str(path))
            except (SafetensorError, OSError, ValueError) as error:
                reason = error.message if isinstance(error, ArtefactError) else error
                logger.warning("cache file %s is damaged (%s); the graph is built again", path, reason)
        began = time.monotonic()
        graph = _built(choice, grid)
        if time.monotonic() - began > WORTH_KEEPING:
            keep_arrays(path, graph.to_small_arrays(), made_of, "graphs")
        return graph


def _built(choice: PluginChoice, grid: Grid) -> Graph:
    logger.info("the graph of %d grid nodes is built by `%s`", len(grid), choice.plugin)
    graph: Graph = create("graph-builder", choice.plugin, choice.options, where="graph").build(grid)
    return graph
