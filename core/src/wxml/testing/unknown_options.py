"""Puts an unknown key into a group of options or into a nested choice."""

__all__ = ["with_unknown"]

import typing
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from wxml.plugins.options.choices import PluginChoice, model_in


def with_unknown(annotation: Any, value: Any, unknown: str) -> Any:
    """Return `value` with the key `unknown` in its group of options; None if there is none that could have it.

    Args:
        annotation: the type of the option.
        value: what the option is otherwise, as a config or a default has it.
        unknown: the key.
    """
    model = model_in(annotation)
    if model is None:
        return None
    if isinstance(value, BaseModel):
        return {**value.model_dump(), unknown: 1}
    shape = _shape(annotation)
    if isinstance(value, list | tuple) and value:
        return [with_unknown(model, value[0], unknown), *value[1:]]
    if issubclass(shape, Mapping) and isinstance(value, Mapping) and value:
        first, *others = value
        return {first: with_unknown(model, value[first], unknown), **{name: value[name] for name in others}}
    if isinstance(value, Mapping) and value:
        return {**value, unknown: 1}
    if issubclass(model, PluginChoice):
        return None  # which plugin would it be?
    group = {unknown: 1}
    return {"any": group} if issubclass(shape, Mapping) else [group] if issubclass(shape, list | tuple) else group


def _shape(annotation: Any) -> type:
    """What holds the group: `list`, `tuple` or `dict`, or a model itself."""
    origin = typing.get_origin(annotation)
    if isinstance(annotation, type) and origin is None:
        return annotation
    if isinstance(origin, type) and issubclass(origin, list | tuple | Mapping):
        return origin
    parts = [part for part in typing.get_args(annotation) if model_in(part) is not None]
    return _shape(parts[0]) if parts else object
