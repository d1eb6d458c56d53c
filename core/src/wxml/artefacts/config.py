"""The config that an artefact was made with."""

__all__ = ["artefact_config"]

from pathlib import Path
from typing import Any

from wxml.artefacts.formats import read_provenance
from wxml.artefacts.migrated import recorded_today


def artefact_config(path: Path | str) -> dict[str, Any]:
    """Read the config of a checkpoint, a forecast or a folder of scores, as JSON values; no secret is in it.

    Keys and options have the names of today: the migrations of plugins are applied.

    Raises:
        ArtefactError: there is no such artefact, it is damaged, or wxml did not write it.
        BrokenPluginError, UnknownPluginError: the format or the migrations need a plugin that cannot be used.
    """
    config: dict[str, Any] = recorded_today(read_provenance(Path(path)), str(path)).model_dump(mode="json")
    return config
