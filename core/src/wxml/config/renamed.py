"""Keys of the config that had another name in an earlier version."""

__all__ = ["RENAMED", "Renamed", "renamed_fault", "with_new_names"]

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Renamed:
    """What an old key is today."""

    key: str
    """Its name today, in the same section."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """Old value → today's; any other value stays."""


RENAMED = {
    "model.checkpointing": Renamed("activation_checkpointing"),
    "model.earlier_states": Renamed("input_tendencies", {"changes": True, "values": False}),
    "model.residual": Renamed("residual", {"last-state": "persistence"}),
}
"""By the dotted path of the key in wxml-core 0.1."""


def renamed_fault(path: str, value: Any) -> str | None:
    """The sentence for a config file that uses an old key or an old value; None if it uses neither."""
    renamed = RENAMED.get(path)
    if renamed is None or (path.endswith(f".{renamed.key}") and value not in renamed.values):
        return None
    old, new = path.rpartition(".")[2], value
    if isinstance(value, str):
        new = renamed.values.get(value, value)
    return f"`{old}: {_text(value)}` is now written `{renamed.key}: {_text(new)}`"


def with_new_names(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config of any version with today's keys and values."""
    new: dict[str, Any] = copy.deepcopy(dict(config))
    for path, renamed in RENAMED.items():
        *parents, old = path.split(".")
        section = new
        for parent in parents:
            section = section.get(parent, {})
        if old in section:
            value = section.pop(old)
            section[renamed.key] = renamed.values.get(value, value) if isinstance(value, str) else value
    return new


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
