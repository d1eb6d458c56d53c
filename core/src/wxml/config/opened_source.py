"""Opens the source that a config chooses, for the variables that are asked for."""

__all__ = ["asked_for", "open_source"]

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from wxml.config.data_schema import VariablesConfig
from wxml.data.forcings import COMPUTED_FORCINGS
from wxml.data.source import DataSource
from wxml.errors import DataError
from wxml.plugins.create import create
from wxml.plugins.options.choices import PluginChoice

KIND = "data-source"


def asked_for(variables: VariablesConfig, made: Collection[str] = ()) -> list[str] | None:
    """The variables that the source of a config is asked for; None for all that it has.

    Args:
        variables: the roles.
        made: the names of fields that plugins make.
    """
    if variables.prognostic is None:
        return None
    named = [*variables.prognostic, *variables.forcing, *variables.diagnostic]
    return [name for name in named if name not in made]


def open_source(choice: PluginChoice, names: Iterable[str] | None = None, *, where: str = "data.source") -> DataSource:
    """Make a source that is judged by some variables alone, where its plugin can: other fields may be what they want.

    If one of the variables is not there, the whole source is made, so that an error can name all that it has.

    Args:
        choice: the plugin and its options.
        names: the variables that are asked for; None: all of them.
        where: the place of the choice in the config.

    Raises:
        WxmlError: the plugin or its options are wrong, or the data cannot be opened.
    """
    if names is None:
        return _made(choice, None, where)
    asked = tuple(dict.fromkeys(names))
    source = _made(choice, asked, where)
    if {*asked} <= {*source.header.names, *COMPUTED_FORCINGS}:
        return source
    try:
        return _made(choice, None, where)
    except DataError:
        return source  # something else is wrong with the rest


def _made(choice: PluginChoice, names: tuple[str, ...] | None, where: str) -> DataSource:
    def make(plugin: type[DataSource], options: Mapping[str, Any]) -> DataSource:
        return plugin(**options) if names is None else plugin.for_variables(names, options)

    source: DataSource = create(KIND, choice.plugin, choice.options, where=where, make=make)
    return source
