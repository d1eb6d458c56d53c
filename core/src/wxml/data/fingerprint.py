"""Fingerprints: texts that are another one for other data or options."""

__all__ = ["fingerprint_of"]

import hashlib
import json
from typing import Any


def fingerprint_of(*facts: Any) -> str:
    """The SHA-256 of JSON values, for `DataSource.fingerprint`; the order of the keys of a mapping does not matter.

    >>> fingerprint_of({"a": 1, "b": 2}) == fingerprint_of({"b": 2, "a": 1})
    True
    """
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()
