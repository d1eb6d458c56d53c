"""Read other data than those that an artefact was made from."""

__all__ = ["changed_source"]

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from wxml.artefacts.formats import read_provenance
from wxml.config.schema import PluginChoice
from wxml.errors import ConfigError, Fault

PREFIX = "data.source."


def changed_source(artefact: Path, changes: Sequence[str]) -> PluginChoice | None:
    """The source in the config of a checkpoint or forecast with `data.source.KEY=VALUE` changes; None without any.

    Raises:
        ConfigError: a change that is of another form or of another part of the config.
    """
    if not changes:
        return None
    record = read_provenance(artefact)
    config = record.config or record.parents[0]["config"]
    return PluginChoice.model_validate({**config["data"]["source"], **dict(map(_change, changes))})


def _change(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key.startswith(PREFIX):
        fault = Fault("", f"only the data source can be changed after training, got {text!r}")
        raise ConfigError([fault], fix=f"write it like {PREFIX}path=elsewhere.zarr")
    return key.removeprefix(PREFIX), yaml.safe_load(value)
