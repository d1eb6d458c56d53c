"""The record of an artefact where it can be read without the plugin of its format.

A zarr store holds it in its metadata, which are JSON. Beside any other artefact `NAME` stands `NAME.wxml.json`: the
record, and a fingerprint of the artefact. Each of the two is written whole, one after the other. After a crash in
between, or where somebody has put another file under the name, the fingerprint does not fit, and the file counts as
absent: then the plugin reads the record in the artefact itself.
"""

__all__ = ["PROVENANCE", "is_record_file", "plain_record", "record_path", "record_text", "write_record"]

import hashlib
import json
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from wxml.errors import ArtefactError
from wxml.files.json_loader import LONGEST, load_json
from wxml.files.staging import staged

logger = logging.getLogger("wxml")

PROVENANCE = "wxml_provenance"
"""The attribute of a file or a store that holds the record as JSON text."""
SUFFIX = ".wxml.json"
SCHEMA = 1
"""The version of the file beside an artefact; it rises when a key changes its meaning or goes away."""
END = 2**20
"""How many bytes of the beginning and of the end of a file are in its fingerprint."""
METADATA = {"zarr.json": "attributes", ".zattrs": ""}
"""The files with the attributes of a zarr group, of format 3 and 2, and the key in them."""


def record_path(artefact: Path) -> Path:
    """The path of the file with the record beside an artefact: `forecast.nc.wxml.json`."""
    return artefact.with_name(artefact.name + SUFFIX)


def plain_record(artefact: Path) -> dict[str, Any] | None:
    """Read the record of an artefact from its metadata, or from the file beside it; None if neither has it."""
    return _in_store(artefact) or _beside(artefact)


def record_text(artefact: Path, record: Mapping[str, Any]) -> str | None:
    """Return the text of the file beside an artefact that is written; None if its metadata hold the record already."""
    if _in_store(artefact) is not None:
        return None
    return json.dumps({"schema": SCHEMA, "fingerprint": _fingerprint(artefact), "provenance": record}, sort_keys=True)


def write_record(artefact: Path, text: str | None) -> None:
    """Put `text` of `record_text` beside an artefact that has come to its place; None: remove what an older one left.

    The artefact is whole without it, so that a failure is a warning; so is a file of that name which is no record.
    """
    path = record_path(artefact)
    if os.path.lexists(path) and not is_record_file(path):
        logger.warning(
            "`%s` is no record of wxml, and stays as it is: only a plugin reads that of `%s`", path, artefact
        )
        return
    if text is None:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        return
    try:
        with staged(path, overwrite=True) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except ArtefactError as error:
        logger.warning("%s: the record of `%s` is in it alone, where a plugin reads it", error.message, artefact)


def is_record_file(path: Path) -> bool:
    """Whether a file is the record of some artefact."""
    found = _json(path)
    return path.name.endswith(SUFFIX) and isinstance(found, dict) and isinstance(found.get("provenance"), dict)


def _in_store(artefact: Path) -> dict[str, Any] | None:
    for name, key in METADATA.items():
        found = _json(artefact / name)
        attributes = found.get(key) if key and isinstance(found, dict) else found
        if isinstance(attributes, dict) and PROVENANCE in attributes:
            with suppress(ValueError):
                record = load_json(attributes[PROVENANCE])
                return record if isinstance(record, dict) else None
    return None


def _beside(artefact: Path) -> dict[str, Any] | None:
    path = record_path(artefact)
    found = _json(path) if is_record_file(path) else None
    if (
        not isinstance(found, dict)
        or found.get("schema") != SCHEMA
        or found.get("fingerprint") != _fingerprint(artefact)
    ):
        return None
    record: dict[str, Any] = found["provenance"]
    return record


def _json(path: Path) -> Any:
    """The JSON value of a file; None if it is absent, too long, or none."""
    with suppress(OSError, ValueError):
        if path.is_file() and path.stat().st_size <= LONGEST:
            return load_json(path.read_text(encoding="utf-8"))
    return None


def _fingerprint(artefact: Path) -> str:
    """The SHA-256 of the size, the beginning and the end of a file; of a folder, of the names and sizes in it."""
    digest = hashlib.sha256()
    if artefact.is_dir():
        files = sorted(path for path in artefact.rglob("*") if path.is_file())
        for path in files:
            digest.update(f"{path.relative_to(artefact).as_posix()} {path.stat().st_size}\n".encode())
        return f"sha256:{digest.hexdigest()}"
    with suppress(OSError), artefact.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        digest.update(f"{size}\n".encode() + file.read(END))
        file.seek(max(END, size - END))
        digest.update(file.read(END))
    return f"sha256:{digest.hexdigest()}"
