"""From what pydantic says is wrong to faults that say where it is and what to write instead."""

__all__ = ["faults_of"]

import reprlib
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from wxml.errors import Fault, WxmlError, nearest
from wxml.plugins.options.annotations import model_in

Path = tuple[str | int, ...]


def faults_of(error: ValidationError, model: type[BaseModel], values: Any, where: str = "") -> list[Fault]:
    """One fault for each key that is wrong.

    Args:
        error: what pydantic raised.
        model: what it validated against; its fields are the valid names.
        values: what it validated.
        where: the config path of `values`, such as `model.processor`.
    """
    messages: dict[Path, list[str]] = {}
    for detail in error.errors(include_url=False):
        path = _path(detail, values)
        message = _message(detail, path, model)
        if message not in messages.setdefault(path, []):
            messages[path].append(message)
    return [
        Fault(".".join([*([where] if where else []), *map(str, path)]), _joined(path, alternatives))
        for path, alternatives in messages.items()
    ]


def _path(detail: ErrorDetails, values: Any) -> Path:
    """Where the fault is among the values: the location without the members of unions, which are no keys."""
    path: list[str | int] = []
    for part in detail["loc"]:
        inside = isinstance(values, Mapping) and part in values
        if inside or (isinstance(values, Sequence) and isinstance(part, int) and part < len(values)):
            path.append(part)
            values = values[part]
        elif part == detail["loc"][-1] and detail["type"] == "missing":
            path.append(part)
    return tuple(path)


def _message(detail: ErrorDetails, path: Path, model: type[BaseModel]) -> str:
    if detail["type"] == "extra_forbidden":
        return f"unknown option {path[-1]!r}: {nearest(str(path[-1]), _names(model, path[:-1]))}"
    if detail["type"] == "missing":
        return "is required"
    cause = detail.get("ctx", {}).get("error")
    if isinstance(cause, WxmlError):
        return f"is wrong: {cause.message}; {cause.fix}"
    text = detail["msg"].removeprefix("Value error, ").partition(", unable to parse")[0]
    _, should, wanted = text.partition(" should ")
    said = f"must {wanted}" if should else text
    return f"{said}, got {reprlib.repr(detail['input'])}"


def _joined(path: Path, alternatives: list[str]) -> str:
    """One sentence about a key, also where a union made pydantic complain about each of its members."""
    if not path or alternatives[0].startswith("unknown option"):
        return " or ".join(alternatives)
    *first, last = alternatives
    return f"`{path[-1]}` {' or '.join([*(text.rpartition(', got ')[0] or text for text in first), last])}"


def _names(model: type[BaseModel] | None, path: Path) -> list[str]:
    """The valid names at a place inside a model."""
    for part in path:
        field = model.model_fields.get(str(part)) if model else None
        if field is not None:
            model = model_in(field.annotation)
    return list(model.model_fields) if model else []
