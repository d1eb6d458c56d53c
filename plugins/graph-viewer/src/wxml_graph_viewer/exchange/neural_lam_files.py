"""The files of a graph of neural-lam and weather-model-graphs, read and checked against their specification."""

__all__ = ["StoredEdges", "StoredGraph", "read_files"]

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from wxml.errors import ArtefactError

from wxml_graph_viewer.exchange.neural_lam import VERSION

WAYS: Final = ("g2m", "m2m", "m2g")
LEVELS: Final = ("mesh_up", "mesh_down")
WRITE_AGAIN: Final = "write the graph again with weather-model-graphs or `wxml graph convert`, version 0.1.0"
LARGEST_ABOUT: Final = 1 << 16  # bytes of `metainfo.yaml`
EXACT: Final = 1e-3  # of the longest edge: float32 rounds places and ways
"""How far the way of an edge on the mesh may be from that between the places of its ends."""


@dataclass(frozen=True, slots=True, eq=False)
class StoredEdges:
    """Edges with their ways, in the coordinates of the plane."""

    source: NDArray[np.int64]
    target: NDArray[np.int64]
    way: NDArray[np.float64]
    """From the source to the target, shape `[edge, 2]`."""


@dataclass(frozen=True, slots=True, eq=False)
class StoredGraph:
    """What the files hold."""

    mesh: tuple[NDArray[np.float64], ...]
    """Places of the mesh and of its coarser levels, `[node, 2]` each."""
    edges: dict[tuple[str, int], StoredEdges]
    """By component and number: `("m2m", 0)`, `("mesh_up", 0)` and so on; `g2m` and `m2g` have 0 alone."""
    projection: str | None
    """What `metainfo.yaml` says of the plane; None: nothing."""


def read_files(folder: Path) -> StoredGraph:
    """Read the folder of a graph; tensors alone, never code.

    Raises:
        ArtefactError: a file is missing, damaged, holds anything but tensors, or something else than the specification
            0.1.0 says; or torch is not installed.
    """
    about = _about(folder)
    mesh = tuple(_array(each, "mesh_features", 2, "f") for each in _listed(folder, "mesh_features"))
    edges: dict[tuple[str, int], StoredEdges] = {}
    for name in (*WAYS, *(LEVELS if len(mesh) > 1 else ())):
        indices, features = (_listed(folder, f"{name}_{kind}") for kind in ("edge_index", "features"))
        expected = {"m2m": len(mesh), "mesh_up": len(mesh) - 1, "mesh_down": len(mesh) - 1}.get(name, 1)
        if not len(indices) == len(features) == expected:
            raise _wrong(
                f"{name}_edge_index", f"{len(indices)} tensors and {len(features)} of features, not {expected}"
            )
        for number, (index, values) in enumerate(zip(indices, features, strict=True)):
            edges[name, number] = _edges(name, index, values)
    found = StoredGraph(mesh, edges, about.get("projection"))
    _check_numbers(found)
    return _directed(found)


def _about(folder: Path) -> dict[str, str]:
    import yaml

    path = folder / "metainfo.yaml"
    try:
        text = path.read_text(encoding="utf-8")[:LARGEST_ABOUT]
        read = yaml.safe_load(text)
    except FileNotFoundError as error:
        raise ArtefactError(
            f"`{folder}` has no `metainfo.yaml`, so it is no graph of neural-lam, or one from before version {VERSION}",
            fix=WRITE_AGAIN,
        ) from error
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ArtefactError(f"`{path}` cannot be read: {error}", fix=WRITE_AGAIN) from error
    about = {str(key): str(value) for key, value in read.items()} if isinstance(read, dict) else {}
    if about.get("spec_version") != VERSION:
        raise ArtefactError(
            f"`{path}` must say `spec_version: {VERSION}`, got {about.get('spec_version')!r}", fix=WRITE_AGAIN
        )
    return about


def _listed(folder: Path, name: str) -> list[Any]:
    """The tensors of a file: those of its list, or the only one."""
    read = _read(folder / f"{name}.pt")
    return list(read) if isinstance(read, list | tuple) else [read]


def _read(path: Path) -> Any:
    try:
        import torch  # an extra
    except ImportError as error:
        raise ArtefactError(
            "neural-lam stores tensors, which are read with torch, and that is not installed",
            fix="install the extra `neural-lam` of wxml-graph-viewer",
        ) from error
    try:
        code = torch.serialization.get_unsafe_globals_in_checkpoint(path)
        if code:
            raise ArtefactError(
                f"`{path}` holds more than tensors: to read it is to run {', '.join(sorted(code)[:3])}", fix=WRITE_AGAIN
            )
        return torch.load(path, map_location="cpu", weights_only=True)  # noqa: TID251 tensors alone
    except ArtefactError:
        raise
    except FileNotFoundError as error:
        raise ArtefactError(f"`{path.parent}` has no `{path.name}`", fix=WRITE_AGAIN) from error
    except Exception as error:  # of a damaged file torch raises errors of many kinds, those of pickle among them
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise ArtefactError(f"`{path}` cannot be read as tensors: {reason}", fix=WRITE_AGAIN) from error


def _array(tensor: Any, name: str, columns: int, kinds: str) -> NDArray[Any]:
    """The values of a tensor of finite numbers with so many columns."""
    if not hasattr(tensor, "numpy"):
        raise _wrong(name, f"{type(tensor).__name__} in place of a tensor")
    values = np.asarray(tensor.numpy())
    if values.ndim != 2 or values.shape[1] != columns or values.dtype.kind not in kinds or not len(values):
        raise _wrong(name, f"{values.dtype} of shape {list(values.shape)}, not […, {columns}]")
    if not np.isfinite(values).all():
        raise _wrong(name, "values that are not finite")
    return values.astype(np.float64) if kinds == "f" else values.astype(np.int64)


def _edges(name: str, index: Any, features: Any) -> StoredEdges:
    ends = _array(index.T if hasattr(index, "T") else index, f"{name}_edge_index", 2, "iu")
    values = _array(features, f"{name}_features", 3, "f")
    if len(ends) != len(values):
        raise _wrong(f"{name}_features", f"{len(values)} edges, and the index has {len(ends)}")
    return StoredEdges(ends[:, 0], ends[:, 1], values[:, 1:])


def _check_numbers(found: StoredGraph) -> None:
    """Refuse numbers of nodes that the mesh does not have."""
    for (name, number), edges in found.edges.items():
        lower, upper = number, number + 1
        ends = {"g2m": (None, 0), "m2g": (0, None), "mesh_up": (lower, upper), "mesh_down": (upper, lower)}
        for end, level in zip((edges.source, edges.target), ends.get(name, (number, number)), strict=True):
            most = np.inf if level is None else len(found.mesh[level])
            if end.min() < 0 or end.max() >= most:
                raise _wrong(
                    f"{name}_edge_index", f"numbers of nodes from {end.min()} to {end.max()}, and there are {most}"
                )


def _directed(found: StoredGraph) -> StoredGraph:
    """The graph with ways from the source to the target.

    The specification wants them so, and weather-model-graphs 0.4 writes the opposite ones: the edges on the mesh tell,
    whose ends have places of their own.

    Raises:
        ArtefactError: they fit neither.
    """
    signs = [sign for sign in (1, -1) if all(_leads(found, number, sign) for number in range(len(found.mesh)))]
    if not signs:
        raise _wrong("m2m_features", "ways that do not lead from one end of an edge to the other")
    turned = {key: replace(edges, way=signs[0] * edges.way) for key, edges in found.edges.items()}
    return replace(found, edges=turned)


def _leads(found: StoredGraph, level: int, sign: int) -> bool:
    """Whether the edges of a level of the mesh have the ways between the places of their ends, but for the sign."""
    places, edges = found.mesh[level], found.edges["m2m", level]
    way = places[edges.target] - places[edges.source]
    return bool(np.abs(way - sign * edges.way).max() <= EXACT * max(float(np.abs(way).max()), 1e-12))


def _wrong(name: str, got: str) -> ArtefactError:
    return ArtefactError(f"`{name}.pt` of the graph has {got}", fix=WRITE_AGAIN)
