"""The record that every artefact carries: its config, plugins, data and parents."""

__all__ = ["Provenance"]

from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import Any, Self

from wxml.artefacts.migration import migrated_record


@dataclass(frozen=True, slots=True)
class Provenance:
    """How an artefact came to be; JSON values only, and the same for the same inputs: no dates, hosts or users."""

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
    notes: dict[str, Any] = field(default_factory=dict)
    """The notes that hook plugins added."""
    parents: list[dict[str, Any]] = field(default_factory=list)
    """The records of the artefacts that this one was made from."""
    wxml_core: str = field(default_factory=lambda: version("wxml-core"))
    """The version that made the artefact."""

    def to_dict(self) -> dict[str, Any]:
        """Return the record as JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> Self:
        """The record that `to_dict` wrote, today or in an earlier version; keys of later versions are left out."""
        record = migrated_record(record)
        known = {key: record[key] for key in cls.__dataclass_fields__ if key in record}
        return cls(**known)
