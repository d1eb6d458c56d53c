"""Reads JSON that somebody else may have written: bounded in size, nesting and numbers, and no key twice."""

__all__ = ["LONGEST", "load_json"]

import json
from typing import Any

LONGEST = 32 * 2**20
"""The most characters of a text."""
DEEPEST = 100
"""The most levels of nesting."""
DIGITS = 300
"""The most characters of an integer: one with more is beyond the numbers of a float."""


def load_json(text: Any) -> Any:
    """Parse one JSON document.

    Raises:
        ValueError: `text` is no text, is not JSON, is longer than `LONGEST`, is nested deeper than `DEEPEST`, has a key
            twice, an integer of more than `DIGITS` characters, or text that is not Unicode.
    """
    if not isinstance(text, str):
        raise ValueError(f"it must be text, got {type(text).__name__}")
    if len(text) > LONGEST:
        raise ValueError(f"it has {len(text)} characters, and may have {LONGEST}")
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_int=_integer)
    except RecursionError:
        raise ValueError(f"it is nested more than {DEEPEST} levels deep") from None
    _check_depth(value)
    json.dumps(value, ensure_ascii=False).encode()  # half of a surrogate pair can be neither printed nor written
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make a mapping of keys that differ."""
    made = dict(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} is there twice")
    return made


def _integer(digits: str) -> int:
    if len(digits) > DIGITS:
        raise ValueError(f"an integer has {len(digits)} characters, and may have {DIGITS}")
    return int(digits)


def _check_depth(value: Any) -> None:
    """Raise a ValueError if mappings and lists are nested deeper than `DEEPEST`."""
    level, depth = [value], 0
    while level := [inner for outer in level for inner in _inside(outer)]:
        depth += 1
        if depth > DEEPEST:
            raise ValueError(f"it is nested more than {DEEPEST} levels deep")


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
