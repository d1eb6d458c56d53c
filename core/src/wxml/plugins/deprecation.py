"""Tells users of the deprecated plugins and options that they use."""

__all__ = ["marked_options", "tell_deprecated"]

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from wxml.plugins.catalog import PluginRecord
from wxml.plugins.options.choices import model_in
from wxml.plugins.options.deprecated import Deprecated, deprecation_of
from wxml.plugins.options.model import options_model

logger = logging.getLogger("wxml")

_told: set[tuple[str, str]] = set()


def marked_options(
    model: type[BaseModel], prefix: str = "", above: tuple[type[BaseModel], ...] = ()
) -> Iterator[tuple[str, FieldInfo, Deprecated]]:
    """The deprecated options of a model and of the groups in it, with dotted names."""
    for name, field in model.model_fields.items():
        if mark := deprecation_of(field):
            yield f"{prefix}{name}", field, mark
        group = model_in(field.annotation)
        if group is not None and group not in (*above, model):
            yield from marked_options(group, f"{prefix}{name}.", (*above, model))


def tell_deprecated(record: PluginRecord, plugin: type, options: Mapping[str, Any], where: str = "") -> None:
    """Warn, once in a process, of a plugin that is deprecated and of deprecated options that are used.

    Args:
        record: the plugin.
        plugin: its class.
        options: its options, validated.
        where: the place in the config.
    """
    at = f" ({where})" if where else ""
    if mark := deprecation_of(plugin):
        _tell(record, "", f"{record.kind} `{record.name}` of {record.provider} is {mark.sentence}{at}")
    for name, used in _used(options_model(plugin), options):
        text = f"option `{name}` of {record.kind} `{record.name}` of {record.provider} is {used.sentence}{at}"
        _tell(record, name, text)


def _tell(record: PluginRecord, option: str, text: str) -> None:
    if (key := (f"{record.kind} {record.full_name}", option)) not in _told:
        _told.add(key)
        logger.warning("%s", text)


def _used(model: type[BaseModel], values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Deprecated]]:
    """The deprecated options that have another value than their default."""
    for name, field in model.model_fields.items():
        value = values.get(name)
        if (mark := deprecation_of(field)) and value != field.get_default(call_default_factory=True):
            yield f"{prefix}{name}", mark
        for group in _groups(value):
            below = {key: getattr(group, key) for key in type(group).model_fields}
            yield from _used(type(group), below, f"{prefix}{name}.")


def _groups(value: Any) -> Iterator[BaseModel]:
    if isinstance(value, BaseModel):
        yield value
    elif isinstance(value, Mapping):
        yield from (group for each in value.values() for group in _groups(each))
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        yield from (group for each in value for group in _groups(each))
