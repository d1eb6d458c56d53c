"""What the section `data` of a config makes of a source: forcings that are computed, and missing values."""

__all__ = ["chosen_forcings", "chosen_missing"]

from collections.abc import Mapping

from wxml.config.data_schema import DataConfig
from wxml.data.absent import MissingWhere
from wxml.data.forcing import Forcing
from wxml.plugins.create import create


def chosen_forcings(config: DataConfig) -> list[tuple[str, Forcing]]:
    """The plugins of `data.forcings`, each with its name."""
    return [
        (choice.plugin, create("forcing", choice.plugin, choice.options, where=f"data.forcings.{number}"))
        for number, choice in enumerate(config.forcings)
    ]


def chosen_missing(config: DataConfig) -> Mapping[str, MissingWhere]:
    """Where forecasts have no value, by variable: `data.variables.missing`."""
    return {name: MissingWhere(**rule.model_dump()) for name, rule in config.variables.missing.items()}
