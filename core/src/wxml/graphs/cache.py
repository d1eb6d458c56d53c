"""Keeps graphs that took long to build."""

__all__ = ["built_graph"]

import hashlib
import json
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save_file

from wxml.config.schema import PluginChoice
from wxml.data.grid import Grid
from wxml.errors import ArtefactError
from wxml.files.checksums import check_tensors, sealed, unsealed
from wxml.files.folders import cache_folder
from wxml.files.lock import locked
from wxml.files.staging import staged
from wxml.graphs.graph import Graph
from wxml.graphs.stored import stored_graph
from wxml.plugins.create import create
from wxml.plugins.lock import UsedPlugin, lock
from wxml.plugins.options.environment import option_values
from wxml.plugins.resolve import resolve

logger = logging.getLogger("wxml")

WORTH_KEEPING = 1.0
"""Seconds; a graph that was built faster is not kept."""


def built_graph(choice: PluginChoice, grid: Grid) -> Graph:
    """Read the graph of `grid` from the cache, or build it now and keep it if that took long.

    The name of the file is a hash of the builder's code, version and options and of the grid, so a graph of an earlier
    version is never read; the file itself says the same in full, with checksums. A damaged file, one of another graph,
    a full disk or a folder that cannot be written only give a warning. If several processes need the same graph, one of
    them builds it and the others wait.
    """
    made_of = _ingredients(choice, grid)
    key = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:16]
    path = cache_folder() / f"graph-{key}.safetensors"
    with locked(path.with_suffix(".lock")):
        if path.is_file():
            try:
                return _read(path, made_of, len(grid))
            except (SafetensorError, OSError, ValueError) as error:
                reason = error.message if isinstance(error, ArtefactError) else error
                logger.warning("cache file %s is damaged (%s); the graph is built again", path, reason)
        began = time.monotonic()
        graph: Graph = create("graph-builder", choice.plugin, choice.options, where="graph").build(grid)
        if time.monotonic() - began > WORTH_KEEPING:
            _store(path, graph, made_of)
        return graph


def _ingredients(choice: PluginChoice, grid: Grid) -> dict[str, Any]:
    """What a graph is made of, as JSON values; values of options may be secrets, so only their hash is there."""
    values = json.dumps(option_values(choice.options, ("graph",)), sort_keys=True, default=str)
    return {
        "plugins": lock([UsedPlugin(resolve("graph-builder", choice.plugin), choice.options)]),
        "options": hashlib.sha256(values.encode()).hexdigest(),
        "grid": grid.identity,
    }


def _read(path: Path, made_of: Mapping[str, Any], count: int) -> Graph:
    """Read a graph; raise an ArtefactError if the file is damaged or holds the graph of something else."""
    with safe_open(path, framework="np") as file:
        header = unsealed((file.metadata() or {}).get("wxml"), str(path))
    if {name: header.get(name) for name in made_of} != json.loads(json.dumps(made_of)):
        raise ArtefactError("it holds the graph of another builder, of other options or of another grid", fix="")
    arrays = load_file(path)
    check_tensors(header, arrays, str(path))
    return stored_graph(arrays, count, str(path))


def _store(path: Path, graph: Graph, made_of: Mapping[str, Any]) -> None:
    arrays = graph.to_arrays()
    try:
        with staged(path, overwrite=True) as temporary:
            save_file(arrays, temporary, {"wxml": sealed(made_of, arrays)})
    except (OSError, SafetensorError, ArtefactError) as error:
        logger.warning("could not keep the graph in %s, so the next run builds it again: %s", path.parent, error)
