"""Extension: a section of the config that belongs to a package."""

__all__ = ["Extension", "extension"]

from collections.abc import Mapping
from typing import Any

from wxml.config.schema import ExperimentConfig
from wxml.environment.names import same_plugin
from wxml.plugins.create import create
from wxml.plugins.options.choices import PluginChoice, named_by_key


class Extension:
    """A section `extensions: {NAME: {…}}` of the config. The keyword-only parameters are its keys.

    Core checks the section, records it with the config, and does nothing else with it: hooks, commands, trainers and
    whatever else a package brings read it with `wxml.extension`. The constructor keeps what it is given; it neither
    reads nor writes anything.
    """


def extension(config: ExperimentConfig | Mapping[str, Any], name: str) -> Any:
    """Make the extension `name` from its section in a config; None if the config has no such section.

    Args:
        config: a config, or its values as hooks and `wxml.artefact_config` give them.
        name: the name of the plugin, bare or full.

    Raises:
        ConfigError: the section does not fit the plugin.
        UnknownPluginError, BrokenPluginError: the plugin cannot be used.
    """
    found = config.extensions if isinstance(config, ExperimentConfig) else config.get("extensions")
    for key, section in named_by_key(found or {}).items():
        choice = section if isinstance(section, PluginChoice) else PluginChoice.model_validate(section)
        if same_plugin(choice.plugin, name):
            return create("extension", choice.plugin, choice.options, where=f"extensions.{key}")
    return None
