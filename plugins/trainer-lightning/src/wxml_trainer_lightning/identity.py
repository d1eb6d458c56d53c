"""What a training is of: everything that its result depends on, as flat text."""

__all__ = ["differences", "flatten", "run_identity"]

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wxml import Experiment

LONGEST = 200
MEMORY_ONLY = ("activation_checkpointing", "memory_limit")
"""Keys of the model's config that change what a training holds in memory, and no number in it."""


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested mappings to dotted keys; every value as JSON.

    >>> flatten({"data": {"steps": 2, "names": ["t"]}})
    {'data.steps': '2', 'data.names': '["t"]'}
    """
    flat: dict[str, str] = {}
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = json.dumps(value, sort_keys=True)
    return flat


def run_identity(experiment: "Experiment", options: Mapping[str, Any]) -> dict[str, str]:
    """The config of an experiment with all options of its training, the graph, and where its data come from.

    Long values, such as the list of all files that were read, are replaced by their hash.
    """
    config = {
        name: value
        for name, value in experiment.config.model_dump(mode="json").items()
        if name not in ("training", "forecast", "verification")
    }
    config["model"] = {name: value for name, value in config["model"].items() if name not in MEMORY_ONLY}
    made_of = {"graph_identity": experiment.provenance.graph, "data_read": experiment.provenance.data}
    flat = flatten({**config, "training": options, **made_of})
    return {key: text if len(text) <= LONGEST else _hash(text) for key, text in flat.items()}


def _hash(text: str) -> str:
    return f"sha256 {hashlib.sha256(text.encode()).hexdigest()}"


def differences(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """What changed, one line for each key, sorted."""
    keys = sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))
    return [f"{key}: was {before.get(key, 'absent')}, is {now.get(key, 'absent')}" for key in keys]
