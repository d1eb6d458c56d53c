"""Looks at the metadata of a zarr store before any library decodes it: some codecs run code that the store brings.

The codec `pickle` of numcodecs does, in the versions before 0.16.6; other codecs may be added by any installed package.
So a store is opened only if it names nothing but the codecs and types that are listed here.
"""

__all__ = ["check_zarr_document", "check_zarr_store"]

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from wxml.errors import DataError
from wxml.files.json_loader import LONGEST, load_json

SAFE_CODECS = frozenset(
    (
        "adler32",
        "astype",
        "bitround",
        "blosc",
        "bytes",
        "bz2",
        "crc32",
        "crc32c",
        "delta",
        "endian",
        "fixedscaleoffset",
        "fletcher32",
        "gzip",
        "jenkins_lookup3",
        "lz4",
        "lzma",
        "packbits",
        "pcodec",
        "quantize",
        "sharding_indexed",
        "shuffle",
        "transpose",
        "vlen-bytes",
        "vlen-utf8",
        "zfpy",
        "zlib",
        "zstd",
    )
)
"""The codecs that turn bytes into numbers or text; in format 3 also with the prefix `numcodecs.`."""
TEXT_CODECS = frozenset(("vlen-utf8", "vlen-bytes"))
"""The codecs that may stand at an array of objects: its objects are text or bytes."""
SAFE_TYPES_2 = r"[<>|=]?[biufcmMSUV]\d*(\[\w+\])?"
SAFE_TYPES_3 = (
    r"bool|u?int(8|16|32|64)|float(16|32|64)|complex(64|128)|r\d+|string|bytes|fixed_length_utf32|raw_bytes"
    r"|null_terminated_bytes|variable_length_bytes|numpy\.(datetime64|timedelta64)"
)
STRUCTURES = frozenset(("structured", "struct"))
"""Types of format 3 that have fields."""
SAFE_KEYS = frozenset(("default", "v2"))
"""The ways to name the chunks of an array."""
FILES = ("zarr.json", ".zarray", ".zmetadata")
NODE_FILES = ("zarr.json", ".zarray", ".zgroup")
"""A folder with one of these is an array or a group."""
CHUNK = r"c|\d+(\.\d+)*|\.zattrs"
"""The names that lie in the folder of an array beside its metadata."""


def check_zarr_store(path: str | os.PathLike[str]) -> None:
    """Refuse a zarr store whose metadata name a codec or type that is not known to be safe; decode nothing.

    The metadata of the root and of the arrays in it are read, consolidated metadata with them; groups are not.

    Raises:
        DataError: a codec, filter or type is not on the list, or the metadata are not of the shape that the format asks
            for, or larger than 32 MiB; or a folder holds an array without its metadata.
        ValueError: the metadata are no JSON.
        OSError: the metadata cannot be read.
    """
    folders = [os.fspath(path), *(entry.path for entry in os.scandir(path) if entry.is_dir())]
    for folder in folders:
        for name in FILES:
            file = os.path.join(folder, name)
            if os.path.lexists(file):
                _check_file(file)
    for folder in folders[1:]:
        _check_node(folder)


def _check_node(folder: str) -> None:
    """Refuse a folder with an array that lost its metadata; libraries would leave the array out."""
    names = os.listdir(folder)
    if not any(name in NODE_FILES for name in names) and any(re.fullmatch(CHUNK, name, re.ASCII) for name in names):
        raise DataError(
            f"`{folder}` holds an array without its metadata, so the store is damaged",
            fix="write the data again, or copy them again from where they were made",
        )


def check_zarr_document(name: str, text: str) -> Any:
    """Refuse one metadata document of a zarr store as `check_zarr_store` does, wherever its text came from.

    Args:
        name: the file or address of the document, which ends with its name in the store, such as `t/.zarray`.
        text: the document.

    Returns:
        The parsed document.

    Raises:
        DataError: a codec, filter or type is not on the list, or the metadata are not of the shape that the format asks
            for.
        ValueError: the text is no JSON, or longer than 32 MiB.
    """
    content = _parsed(name, text)
    with _refusals(name):
        for document in _documents(content, is_mapping=name.endswith(".zmetadata")):
            _check_document(document)
    return content


def _check_file(file: str) -> None:
    with _refusals(file):
        text = _text(file)
    check_zarr_document(file, text)


@contextmanager
def _refusals(name: str) -> Iterator[None]:
    try:
        yield
    except _RefusedError as error:
        raise DataError(
            f"`{name}` {error}, so the store is not opened", fix="write the data again, as numbers, with usual codecs"
        ) from error


class _RefusedError(Exception):
    """What is wrong with the metadata, as the end of a sentence."""


def _text(file: str) -> str:
    if not os.path.isfile(file):
        raise _RefusedError("is no file")
    if os.path.getsize(file) > LONGEST:
        raise _RefusedError(f"has more than {LONGEST >> 20} MiB of metadata")
    try:
        with open(file, encoding="utf-8") as stream:
            return stream.read()
    except ValueError as error:
        raise ValueError(f"`{file}` cannot be read as JSON: {error}") from error


def _parsed(name: str, text: str) -> Any:
    try:
        return load_json(text)
    except ValueError as error:
        raise ValueError(f"`{name}` cannot be read as JSON: {error}") from error


def _documents(content: Any, *, is_mapping: bool) -> Iterator[Mapping[str, Any]]:
    """The document of every array and group in a file: the file's own, and those that it consolidates.

    Args:
        content: the parsed file.
        is_mapping: whether it is the `.zmetadata` of format 2, whose documents are in the key `metadata`.
    """
    waiting = [("", content)] if not is_mapping else _entries(content)
    while waiting:
        name, document = waiting.pop()
        if is_mapping and name.rpartition("/")[2] == ".zattrs":
            continue  # the user's own attributes: nothing decodes by them
        yield _mapping(document)
        consolidated = document.get("consolidated_metadata")
        if consolidated is not None:
            waiting += _entries(consolidated)


def _entries(content: Any) -> list[tuple[str, Any]]:
    return list(_mapping(_mapping(content).get("metadata", {})).items())


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _RefusedError(f"holds {str(value)[:40]!r} in place of a mapping")
    return value


def _check_document(document: Mapping[str, Any]) -> None:
    """Check the codecs and types of an array; a group has none."""
    codecs = [*_list(document.get("filters")), *_list(document.get("codecs"))]
    if document.get("compressor") is not None:
        codecs.append(document["compressor"])
    named = _check_codecs(codecs)
    if "dtype" in document:
        _check_type_2(document["dtype"], named)
    if "data_type" in document:
        _check_type_3(document["data_type"])
    if _list(document.get("storage_transformers")):
        raise _RefusedError("names `storage_transformers`")
    for key in _names(document["chunk_key_encoding"]) if "chunk_key_encoding" in document else ():
        if key not in SAFE_KEYS:
            raise _RefusedError(f"names the encoding of chunk keys {key[:40]!r}")


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise _RefusedError(f"holds {str(value)[:40]!r} in place of a list")
    return value


def _names(entry: Any) -> list[str]:
    """The names that an entry such as `{"id": "zlib"}`, `{"name": "gzip"}` or `"bytes"` goes by."""
    if isinstance(entry, str):
        return [entry]
    entry = _mapping(entry)
    found = [entry[key] for key in ("id", "name") if key in entry]
    if not found or not all(isinstance(name, str) for name in found):
        raise _RefusedError(f"holds {str(entry)[:40]!r}, which has no name")
    return found


def _check_codecs(codecs: list[Any]) -> set[str]:
    """Check codecs and those within them, as sharding has; return the names of all."""
    waiting, named = list(codecs), set[str]()
    while waiting:
        codec = waiting.pop()
        names = _names(codec)
        configuration = {} if isinstance(codec, str) else _mapping(codec.get("configuration") or {})
        names += [configuration["id"]] if "id" in configuration else []
        for name in names:
            if str(name).removeprefix("numcodecs.") not in SAFE_CODECS:
                raise _RefusedError(f"names the codec {str(name)[:40]!r}, which is not known to be safe")
            named.add(name)
        for key in ("codecs", "index_codecs"):
            waiting += _list(configuration.get(key))
    return named


def _check_type_2(dtype: Any, named: set[str]) -> None:
    """Check a type of format 2: text as in numpy, or a list of fields."""
    waiting = [dtype]
    while waiting:
        entry = waiting.pop()
        if isinstance(entry, list):
            waiting += [_field_type(field) for field in entry]
            continue
        is_text = entry == "|O" and not named.isdisjoint(TEXT_CODECS)
        if not is_text and not (isinstance(entry, str) and re.fullmatch(SAFE_TYPES_2, entry, re.ASCII)):
            raise _RefusedError(f"names the type {str(entry)[:40]!r}, whose values may be objects")


def _field_type(field: Any) -> Any:
    """The type of a field `[name, type]`, `[name, type, shape]` or `{"name": name, "data_type": type}`."""
    if isinstance(field, Mapping) and "data_type" in field:
        return field["data_type"]
    if not isinstance(field, list) or len(field) not in (2, 3):
        raise _RefusedError(f"names the type {str(field)[:40]!r}")
    return field[1]


def _check_type_3(data_type: Any) -> None:
    """Check a type of format 3, and the types of its fields if it is structured."""
    waiting = [data_type]
    while waiting:
        entry = waiting.pop()
        names = _names(entry)
        if not STRUCTURES.isdisjoint(names):
            configuration = _mapping(_mapping(entry).get("configuration", {}))
            waiting += [_field_type(field) for field in _list(configuration.get("fields"))]
        for name in names:
            if name not in STRUCTURES and not re.fullmatch(SAFE_TYPES_3, name, re.ASCII):
                raise _RefusedError(f"names the type {name[:40]!r}, which is not known to be safe")
