"""The options of a plugin in words, for `wxml show-plugin` and `wxml config explain`."""

__all__ = ["OptionRow", "option_rows", "type_text"]

import json
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Literal

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined, to_jsonable_python

from wxml.plugins.options.choices import kind_of, model_in, own_keys
from wxml.plugins.options.deprecated import deprecation_of

_BOUNDS = {
    "gt": "> {}",
    "ge": ">= {}",
    "lt": "< {}",
    "le": "<= {}",
    "multiple_of": "multiple of {}",
    "min_length": "length >= {}",
    "max_length": "length <= {}",
    "pattern": "matches {}",
}


@dataclass(frozen=True, slots=True)
class OptionRow:
    """One option, in words."""

    name: str
    """The name; dotted if the option belongs to a group: `encoder.radius`, or `stages.*.steps` in a list or mapping."""
    type: str
    """Such as `int`, `'mean' | 'sum'`, `list[str]`."""
    default: str | None
    """As it is written in YAML; None if the option is required."""
    constraint: str
    """Such as `> 0`; empty without one."""
    description: str


def option_rows(
    model: type[BaseModel], prefix: str = "", given: Any = None, above: tuple[type[BaseModel], ...] = ()
) -> Iterator[OptionRow]:
    """The rows of a model; the rows of a group follow each other, those of a list or mapping of groups its own row.

    Args:
        model: the options.
        prefix: text before each name, with its dot.
        given: the instance that the group as a whole has by default, if any.
        above: the models that hold this one; a model that holds itself is not repeated.
    """
    for name, field in model.model_fields.items():
        key = field.alias or name
        default = getattr(given, name) if isinstance(given, model) else field.get_default(call_default_factory=True)
        group = model_in(field.annotation)
        if group is not None and kind_of(field) and not own_keys(group):
            group = None
        several = group is not None and _is_container(field.annotation)
        if group is None or several or not (isinstance(default, group) or default is PydanticUndefined):
            yield _row(f"{prefix}{key}", field, default)
        if group is not None and group not in (*above, model):
            below = f"{prefix}{key}.*." if several else f"{prefix}{key}."
            yield from option_rows(group, below, default, (*above, model))


def _is_container(annotation: Any) -> bool:
    """Whether groups of this type stand in a list or a mapping, also in `list[Group] | None`."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        return _is_container(arguments[0])
    if origin in (typing.Union, types.UnionType):
        return any(map(_is_container, arguments))
    return origin is not None and model_in(annotation) is not None


def _row(name: str, field: FieldInfo, default: Any) -> OptionRow:
    bounds = [
        text.format(bound)
        for item in field.metadata
        for key, text in _BOUNDS.items()
        if (bound := getattr(item, key, None)) is not None
    ]
    written = None
    if default is not PydanticUndefined:
        plain = to_jsonable_python(default, fallback=str)
        is_word = isinstance(plain, str) and plain.replace("-", "").replace("_", "").isalpha()
        written = plain if is_word else json.dumps(plain, ensure_ascii=False)  # JSON is YAML; words need no quotes
    text, kind = type_text(field.annotation), kind_of(field)
    choice = model_in(field.annotation)
    in_words = text.replace(choice.__name__, kind) if kind and choice else text
    mark = deprecation_of(field)
    description = "; ".join(filter(None, (field.description, mark.sentence if mark else None)))
    return OptionRow(name, in_words, written, ", ".join(bounds), description)


def type_text(annotation: Any) -> str:
    """A type as people write it.

    >>> type_text(Literal["mean", "sum"] | None)
    "'mean' | 'sum' | None"
    """
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        return type_text(arguments[0])
    if origin is Literal:
        return " | ".join(repr(argument) for argument in arguments)
    if origin in (typing.Union, types.UnionType):
        return " | ".join(type_text(argument) for argument in arguments)
    if origin is not None:
        return f"{_plain(origin)}[{', '.join(type_text(argument) for argument in arguments)}]"
    return _plain(annotation)


def _plain(annotation: Any) -> str:
    if annotation in (None, type(None)):
        return "None"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return " | ".join(repr(to_jsonable_python(member.value, fallback=str)) for member in annotation)
    return "..." if annotation is ... else str(getattr(annotation, "__name__", annotation))
