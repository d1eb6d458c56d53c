"""Keys of the config that had another name in an earlier version."""

__all__ = ["RENAMED", "Renamed", "renamed_fault", "with_new_names"]

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wxml.files.yaml_loader import Path


@dataclass(frozen=True, slots=True)
class Renamed:
    """The name that an old key has today."""

    key: str
    """The name; the section is the same."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """Old value → today's; any other value stays."""


RENAMED: dict[Path, Renamed] = {
    ("model", "checkpointing"): Renamed("activation_checkpointing"),
    ("model", "earlier_states"): Renamed("input_tendencies", {"changes": True, "values": False}),
    ("model", "residual"): Renamed("residual", {"last-state": "persistence"}),
}
"""The renamed keys, by the path that each had in wxml-core 0.1."""


def renamed_fault(path: Path, value: Any) -> str | None:
    """The sentence for a config file that uses an old key or an old value; None if it uses neither."""
    renamed = RENAMED.get(path)
    if renamed is None or (path[-1] == renamed.key and value not in renamed.values):
        return None
    new = renamed.values.get(value, value) if isinstance(value, str) else value
    before, now = (text if isinstance(text, str) else json.dumps(text) for text in (value, new))
    return f"`{path[-1]}: {before}` is now written `{renamed.key}: {now}`"


def with_new_names(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config of any version with today's keys and values."""
    new: dict[str, Any] = copy.deepcopy(dict(config))
    for (*parents, old), renamed in RENAMED.items():
        section: dict[Any, Any] = new
        for parent in parents:
            below = section.get(parent)
            section = below if isinstance(below, dict) else {}  # the validation tells what is wrong
        if old in section:
            value = section.pop(old)
            section[renamed.key] = renamed.values.get(value, value) if isinstance(value, str) else value
    return new
