"""Reads the weights of an Anemoi model, its graph and the names of its variables; runs no code of a file."""

__all__ = ["AnemoiExport", "read_anemoi_export", "read_anemoi_weights"]

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor
from wxml.errors import ArtefactError

from wxml_anemoi.graph import AnemoiEdges
from wxml_anemoi.names import PARTS
from wxml_anemoi.order import AnemoiLayout

EXPORT = (
    "where Anemoi is installed, write the weights, the graph and the names of the variables to a .safetensors file "
    "with the script in docs/weights-from-anemoi.md of wxml"
)
GRAPH = "graph/"
NO_EDGES = AnemoiEdges(np.zeros((2, 0), np.int64), np.zeros((0, 3), np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class AnemoiExport:
    """An Anemoi model as `docs/weights-from-anemoi.md` saves it."""

    weights: Mapping[str, Tensor]
    """The state of the model by Anemoi's names."""
    nodes: Mapping[str, NDArray[np.floating]]
    """Latitudes and longitudes of `grid` and `mesh` in radians, shape `[node, 2]`."""
    layout: AnemoiLayout
    """The variables and the edges."""


def read_anemoi_export(path: Path) -> AnemoiExport:
    """The model in the `.safetensors` file at `path`.

    The weights stand under their names at Anemoi. `graph/grid` and `graph/mesh` hold latitudes and longitudes in
    radians, shape `[node, 2]`; `graph/grid-mesh/index`, shape `[2, edge]`, and `graph/grid-mesh/features`, shape
    `[edge, feature]`, hold the edges from the grid to the mesh, and so for `mesh-mesh` and `mesh-grid`. Edges that the
    graph does not have may be absent. The metadata `inputs` and `outputs` are JSON lists of variables.

    Raises:
        ArtefactError: there is no such file, it is damaged, or it lacks the weights, the graph or the variables.
        DataError: indices and features of the edges do not belong together.
    """
    tensors = read_anemoi_weights(path)
    arrays = {name.removeprefix(GRAPH): value.numpy() for name, value in tensors.items() if name.startswith(GRAPH)}
    names = _variables(path) if path.suffix == ".safetensors" else {}
    lacking = [f"`{GRAPH}{name}`" for name in ("grid", "mesh") if name not in arrays]
    lacking += [f"the variables `{role}`" for role in ("inputs", "outputs") if role not in names]
    if lacking:
        raise ArtefactError(f"`{path}` lacks {', '.join(lacking)}", fix=EXPORT)
    edges = {}
    for source, target in PARTS.values():
        found = [arrays.get(f"{source}-{target}/{kind}") for kind in ("index", "features")]
        edges[source, target] = NO_EDGES if found[0] is None or found[1] is None else AnemoiEdges(found[0], found[1])
    nodes = {name: arrays[name] for name in ("grid", "mesh")}
    for name, places in nodes.items():
        if places.ndim != 2 or places.shape[1] != 2:
            raise ArtefactError(f"`{GRAPH}{name}` must have shape [node, 2], got {list(places.shape)}", fix=EXPORT)
    weights = {name: value for name, value in tensors.items() if not name.startswith(GRAPH)}
    return AnemoiExport(weights, nodes, AnemoiLayout(names["inputs"], names["outputs"], edges))


def _variables(path: Path) -> dict[str, tuple[str, ...]]:
    """The lists of variables in the metadata of the file at `path`; what is no JSON list of names is left out."""
    with safe_open(path, framework="np") as file:
        metadata = file.metadata() or {}
    found = {}
    for role in ("inputs", "outputs"):
        try:
            names = json.loads(metadata.get(role, ""))
        except ValueError:
            continue
        if isinstance(names, list) and all(isinstance(name, str) for name in names):
            found[role] = tuple(names)
    return found


def read_anemoi_weights(path: Path) -> dict[str, Tensor]:
    """The state of a model by name, from a `.safetensors` file or from one that `torch.save` wrote.

    Raises:
        ArtefactError: there is no such file, it holds no weights, or it is a pickled model, which only code can read.
    """
    if not path.is_file():
        raise ArtefactError(f"there is no file `{path}`", fix=EXPORT)
    if path.suffix == ".safetensors":
        try:
            state: Mapping[str, Any] = load_file(path)
        except SafetensorError as error:
            raise ArtefactError(f"`{path}` is no safetensors file, or was cut short: {error}", fix=EXPORT) from error
    else:
        state = _read_torch(path)
    weights = {name: value for name, value in state.items() if isinstance(value, Tensor)}
    if not weights:
        raise ArtefactError(f"`{path}` holds no weights, got {sorted(map(str, state))[:5]}", fix=EXPORT)
    return weights


def _read_torch(path: Path) -> Mapping[str, Any]:
    """The state in a file of `torch.save`; if the file is the checkpoint of a training, its `state_dict`."""
    try:
        code = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except (RuntimeError, ValueError) as error:
        raise ArtefactError(
            f"`{path}` is neither a safetensors file nor one that `torch.save` wrote", fix=EXPORT
        ) from error
    if code:
        raise ArtefactError(
            f"`{path}` is a pickled model rather than weights: to read it is to run {', '.join(sorted(code)[:3])}, …",
            fix=EXPORT,
        )
    read = torch.load(path, map_location="cpu", weights_only=True)  # noqa: TID251 weights alone, checked above
    state = read.get("state_dict", read) if isinstance(read, dict) else {}
    return state if isinstance(state, dict) else {}
