"""Make a checkpoint from an Anemoi model: the work of `wxml import-anemoi`."""

__all__ = ["import_anemoi"]

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from wxml import Grid, assemble, load_config
from wxml.artefacts.replacement import check_target, source_paths
from wxml.data.sphere import angular_distance, unit_vectors
from wxml.errors import DataError
from wxml.files.staging import check_absent

from wxml_anemoi.file import read_anemoi_export
from wxml_anemoi.graph import graph_from_anemoi
from wxml_anemoi.names import names_of_parts
from wxml_anemoi.weights import fill_from_anemoi

SAME_PLACE = 1e-4
"""Nodes that lie so close, in radians, are one node: 640 m on the Earth, more than files round coordinates by."""


def import_anemoi(
    export: Path, experiment: Path, overrides: Sequence[str], target: Path, *, overwrite: bool = False
) -> None:
    """Fill the model of `experiment` with the weights of an Anemoi model and write it as a checkpoint.

    The model stands on the graph of the Anemoi model, in place of the one that the experiment describes.

    Args:
        export: the file that `read_anemoi_export` describes.
        experiment: a config file whose model has the options of the Anemoi model.
        overrides: `key=value` changes to it, in Hydra's grammar.
        target: where the checkpoint is written to.
        overwrite: replace a checkpoint that is there.

    Raises:
        ArtefactError: `export` cannot be read or its weights do not fit the model, or `target` cannot be written.
        ConfigError: the config is wrong.
        DataError: variables or grid are not those of the Anemoi model.
    """
    check_absent(target, overwrite=overwrite)
    loaded = load_config(experiment, overrides)
    inputs = chain([export, experiment], source_paths(loaded.config.data.source))
    check_target(target, "checkpoint", inputs, overwrite=overwrite)
    given = read_anemoi_export(export)
    assembled = assemble(loaded)
    _require_same_grid(given.nodes["grid"], assembled.source.header.grid)
    graph = graph_from_anemoi(given.nodes, given.layout.edges)
    with export.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    notes = {"wxml-anemoi": {"version": version("wxml-anemoi"), "weights": f"sha256:{digest}"}}
    record = assembled.provenance
    record = replace(record, graph=graph.identity, notes={**record.notes, **notes})
    assembled = replace(assembled, graph=graph, provenance=record)
    model = assembled.new_model()
    names = names_of_parts(model, loaded.config.model)
    fill_from_anemoi(model, given.weights, given.layout, assembled.roles, names)
    assembled.save(target, model.state_dict(), {}, overwrite=overwrite)


def _require_same_grid(places: NDArray[np.floating], grid: Grid) -> None:
    """Refuse data whose nodes are not those of the Anemoi model, `places` (radians, `[node, 2]`), in the same order."""
    fix = "read data on the grid of the Anemoi model, with the nodes in the same order"
    if len(places) != len(grid.latitudes):
        raise DataError(f"the Anemoi model has {len(places)} grid nodes, the data have {len(grid.latitudes)}", fix=fix)
    theirs = np.degrees(np.asarray(places, np.float64)).T
    apart = angular_distance(unit_vectors(*theirs), unit_vectors(grid.latitudes, grid.longitudes))
    worst = int(np.argmax(apart))
    if not apart[worst] <= SAME_PLACE:
        raise DataError(
            f"grid node {worst} of the Anemoi model lies at {theirs[0, worst]:.3f}° N, {theirs[1, worst]:.3f}° E, that "
            f"of the data at {grid.latitudes[worst]:.3f}° N, {grid.longitudes[worst]:.3f}° E",
            fix=fix,
        )
