"""Lists of many data files in the records of later artefacts: how many they are, and a hash by which they are known."""

__all__ = ["FEW", "brief", "with_brief_files"]

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

FEW = 8
"""So many files are listed everywhere; of more, the artefact alone that was made from them has the list."""


def with_brief_files(record: Mapping[str, Any]) -> dict[str, Any]:
    """A provenance record, and those of its parents, whose long lists of files are `brief`.

    A checkpoint has the list of its data files; each forecast and each score of it would have a copy otherwise.
    """
    data: Mapping[str, Any] = record.get("data") or {}
    short = {key: _brief_source(value) if isinstance(value, Mapping) else value for key, value in data.items()}
    parents = [with_brief_files(parent) for parent in record.get("parents", ())]
    return {**record, "data": short, "parents": parents}


def brief(files: Sequence[Any]) -> dict[str, Any]:
    """The number of files, their bytes, the first and the last name, and the SHA-256 of their list as JSON."""
    text = json.dumps(list(files), sort_keys=True, separators=(",", ":"))
    names = [str(one.get("name", "")) if isinstance(one, Mapping) else str(one) for one in files]
    sizes = [int(one.get("bytes", 0)) for one in files if isinstance(one, Mapping)]
    digest = hashlib.sha256(text.encode()).hexdigest()
    return {"count": len(files), "bytes": sum(sizes), "first": names[0], "last": names[-1], "list_sha256": digest}


def _brief_source(source: Mapping[str, Any]) -> dict[str, Any]:
    """What a source says of itself, with a brief list of its files."""
    files = source.get("files")
    return {**source, "files": brief(files)} if isinstance(files, list) and len(files) > FEW else dict(source)
