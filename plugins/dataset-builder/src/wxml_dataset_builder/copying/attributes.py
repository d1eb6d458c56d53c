"""The attributes of a copy."""

__all__ = ["copied_attributes"]

import hashlib
import json
import uuid
from typing import Any

from wxml_dataset_builder.copying.selection import Selection
from wxml_dataset_builder.geometry import Geometry
from wxml_dataset_builder.stored import MISSING, Stored

LISTS = ("constant_fields", "variables_with_nans")
"""The attributes that name some of the variables."""


def copied_attributes(stored: Stored, selection: Selection, geometry: Geometry) -> dict[str, Any]:
    """Those of the dataset, which keep to what was selected, with the copy added to the history.

    A copy of a part has another identity; it follows from that of the dataset and from the part.
    """
    said = dict(stored.attributes)
    names = [stored.names[column] for column in selection.variables]
    dates = stored.dates[selection.dates]
    missing = dates[stored.is_missing[selection.dates]]
    metadata = said.get("variables_metadata") or {}
    found = {
        **said,
        "variables": names,
        "variables_metadata": {name: metadata[name] for name in names if name in metadata},
        MISSING: [str(date) for date in missing],
        "start_date": str(dates[0]),
        "end_date": str(dates[-1]),
        "shape": list(geometry.shape),
        "chunks": list(geometry.chunks),
        "history": [*said.get("history", []), _entry(stored, selection, names)],
    }
    found |= {key: [name for name in said[key] if name in names] for key in LISTS if isinstance(said.get(key), list)}
    if "last_date" in said:
        found["last_date"] = str(dates[-1])
    if selection.is_part:
        found["uuid"] = _identity(said, found)
    return found


def _entry(stored: Stored, selection: Selection, names: list[str]) -> dict[str, Any]:
    entry: dict[str, Any] = {"action": "copy", "dates": len(stored.dates[selection.dates]), "variables": len(names)}
    return entry | ({"of": stored.attributes["uuid"]} if "uuid" in stored.attributes else {})


def _identity(said: dict[str, Any], found: dict[str, Any]) -> str:
    parts = [str(said.get("uuid")), found["variables"], found["start_date"], found["end_date"]]
    digest = hashlib.sha256(json.dumps(parts).encode())
    return str(uuid.UUID(bytes=digest.digest()[:16], version=5))
