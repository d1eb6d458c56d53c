"""Finds fields, sections and defaults of the schema by their paths."""

__all__ = ["child_names", "field_at", "model_at", "schema_defaults"]

import types
import typing
from typing import Annotated, Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from wxml.config.schema import ExperimentConfig
from wxml.files.yaml_loader import Path
from wxml.plugins.options.choices import PluginChoice

Model = type[BaseModel]


def schema_defaults(model: Model = ExperimentConfig) -> dict[str, Any]:
    """Every default of the schema as plain values; keys that must be written are left out."""
    found: dict[str, Any] = {}
    for name, info in _fields(model).items():
        below = _model(info.annotation)
        if not info.is_required():
            default = info.get_default(call_default_factory=True, validated_data={})
            found[name] = to_jsonable_python(default)
        elif below is not None and not issubclass(below, PluginChoice):
            found[name] = schema_defaults(below)
    return found


def field_at(path: Path) -> FieldInfo | None:
    """The field of the schema at a path, or around it in a list or a mapping; None if the schema has no such key."""
    found = _at(path)
    return found[1] if found else None


def model_at(path: Path) -> Model | None:
    """The section of the schema at a path; None if the path has no keys of its own."""
    found = _at(path)
    return _model(found[0]) if found else None


def child_names(path: Path) -> tuple[str, ...]:
    """The keys that the schema knows below a path; those of the whole config below an empty one."""
    model = model_at(path)
    return tuple(_fields(model)) if model else ()


def _at(path: Path) -> tuple[Any, FieldInfo | None] | None:
    """The annotation at a path, and the last field of the schema on the way; None if the schema has no such key."""
    annotation: Any = ExperimentConfig
    info: FieldInfo | None = None
    for key in path:
        model = _model(annotation)
        if model is not None:
            info = _fields(model).get(str(key))
            if info is None:
                return None
            annotation = info.annotation
            continue
        inside = [
            typing.get_args(kind)[-1] for kind in _alternatives(annotation) if typing.get_origin(kind) in (dict, list)
        ]
        if not inside:
            return None
        annotation = inside[0]
    return annotation, info


def _fields(model: Model) -> dict[str, FieldInfo]:
    """The fields of a model by the keys that are written in a config."""
    return {info.alias or name: info for name, info in model.model_fields.items()}


def _model(annotation: Any) -> Model | None:
    """The model that an annotation is or may be; not one inside a list or a mapping."""
    kinds = (kind for kind in _alternatives(annotation) if isinstance(kind, type) and issubclass(kind, BaseModel))
    return next(kinds, None)


def _alternatives(annotation: Any) -> list[Any]:
    """The members of a union, or the annotation itself."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        return _alternatives(arguments[0])
    if origin in (typing.Union, types.UnionType):
        return [kind for argument in arguments for kind in _alternatives(argument)]
    return [annotation]
