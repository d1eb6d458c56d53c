"""Makes an instance of a plugin from a kind, a name and options."""

__all__ = ["create"]

from collections.abc import Mapping
from typing import Any

from wxml.errors import WxmlError
from wxml.plugins.load import load
from wxml.plugins.options.model import parse_options
from wxml.plugins.resolve import resolve


def create(kind: str, name: str, options: Mapping[str, Any], *positional: object, where: str = "") -> Any:
    """Make the plugin that a config asks for.

    Args:
        kind: such as `processor`.
        name: bare or full.
        options: the keys beside `plugin` in the config, not yet validated.
        positional: the arguments that core hands over to this kind.
        where: the config path of the block, such as `model.processor`.

    Raises:
        WxmlError: the name, the plugin or the options are wrong, or the constructor refuses their values. Whatever else
            the constructor raises passes through with a note that names the plugin.
    """
    record = resolve(kind, name, where=f"{where}.plugin" if where else "")
    plugin = load(record)
    arguments = parse_options(plugin, options, where)
    try:
        return plugin(*positional, **arguments)
    except WxmlError:
        raise
    except Exception as error:
        error.add_note(f"raised by the constructor of {record.kind} {record.full_name} {record.version}")
        raise
