"""Walking the schema by dotted paths, as configs write them."""

__all__ = [
    "PlacedPlugin",
    "child_names",
    "field_at",
    "is_section",
    "model_of",
    "plugin_kind",
    "plugin_places",
    "schema_defaults",
]

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from wxml.config.schema import ExperimentConfig, Kind, PluginChoice

Model = type[BaseModel]


@dataclass(frozen=True, slots=True)
class PlacedPlugin:
    """A place in the config where a plugin is chosen, and what is written there."""

    path: str
    kind: str
    written: Mapping[str, Any]
    """The raw mapping: `plugin` and its options, not validated."""


def schema_defaults(model: Model = ExperimentConfig) -> dict[str, Any]:
    """Every default of the schema as plain values; keys that must be written are left out."""
    found: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        below = model_of(info)
        if not info.is_required():
            found[name] = _plain(info.get_default(call_default_factory=True, validated_data={}))
        elif below is not None and below is not PluginChoice:
            found[name] = schema_defaults(below)
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    return [_plain(item) for item in value] if isinstance(value, list) else value


def field_at(path: str) -> FieldInfo | None:
    """The field of the schema at a dotted path; None where there is none, such as below a plugin."""
    model: Model | None = ExperimentConfig
    info: FieldInfo | None = None
    for key in path.split("."):
        info = model.model_fields.get(key) if model else None
        if info is None:
            return None
        model = model_of(info)
    return info


def child_names(path: str) -> tuple[str, ...]:
    """The keys that the schema knows below a dotted path; those of the whole config below an empty one."""
    if not path:
        return tuple(ExperimentConfig.model_fields)
    info = field_at(path)
    model = model_of(info) if info else None
    return tuple(model.model_fields) if model else ()


def is_section(path: str) -> bool:
    """Whether a dotted path holds keys of its own."""
    return bool(path and child_names(path))


def plugin_kind(info: FieldInfo | None) -> str:
    """The kind of plugin that a field chooses; empty where it chooses none."""
    return next((mark.name for mark in (info.metadata if info else ()) if isinstance(mark, Kind)), "")


def plugin_places(
    values: Mapping[str, Any], model: Model = ExperimentConfig, prefix: str = ""
) -> Iterator[PlacedPlugin]:
    """Every place where the values choose a plugin, in the order of the schema, however faulty the rest is."""
    for name, info in model.model_fields.items():
        written, path = values.get(name), f"{prefix}{name}"
        below, kind = model_of(info), plugin_kind(info)
        if kind:
            yield from _places(written, path, kind)
        elif below is not None and isinstance(written, Mapping):
            yield from plugin_places(written, below, f"{path}.")


def _places(written: Any, path: str, kind: str) -> Iterator[PlacedPlugin]:
    if isinstance(written, list):
        for index, item in enumerate(written):
            yield from _places(item, f"{path}.{index}", kind)
    elif isinstance(written, Mapping):
        yield PlacedPlugin(path, kind, written)


def model_of(info: FieldInfo) -> Model | None:
    """The model that a field holds, if it holds one; not the one in a list or a mapping."""
    candidates = [info.annotation, *get_args(info.annotation)] if not _is_container(info) else []
    return next((kind for kind in candidates if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def _is_container(info: FieldInfo) -> bool:
    return getattr(info.annotation, "__origin__", None) in (list, dict, tuple)
