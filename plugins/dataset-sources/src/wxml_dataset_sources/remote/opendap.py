"""Data behind OPeNDAP (DAP 2): what a server holds, and values of parts of it.

Requests are made as for every other address. Protocol: NASA ESE-RFC-004.1.1, The Data Access Protocol DAP 2.0.
"""

__all__ = ["Described", "OpendapArray", "OpendapAt", "check_opendap", "described", "opendap_record", "values_of"]

import hashlib
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray
from wxml.errors import DataError
from wxml.files.json_loader import LONGEST

from wxml_dataset_sources.remote.address import WEB, Remote
from wxml_dataset_sources.remote.dap_texts import Declared, attributes_in, declared_in, with_types
from wxml_dataset_sources.remote.requests import requests_to

WIRE: Final = {"u1": "u1", "i2": ">i4", "u2": ">u4", "i4": ">i4", "u4": ">u4", "f4": ">f4", "f8": ">f8"}
"""The type of each number on its way, by the type in the data set; two bytes come as four."""
DATA: Final = re.compile(rb"Data:\r?\n")
SAID: Final = re.compile(r'message\s*=\s*"([^"]*)"')
ASKED_EVERY: Final = 60.0
"""Seconds between two questions whether the description is still the same."""
SAMPLED: Final = 16
TRY_A_BROWSER: Final = (
    "check that the server speaks DAP 2 there: with .dds behind it, the address is a text in a browser"
)
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class OpendapAt:
    """A data set behind OPeNDAP, as it was when it was opened first; safe to pickle."""

    remote: Remote
    version: str = ""
    """The SHA-256 of its description."""


@dataclass(frozen=True, slots=True)
class OpendapArray:
    """One array of numbers."""

    key: str
    """Its name in requests."""
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    attributes: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Described:
    """What a server holds."""

    arrays: Mapping[str, OpendapArray]
    attributes: Mapping[str, Any]
    at: OpendapAt
    axes: dict[str, NDArray[Any]] = field(default_factory=dict)
    """The values of arrays of one dimension that were fetched whole."""


_asked: dict[OpendapAt, float] = {}


def described(at: OpendapAt) -> Described:
    """The arrays of numbers at an address; sequences, structures and texts are left out.

    Raises:
        DataError: a request failed, nothing there speaks DAP 2, or the data set is another one than it was.
    """
    found = _described(at.remote, at.version)
    _asked.setdefault(found.at, time.monotonic())
    return found


def check_opendap(at: OpendapAt) -> None:
    """Ask once in a while whether the description is the same; raise a DataError if it is not."""
    if time.monotonic() - _asked.get(at, -ASKED_EVERY) < ASKED_EVERY:
        return
    if _version(_texts(at.remote)) != at.version:
        raise _rewritten(at.remote)
    _asked[at] = time.monotonic()


@lru_cache(maxsize=64)
def _described(remote: Remote, version: str) -> Described:
    texts = _texts(remote)
    if version and _version(texts) != version:
        raise _rewritten(remote)
    try:
        arrays, (attributes, whole) = declared_in(texts[0]), attributes_in(texts[1])
    except (ValueError, OverflowError) as error:
        raise DataError(f"`{remote.shown}` cannot be read as OPeNDAP: {error!s:.200}", fix=TRY_A_BROWSER) from error
    found = {array.name: _with_attributes(array, attributes) for array in arrays}
    return Described(found, whole, OpendapAt(remote, _version(texts)))


def _texts(remote: Remote) -> tuple[str, str]:
    """The description of the arrays (DDS), and that of their attributes (DAS)."""
    if remote.protocol not in WEB:
        raise DataError(
            f"`{remote.shown}` is no address of OPeNDAP, which is http:// or https://", fix="leave `engine` out"
        )
    requests = requests_to(remote)
    structure, attributes = requests.run(requests.get_all([_ending(remote, ".dds"), _ending(remote, ".das")]))
    if structure is None or attributes is None:
        raise DataError(f"`{remote.shown}` is not there, or is no address of OPeNDAP", fix=TRY_A_BROWSER)
    _check(remote, structure, b"Dataset")
    _check(remote, attributes, b"Attributes")
    return structure.decode("utf-8", "replace"), attributes.decode("utf-8", "replace")


def _check(remote: Remote, text: bytes, begin: bytes) -> None:
    if not text[:4096].lstrip().lower().startswith(begin.lower()) or len(text) > LONGEST:
        raise DataError(f"`{remote.shown}` cannot be read as OPeNDAP{_said(text)}", fix=TRY_A_BROWSER)


def _said(answer: bytes) -> str:
    """The message of a server that sends an error as its answer."""
    found = SAID.search(answer[:4096].decode("utf-8", "replace"))
    return f": the server says {found[1][:200]!r}" if found else ""


def _version(texts: tuple[str, str]) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def _rewritten(remote: Remote) -> DataError:
    return DataError(
        f"`{remote.shown}` was written again while it was read", fix="wait until it is whole, and start again"
    )


def _ending(remote: Remote, ending: str, constraint: str = "") -> str:
    path = remote.address.partition("?")[0]
    return f"{path}{ending}?{constraint}" if constraint else f"{path}{ending}"


def _with_attributes(array: Declared, attributes: Mapping[str, Mapping[str, Any]]) -> OpendapArray:
    """An array with its attributes, which may stand inside those of the grid that it is in."""
    inside = attributes.get(unquote(array.key.partition(".")[0]), {}).get(array.name)
    stated = dict(attributes.get(array.name) or (inside if isinstance(inside, dict) else {}))
    kept = {key: value for key, value in stated.items() if not isinstance(value, dict)}
    dtype = np.dtype(array.type)
    return OpendapArray(array.key, array.dims, array.shape, dtype, with_types(kept, dtype))


def values_of(at: OpendapAt, array: OpendapArray, parts: Sequence[Sequence[Span]]) -> list[NDArray[Any]]:
    """The values of several parts of an array, asked for at once.

    Args:
        at: the data set.
        array: the array.
        parts: for each part, the first position and the one after the last along each dimension.

    Raises:
        DataError: a request failed, or its answer is no such part.
    """
    requests = requests_to(at.remote)

    async def fetch() -> list[bytes | None]:
        addresses = [_ending(at.remote, ".dods", _constraint(array.key, part)) for part in parts]
        return await requests.get_all(addresses)

    return [_decoded(at, array, part, data) for part, data in zip(parts, requests.run(fetch()), strict=True)]


def _constraint(key: str, part: Sequence[Span]) -> str:
    return key + "".join(f"%5B{first}:1:{end - 1}%5D" for first, end in part)


def _decoded(at: OpendapAt, array: OpendapArray, part: Sequence[Span], data: bytes | None) -> NDArray[Any]:
    """The numbers of an answer: behind the mark, the count twice and then each of them, the highest byte first."""
    begin = None if data is None else DATA.search(data)
    if data is None or begin is None:
        raise DataError(
            f"`{at.remote.shown}` gave no values of `{array.key}`{_said(data or b'')}", fix="try again later"
        )
    shape = tuple(end - first for first, end in part)
    wire = np.dtype(WIRE[array.dtype.str[1:]])
    size, header = int(np.prod(shape)) * wire.itemsize, 8 if shape else 0
    body = data[begin.end() + header :]
    told = int.from_bytes(data[begin.end() : begin.end() + 4], "big") if shape else 1
    if len(body) < size or told != int(np.prod(shape)):
        raise DataError(
            f"`{at.remote.shown}` sent {len(body)} bytes of `{array.key}`, where {size} were asked for",
            fix="try again later",
        )
    start = 3 if not shape and wire.itemsize == 1 and len(body) > 3 and body[0] == 0 else 0
    return np.frombuffer(body[start : start + size], wire).reshape(shape).astype(array.dtype)


def opendap_record(at: OpendapAt) -> dict[str, Any]:
    """The address, the length of the description, and the SHA-256 of it and of one value of each of 16 arrays."""
    found = described(at)
    digest = hashlib.sha256(found.at.version.encode())
    for name in sorted(found.arrays, key=lambda name: -int(np.prod(found.arrays[name].shape)))[:SAMPLED]:
        array = found.arrays[name]
        middle = [(length // 2, length // 2 + 1) for length in array.shape]
        digest.update(name.encode() + values_of(at, array, [middle])[0].tobytes())
    return {"name": at.remote.shown, "bytes": len(found.arrays), "sample_sha256": digest.hexdigest()}
