"""What becomes of the values of options: plugins that are chosen, seconds, and JSON values for an identity."""

__all__ = ["FREE", "chosen", "identity_of_choice", "plain", "seconds"]

from typing import Any

import numpy as np
from pydantic import BaseModel
from wxml import NameOrChoice, create, full_options, resolve
from wxml.data.times import parse_duration

FREE = (
    "callbacks",
    "checkpoint_every",
    "devices",
    "leave_after",
    "metrics",
    "nodes",
    "regions",
    "strategy",
    "tracker",
    "tracking_uri",
    "workers",
)
"""The options that a resumed training may change, since its result does not depend on them; on other numbers of devices
the sums of a step are added in another order, so the last bits may differ."""


def chosen(kind: str, choice: NameOrChoice) -> Any:
    """The plugin that the option called like its kind chooses.

    Raises:
        WxmlError: the name or the options are wrong.
    """
    return create(kind, choice.plugin, choice.options, where=f"training.{kind}")


def identity_of_choice(kind: str, choice: NameOrChoice) -> dict[str, Any]:
    """The full name of a plugin and all of its options, as JSON values."""
    options = full_options(kind, choice.plugin, choice.options, where=f"training.{kind}")
    return {"plugin": resolve(kind, choice.plugin).full_name, **options}


def seconds(duration: str | None) -> float | None:
    """A duration in seconds; None stays None."""
    return None if duration is None else float(parse_duration(duration) / np.timedelta64(1, "s"))


def plain(value: Any) -> Any:
    """Groups of options as mappings, also in a mapping; anything else as it is."""
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    return value.model_dump() if isinstance(value, BaseModel) else value
