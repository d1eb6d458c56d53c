"""What a graph is made of: code, options, the grid, and the files and the data that the options name."""

__all__ = ["ingredients"]

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from wxml.data.grid import Grid
from wxml.errors import DataError
from wxml.plugins.create import create, parse_options
from wxml.plugins.load import load
from wxml.plugins.lock import UsedPlugin, lock
from wxml.plugins.options.choices import PlacedPlugin, PluginChoice, choices_in
from wxml.plugins.options.environment import option_values
from wxml.plugins.options.model import options_model
from wxml.plugins.resolve import resolve

KIND = "graph-builder"
SOURCE = "data-source"
Place = tuple[str | int, ...]


def ingredients(choice: PluginChoice, grid: Grid) -> dict[str, Any]:
    """Return what the graph of `grid` is made of, as JSON values.

    `plugins` is the lock of the builder and of the plugins that its options choose. `options`, `grid` and its `areas`
    are hashes, since options may be secrets. `files` has the SHA-256 of the contents of each file whose path is an
    option; `data` has the fingerprint of each data source among the options, null for one that cannot tell.

    Raises:
        UnknownPluginError, BrokenPluginError: the builder, or a plugin that it needs, cannot be used here.
        ConfigError: an option is wrong, or takes a variable that is not set.
        DataError: a file, or the data, cannot be read.
    """
    parse_options(load(resolve(KIND, choice.plugin)), choice.options, "graph")
    values = option_values(choice.options, ("graph",))
    builder = PlacedPlugin((), KIND, {"plugin": choice.plugin, **choice.options})
    chosen = list(_chosen(builder))
    sources = {place.path: place for place in chosen if place.kind == SOURCE}
    texts = json.dumps(values, sort_keys=True, default=str)
    return {
        "plugins": lock([UsedPlugin(resolve(place.kind, place.written["plugin"]), place.options) for place in chosen]),
        "options": hashlib.sha256(texts.encode()).hexdigest(),
        "grid": grid.identity,
        "areas": hashlib.sha256((grid.area_weights * len(grid)).astype("<f4").tobytes()).hexdigest(),
        "files": {path: _digest(path) for path in sorted(set(_files(values, list(sources))))},
        "data": [_fingerprint(place) for _, place in sorted(sources.items(), key=lambda item: str(item[0]))],
    }


def _chosen(place: PlacedPlugin) -> Iterator[PlacedPlugin]:
    """The plugin, and those that its options choose in turn; a data source speaks for what it is made of."""
    yield place
    if place.kind == SOURCE:
        return
    record = resolve(place.kind, place.written["plugin"])
    for inner in choices_in(place.options, options_model(load(record)), place.path):
        yield from _chosen(inner)


def _files(value: Any, left_out: Sequence[Place], at: Place = ()) -> Iterator[str]:
    """Every text among the options that is the path of a file, outside of the places that are left out."""
    if at in left_out:
        return
    if isinstance(value, Mapping | list | tuple):
        items = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, below in items:
            yield from _files(below, left_out, (*at, key))
    elif isinstance(value, str | Path) and os.path.isfile(os.path.expanduser(value)):
        yield str(value)


def _digest(path: str) -> str:
    try:
        with Path(path).expanduser().open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(
            f"the file `{path}`, which an option of the graph names, cannot be read: {error.strerror}",
            fix="give yourself the right to read it, or name another file",
        ) from error


def _fingerprint(place: PlacedPlugin) -> str | None:
    where = ".".join(map(str, ("graph", *place.path)))
    source = create(SOURCE, place.written["plugin"], place.options, where=where)
    found: str | None = source.fingerprint()
    return found
