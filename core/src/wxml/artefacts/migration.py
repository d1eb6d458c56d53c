"""Artefacts of earlier versions, read as if today's version had written them."""

__all__ = ["migrated_header", "migrated_record"]

from collections.abc import Mapping
from typing import Any

from wxml.config.renamed import RENAMED, with_new_names


def migrated_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """A provenance record of any version with today's names in its config, and in the configs of its parents."""
    new = dict(record)
    if "config" in record:
        new["config"] = with_new_names(record["config"])
    if "origins" in record:
        new["origins"] = {_new_path(path): layer for path, layer in record["origins"].items()}
    if "parents" in record:
        new["parents"] = [migrated_record(parent) for parent in record["parents"]]
    return new


def migrated_header(header: Mapping[str, Any]) -> dict[str, Any]:
    """The header of a checkpoint of any version with today's names in its config and in its provenance record."""
    return {
        **header,
        "config": with_new_names(header["config"]),
        "provenance": migrated_record(header["provenance"]),
    }


def _new_path(path: str) -> str:
    """Today's dotted path of a config key: `model.checkpointing.mappers` → `model.activation_checkpointing.mappers`."""
    keys = path.split(".")
    for old, renamed in RENAMED.items():
        if tuple(keys[: len(old)]) == old:
            keys[len(old) - 1] = renamed.key
    return ".".join(keys)
