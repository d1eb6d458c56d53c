"""Changes on the command line to the config that an artefact holds."""

__all__ = ["Changes", "read_changes"]

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wxml.artefacts.formats import read_provenance
from wxml.artefacts.migrated import recorded_today
from wxml.config.load import change_config
from wxml.config.schema import ExperimentConfig
from wxml.plugins.options.choices import PluginChoice


@dataclass(frozen=True, slots=True)
class Changes:
    """A recorded config with changes."""

    config: ExperimentConfig
    origins: dict[str, str]
    """The origin of every leaf that is changed, by dotted path."""

    @property
    def source(self) -> PluginChoice | None:
        """The changed data source; None where nothing of it is changed."""
        changed = any(path.startswith("data.source.") for path in self.origins)
        return self.config.data.source if changed else None

    def record(self) -> dict[str, Any]:
        """The fields `config` and `origins` of the provenance of what is made with the changes."""
        return {"config": self.config.model_dump(mode="json"), "origins": self.origins}


def read_changes(artefact: Path, changes: Sequence[str], allowed: Sequence[str]) -> Changes | None:
    """Change the config behind a checkpoint or a forecast; None without changes.

    Args:
        artefact: the checkpoint, or a forecast that was made with it.
        changes: `key=value`, such as `forecast.batch_size=2`; values are YAML.
        allowed: the sections that may be changed, such as `data.source`.

    Raises:
        ArtefactError: there is no such artefact, or it cannot be read.
        ConfigError: a change has another form, is of another section, or is wrong.
    """
    if not changes:
        return None
    recorded = recorded_today(read_provenance(artefact), str(artefact)).model_dump(mode="json")
    loaded = change_config(recorded, changes, allowed)
    return Changes(loaded.config, loaded.origins)
