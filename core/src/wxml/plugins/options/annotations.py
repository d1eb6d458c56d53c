"""Reading the annotations of options: which group one holds, and how it is written for people."""

__all__ = ["model_in", "type_text"]

import types
import typing
from typing import Annotated, Any, Literal

from pydantic import BaseModel


def model_in(annotation: Any) -> type[BaseModel] | None:
    """The group of options that an annotation holds, also in `Group | None` or `list[Group]`; None without one."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (model_in(argument) for argument in typing.get_args(annotation))
    return next((model for model in found if model is not None), None)


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
    return "..." if annotation is ... else str(getattr(annotation, "__name__", annotation))
