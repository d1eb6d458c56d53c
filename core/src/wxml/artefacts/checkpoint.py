"""A checkpoint: one `.safetensors` file with weights, graph, grid, statistics, and how to rebuild the model from them.

The file's metadata hold one key, `wxml`, with a JSON header that any reader of safetensors can show; it has checksums
of each tensor and of the header itself. Nothing in the file is code, and nothing in it depends on the moment it was
written: the same training gives the same bytes.
"""

__all__ = ["Checkpoint", "check_checkpoint", "load_checkpoint", "read_header", "save_checkpoint"]

import logging
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from wxml.artefacts.arrays import gaps_of, graph_of, grid_of, statistics_of
from wxml.artefacts.graph_file import read_graph_file, write_graph_file
from wxml.artefacts.header import check_header
from wxml.artefacts.provenance import migrated_record
from wxml.config.renamed import with_new_names
from wxml.data.gaps import Gaps
from wxml.data.grid import Grid
from wxml.data.statistics import Statistics
from wxml.errors import ArtefactError
from wxml.files.checksums import check_tensors, has_checksums, sealed, unsealed
from wxml.files.failures import damaged
from wxml.files.staging import staged
from wxml.graphs.graph import Graph
from wxml.masking import masked_values

logger = logging.getLogger("wxml")

FORMAT = 2
"""2 since it has checksums and the statistics of the values between the transforms; 1 is read too."""
Arrays = dict[str, NDArray[np.generic]]


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """A trained model with everything that a forecast needs, except the plugins that its config names."""

    header: dict[str, Any]
    """`format`, `config`, `roles`, `provenance` and `training`: JSON values."""
    weights: Mapping[str, Any]
    """The model's state: name → tensor."""
    graph: Graph
    grid: Grid
    statistics: Statistics
    """The statistics of the physical values."""
    transformed: tuple[Statistics, ...] | None = None
    """The statistics of the values that each transform gives; None in a file of format 1, which lacks them."""
    gaps: Gaps | None = None
    """Where the training had no values; None in an older file."""


def save_checkpoint(path: Path, checkpoint: Checkpoint, *, overwrite: bool = False, shares_graph: bool = False) -> None:
    """Write a checkpoint to `path`; no reader sees it half written.

    Args:
        path: the file to write.
        checkpoint: what it holds.
        overwrite: replace `path` if it exists.
        shares_graph: the graph is in a file beside it, which other checkpoints of that folder share.

    Raises:
        ArtefactError: `path` exists and `overwrite` is not set, or the disk refuses.
    """
    import torch
    from safetensors.torch import save_file

    tensors = {f"weights/{name}": tensor.detach().cpu().contiguous() for name, tensor in checkpoint.weights.items()}
    graph: Arrays = {f"graph/{name}": array for name, array in checkpoint.graph.to_arrays().items()}
    arrays: Arrays = {} if shares_graph else dict(graph)
    beside = {"graph_file": write_graph_file(path.parent, graph)} if shares_graph else {}
    for name in ("latitudes", "longitudes", "area_weights"):
        arrays[f"grid/{name}"] = getattr(checkpoint.grid, name)
    arrays |= _statistics_arrays("statistics/", checkpoint.statistics)
    for number, transformed in enumerate(checkpoint.transformed or ()):
        arrays |= _statistics_arrays(f"transformed/{number}/", transformed)
    arrays |= _gaps_arrays(checkpoint.gaps)
    tensors |= {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}
    statistics = list(checkpoint.statistics.variables)
    parts = {"parts": [part.record() for part in checkpoint.grid.parts]} if checkpoint.grid.parts else {}
    grid = {"shape": list(checkpoint.grid.shape), "is_regular": checkpoint.grid.is_regular, **parts}
    count = None if checkpoint.transformed is None else len(checkpoint.transformed)
    own = {key: value for key, value in checkpoint.header.items() if key not in ("graph_file", "gaps")}
    header = {"format": FORMAT, **own, **beside, "statistics": statistics, "grid": grid, "transformed": count}
    header |= {"gaps": list(checkpoint.gaps.variables)} if checkpoint.gaps else {}
    text = sealed(masked_values(header), tensors)
    with staged(path, overwrite=overwrite) as temporary:
        try:
            save_file(tensors, temporary, {"wxml": text})
        except SafetensorError as error:  # wraps the operating system's refusal
            raise OSError(f"{error}") from error


def read_header(path: Path) -> dict[str, Any]:
    """Read only the header, with today's names in its config; this needs neither torch nor any plugin.

    Raises:
        ArtefactError: there is no such file, it is damaged or cut short, or no wxml checkpoint.
    """
    if not path.is_file():
        raise ArtefactError(f"there is no checkpoint `{path}`", fix="name the checkpoint.safetensors of a training run")
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
    except SafetensorError as error:
        raise ArtefactError(
            f"`{path}` is not a checkpoint, or was cut short: {error}",
            fix="copy it again from where it was made, or train again with --resume",
        ) from error
    if "wxml" not in metadata:
        raise ArtefactError(f"`{path}` is a safetensors file, but no wxml checkpoint", fix="name one that wxml wrote")
    header = unsealed(metadata["wxml"], str(path))
    found = header.get("format")
    if isinstance(found, int) and found > FORMAT:
        raise ArtefactError(
            f"`{path}` has format {found}, this wxml-core reads up to {FORMAT}",
            fix="upgrade wxml-core",
        )
    check_header(header, str(path))
    if found != 1 and not has_checksums(header):
        raise damaged(f"the header of `{path}`", "it has no checksums")
    config, record = with_new_names(header["config"]), migrated_record(header["provenance"])
    return {**header, "config": config, "provenance": record}


def check_checkpoint(path: Path) -> int | None:
    """Compare every tensor of a checkpoint with its checksum, and return how many there are; None: none has one.

    Raises:
        ArtefactError: as `read_header`; or a tensor is damaged.
    """
    from safetensors.torch import load_file

    header = read_header(path)
    if not has_checksums(header):
        return None
    tensors = load_file(path)
    check_tensors(header, tensors, str(path))
    beside = read_graph_file(path, header["graph_file"]) if header.get("graph_file") else {}
    return len(tensors) + len(beside)


def load_checkpoint(path: Path) -> Checkpoint:
    """Read the whole checkpoint.

    Raises:
        ArtefactError: as `read_header`; or a tensor is damaged.
    """
    from safetensors.torch import load_file

    header = read_header(path)
    tensors = load_file(path)
    check_tensors(header, tensors, str(path))
    if not has_checksums(header):
        logger.info("`%s` carries no checksums: damage in its numbers would not be noticed", path)
    weights = {name.removeprefix("weights/"): t for name, t in tensors.items() if name.startswith("weights/")}
    arrays = {name: t.numpy() for name, t in tensors.items() if not name.startswith("weights/")}
    if header.get("graph_file"):
        arrays |= read_graph_file(path, header["graph_file"])
    variables, count = header["statistics"], header.get("transformed")
    between = [statistics_of(arrays, variables, f"transformed/{n}/", str(path)) for n in range(count or 0)]
    grid = grid_of(arrays, header, str(path))
    return Checkpoint(
        header,
        weights,
        graph_of(arrays, grid, str(path)),
        grid,
        statistics_of(arrays, variables, "statistics/", str(path)),
        None if count is None else tuple(between),
        gaps_of(arrays, header, len(grid), str(path)),
    )


def _statistics_arrays(prefix: str, statistics: Statistics) -> Arrays:
    return {f"{prefix}{field.name}": getattr(statistics, field.name) for field in fields(Statistics)[1:]}


def _gaps_arrays(gaps: Gaps | None) -> Arrays:
    return {f"gaps/{name}": array for name, array in gaps.arrays().items()} if gaps and gaps.variables else {}
