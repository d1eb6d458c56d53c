"""Checksums in the header of a `.safetensors` file: one for each tensor, and one for the header itself.

The header is JSON text in the metadata of the file. Its key `checksums` holds the SHA-256 of every tensor (its type,
shape and bytes), by name; its key `checksum` that of all the rest of the header, keys sorted.
"""

__all__ = ["check_tensors", "has_checksums", "sealed", "unsealed"]

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from wxml.files.failures import damaged
from wxml.files.json_loader import load_json

OTHER = "its checksum is not the one that was written with it"
HEADER, TENSORS = "checksum", "checksums"
"""The keys of the checksum of the header, and of those of the tensors."""


def sealed(header: Mapping[str, Any], tensors: Mapping[str, Any]) -> str:
    """Return the text of a header with the checksums of `tensors`, which are NumPy arrays or tensors of torch."""
    body = {**header, TENSORS: {name: _tensor_digest(tensor) for name, tensor in tensors.items()}}
    return json.dumps({**body, HEADER: _header_digest(body)}, sort_keys=True)


def unsealed(text: Any, name: str) -> dict[str, Any]:
    """Parse a header, and compare it with its checksum if it has one.

    Args:
        text: the header as it stands in the file.
        name: the name of the file in messages.

    Raises:
        ArtefactError: it is no JSON object, breaks a limit of `load_json`, or is not what was written.
    """
    try:
        header = load_json(text)
    except ValueError as error:
        raise damaged(f"the header of `{name}`", error) from error
    if not isinstance(header, dict):
        raise damaged(f"the header of `{name}`", "it is no JSON object")
    written = header.pop(HEADER, None)
    if (written is not None or TENSORS in header) and written != _header_digest(header):
        raise damaged(f"the header of `{name}`", OTHER)
    if TENSORS in header and not _is_digests(header[TENSORS]):
        raise damaged(f"the header of `{name}`", f"`{TENSORS}` must be a text by name")
    return header


def has_checksums(header: Mapping[str, Any]) -> bool:
    """Whether a header that `unsealed` returned has the checksums of its tensors."""
    return TENSORS in header


def check_tensors(header: Mapping[str, Any], tensors: Mapping[str, Any], name: str) -> None:
    """Compare the tensors of a file with the checksums in its header; does nothing for a header without any.

    Args:
        header: the header that `unsealed` returned.
        tensors: all tensors of the file, by name.
        name: the name of the file in messages.

    Raises:
        ArtefactError: a tensor is missing, is not what was written, or was not written with the header.
    """
    if not has_checksums(header):
        return
    written = header[TENSORS]
    for key in sorted(written.keys() ^ tensors.keys()):
        reason = "it is missing" if key in written else "it was not written with the others"
        raise damaged(f"tensor `{key}` of `{name}`", reason)
    for key, tensor in tensors.items():
        if _tensor_digest(tensor) != written[key]:
            raise damaged(f"tensor `{key}` of `{name}`", OTHER)


def _is_digests(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(digest, str) for digest in value.values())


def _header_digest(header: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(header, sort_keys=True).encode()).hexdigest()


def _tensor_digest(tensor: Any) -> str:
    """The SHA-256 of the type, the shape and the bytes, row by row."""
    name = str(tensor.dtype).removeprefix("torch.")
    if isinstance(tensor, np.ndarray):
        flat = np.ascontiguousarray(tensor).reshape(-1).view(np.uint8)
    else:
        import torch

        flat = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
    digest = hashlib.sha256(f"{name} {list(tensor.shape)}\n".encode())
    digest.update(flat.data)
    return digest.hexdigest()
