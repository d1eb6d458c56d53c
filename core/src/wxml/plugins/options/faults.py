"""Turns pydantic's errors into faults: each says where it is and what to write instead."""

__all__ = ["faults_of"]

import reprlib
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from wxml.errors import Fault, WxmlError, nearest
from wxml.masking import MASK, masked_values
from wxml.plugins.options.choices import Path
from wxml.plugins.options.environment import REFERENCE, is_secret, texts


def faults_of(error: ValidationError, model: type[BaseModel], at: Path = (), written: Any = None) -> list[Fault]:
    """One fault for each key that is wrong; the alternatives of a union are one sentence.

    A value that came from a variable of the environment is quoted by the variable's name, and a secret not at all.

    Args:
        error: the error that pydantic raised.
        model: the model that pydantic validated against; its fields are the valid names.
        at: the keys that lead to the validated values, such as `("model", "processor")`.
        written: the values before variables of the environment were followed; None: there were none.
    """
    messages: dict[Path, list[str]] = {}
    for detail in error.errors(include_url=False):
        path, holder = _walk(model, detail["loc"])
        message = _message(detail, path, holder, _quoted(detail["input"], path, holder, written))
        if message not in messages.setdefault(path, []):
            messages[path].append(message)
    faults = []
    for path, alternatives in messages.items():
        sentence = " or ".join(alternatives)
        if path and not sentence.startswith("unknown key"):
            *first, last = alternatives  # pydantic complains about each member of a union
            wanted = [text.rpartition(", got ")[0] or text for text in first]
            sentence = f"`{path[-1]}` {' or '.join([*wanted, last])}"
        faults.append(Fault((*at, *path), sentence))
    return faults


def _message(detail: ErrorDetails, path: Path, holder: Any, got: str) -> str:
    """The sentence about one key; `holder` is the model that the key belongs to, `got` its value in words."""
    if detail["type"] == "extra_forbidden":
        known = holder.model_fields if _is_model(holder) else ()
        return f"unknown key `{path[-1]}`: {nearest(str(path[-1]), known)}"
    if detail["type"] == "missing":
        return "is missing"
    cause = detail.get("ctx", {}).get("error")
    if isinstance(cause, WxmlError):
        return f"is wrong: {cause.message}; {cause.fix}"
    if detail["type"] in ("model_type", "model_attributes_type"):
        is_choice = detail["ctx"]["class_name"] == "PluginChoice"
        wanted = "`{plugin: NAME}`" if is_choice else "a section with keys of its own"
        return f"must be {wanted}, got {got}"
    text = detail["msg"].removeprefix("Value error, ").partition(", unable to parse")[0]
    _, should, wanted = text.partition(" should ")
    said = f"must {wanted}" if should else text
    return f"{said}, got {got}"


def _quoted(value: Any, path: Path, holder: Any, written: Any) -> str:
    """A wrong value in words, shortened after its secrets are masked: a part of a secret could not be found."""
    field = holder.model_fields.get(str(path[-1])) if path and _is_model(holder) else None
    if field is not None and is_secret(field.annotation):
        return MASK
    for key in path:
        is_there = isinstance(written, Mapping) or (isinstance(written, list | tuple) and isinstance(key, int))
        if is_there:
            written = written.get(key) if isinstance(written, Mapping) else written[key]
    if any(map(REFERENCE.search, texts(written))):
        return written if isinstance(written, str) else reprlib.repr(masked_values(written))
    return reprlib.repr(masked_values(value))


# From pydantic's location to keys


def _walk(annotation: Any, location: Path) -> tuple[Path, Any]:
    """The keys of a location, and the type that the last key belongs to.

    Pydantic also puts the member of a union into a location (`("radius", "list[float]", 0)`); that is no key.
    """
    path: list[str | int] = []
    holder = annotation
    for part in location:
        members = list(_members(annotation))
        if len(members) > 1:
            annotation = next((member for member in members if _has_tag(member, str(part))), Any)
        else:
            holder = members[0] if members else Any
            annotation = _inside(holder, part)
            path.append(part)
    return tuple(path), holder


def _members(annotation: Any) -> Iterator[Any]:
    """The types that a value may have, without `None` and without the marks of `Annotated`."""
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        yield from _members(typing.get_args(annotation)[0])
    elif origin in (typing.Union, types.UnionType):
        for argument in typing.get_args(annotation):
            yield from _members(argument)
    elif annotation is not type(None):
        yield annotation


def _has_tag(member: Any, tag: str) -> bool:
    """Whether pydantic's name for a member of a union, such as `list[float]` or `Radius`, is that of this type."""
    container = typing.get_origin(member)
    return (
        f"{getattr(container, '__name__', container)}[" in tag if container else getattr(member, "__name__", "") in tag
    )


def _inside(holder: Any, part: str | int) -> Any:
    """The annotation of one key of a model, one item of a list or one value of a mapping."""
    if _is_model(holder):
        field = holder.model_fields.get(str(part))
        return field.annotation if field else Any
    container, arguments = typing.get_origin(holder), typing.get_args(holder)
    if not arguments:
        return Any
    if isinstance(container, type) and issubclass(container, Mapping):
        return arguments[-1]
    if container is tuple and isinstance(part, int) and arguments[-1] is not ...:
        return arguments[part] if part < len(arguments) else Any
    return arguments[0]


def _is_model(holder: Any) -> bool:
    return isinstance(holder, type) and issubclass(holder, BaseModel)
