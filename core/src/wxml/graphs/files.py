"""A graph in a file of its own: safetensors, with checksums and a record of what it was made of."""

__all__ = ["GraphFile", "open_graph", "save_graph"]

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from wxml.errors import ArtefactError
from wxml.files.checksums import check_tensors, sealed, unsealed
from wxml.files.staging import staged
from wxml.graphs.graph import Graph
from wxml.graphs.stored import stored_graph
from wxml.masking import masked_values

IN_CHECKPOINT = "graph/"
"""What the names of the graph's arrays begin with in a checkpoint."""
FILE = "name a file of `wxml graph build`, a checkpoint, or an experiment (.yaml)"


@dataclass(frozen=True, slots=True, eq=False)
class GraphFile:
    """What a file of a graph holds."""

    graph: Graph
    record: Mapping[str, Any]
    """What the graph was made of: JSON values; those of a checkpoint are its header."""


def save_graph(path: Path, graph: Graph, record: Mapping[str, Any], *, overwrite: bool = False) -> None:
    """Write a graph, beside the target and then renamed.

    Args:
        path: the file, `.safetensors`.
        graph: the graph.
        record: what it was made of: JSON values.
        overwrite: replace a file that is there.

    Raises:
        ArtefactError: the file is there and `overwrite` is not set, or it cannot be written.
    """
    arrays = graph.to_arrays()
    with staged(path, overwrite=overwrite) as temporary:
        save_file(arrays, temporary, {"wxml": sealed(masked_values(record), arrays)})


def open_graph(path: Path) -> GraphFile:
    """Read the graph of a file of `save_graph`, of the cache, or of a checkpoint; everything is checked first.

    Raises:
        ArtefactError: there is no such file, it has no graph in it, or is not as it was written.
    """
    header, arrays = _read(path)
    prefix = IN_CHECKPOINT if any(name.startswith(f"{IN_CHECKPOINT}nodes/") for name in arrays) else ""
    graph = stored_graph(arrays, None, str(path), prefix=prefix)
    return GraphFile(graph, {name: value for name, value in header.items() if name != "checksums"})


def _read(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """The header and the arrays of the graph; the weights of a checkpoint stay on the disk."""
    try:
        with safe_open(path, framework="np") as file:
            names = list(file.keys())
            wanted = [name for name in names if name.removeprefix(IN_CHECKPOINT).startswith(("nodes/", "edges/"))]
            arrays = {name: file.get_tensor(name) for name in wanted}
            text = (file.metadata() or {}).get("wxml", "{}")
    except (SafetensorError, OSError) as error:
        reason = "there is no such file" if not path.exists() else error
        raise ArtefactError(f"`{path}` cannot be read: {reason}", fix=FILE) from error
    if not arrays:
        raise ArtefactError(f"`{path}` holds no graph", fix=FILE)
    header = unsealed(text, str(path))
    if "checksums" in header:
        kept = {name: digest for name, digest in header["checksums"].items() if name in wanted or name not in names}
        check_tensors({**header, "checksums": kept}, arrays, str(path))
    return header, arrays
