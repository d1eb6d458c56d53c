"""The graph of several checkpoints in one file beside them, named by a hash of its arrays."""

__all__ = ["GRAPH_FILE", "read_graph_file", "write_graph_file"]

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save_file

from wxml.errors import ArtefactError
from wxml.files.checksums import check_tensors, sealed, unsealed
from wxml.files.failures import damaged
from wxml.files.staging import staged

GRAPH_FILE = re.compile(r"graph-[0-9a-f]{16}\.safetensors")
KEY = "wxml_graph"
Arrays = Mapping[str, NDArray[Any]]


def write_graph_file(folder: Path, arrays: Arrays) -> str:
    """Write the arrays of a graph to a folder unless they are there; return the name of the file.

    Raises:
        ArtefactError: the disk refuses.
    """
    made = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    text = sealed({}, made)
    name = f"graph-{_digest(text)}.safetensors"
    if not (folder / name).exists():
        with staged(folder / name, overwrite=True) as temporary:
            try:
                save_file(made, temporary, {KEY: text})
            except SafetensorError as error:  # wraps the operating system's refusal
                raise OSError(f"{error}") from error
    return name


def read_graph_file(checkpoint: Path, name: str) -> dict[str, NDArray[Any]]:
    """Read the arrays of the graph that a checkpoint shares with those beside it.

    Raises:
        ArtefactError: the file is not there, or is damaged.
    """
    path = checkpoint.with_name(name)
    if not path.is_file():
        raise ArtefactError(
            f"`{checkpoint}` lacks its graph, which the checkpoints of a run share: it is in `{name}` beside them",
            fix=f"copy `{name}` beside it; or make one file of both where they are:  wxml checkpoint migrate IN OUT",
        )
    try:
        with safe_open(path, framework="np") as file:
            text = (file.metadata() or {}).get(KEY, "")
        header = unsealed(text, str(path))
        if path.name != f"graph-{_digest(text)}.safetensors":
            raise damaged(f"`{path}`", "its name is not the hash of what is in it")
        arrays = load_file(path)
    except SafetensorError as error:
        raise damaged(f"`{path}`", error) from error
    check_tensors(header, arrays, str(path))
    return arrays


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
