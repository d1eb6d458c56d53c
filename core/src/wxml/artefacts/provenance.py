"""The record that every artefact carries: its config, plugins, data and parents; records of any version can be read."""

__all__ = ["Provenance", "migrated_record"]

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import Any, Self

from wxml.config.renamed import RENAMED, with_new_names
from wxml.masking import masked_values


@dataclass(frozen=True, slots=True)
class Provenance:
    """Describes how an artefact was made, in JSON values the same for the same inputs: no dates, hosts or users."""

    artefact: str
    """`checkpoint`, `forecast` or `scores`."""
    config: dict[str, Any] = field(default_factory=dict)
    """The whole config, defaults included."""
    origins: dict[str, str] = field(default_factory=dict)
    """Dotted config key → the layer that set it."""
    plugins: list[dict[str, Any]] = field(default_factory=list)
    """The lock: only the plugins used (see `wxml.plugins.lock`)."""
    graph: str = ""
    """The identity of the graph."""
    data: dict[str, Any] = field(default_factory=dict)
    """The provenance of the data source, with the identity of its grid."""
    statistics: str = ""
    """The times of the statistics, and whether they were stored with the data; empty before wxml 0.2."""
    migrations: list[dict[str, Any]] = field(default_factory=list)
    """The migrations of plugins that made it from its parent, in order (see `wxml.Migration`)."""
    fork: dict[str, Any] = field(default_factory=dict)
    """If its training began with the weights of its parent: which of them were loaded, changed and made fresh."""
    execution: dict[str, Any] = field(default_factory=dict)
    """How the model of a forecast was run: device, precision, compiler, threads."""
    notes: dict[str, Any] = field(default_factory=dict)
    """The notes that hook plugins added."""
    parents: list[dict[str, Any]] = field(default_factory=list)
    """The records of the artefacts that this one was made from."""
    wxml_core: str = field(default_factory=lambda: version("wxml-core"))
    """The version that made the artefact."""

    def to_dict(self) -> dict[str, Any]:
        """Return the record as JSON values, without secrets."""
        record: dict[str, Any] = masked_values(asdict(self))
        return record

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> Self:
        """Make the record that any version's `to_dict` wrote; keys that only a later version knows are dropped."""
        record = migrated_record(record)
        known = {key: record[key] for key in cls.__dataclass_fields__ if key in record}
        return cls(**known)


def migrated_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """Convert a provenance record of any version: its config, origins and parents get today's names."""
    new = dict(record)
    if "config" in record:
        new["config"] = with_new_names(record["config"])
    if "origins" in record:
        new["origins"] = {_new_path(path): layer for path, layer in record["origins"].items()}
    if "parents" in record:
        new["parents"] = [migrated_record(parent) for parent in record["parents"]]
    return new


def _new_path(path: str) -> str:
    """Rename a dotted key: `model.checkpointing.mappers` → `model.activation_checkpointing.mappers`."""
    keys = path.split(".")
    for old, renamed in RENAMED.items():
        if tuple(keys[: len(old)]) == old:
            keys[len(old) - 1] = renamed.key
    return ".".join(keys)
