"""Walking the schema by dotted paths, as configs write them."""

__all__ = [
    "child_names",
    "field_at",
    "is_section",
    "model_of",
    "plugin_places",
    "schema_defaults",
]

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from wxml.config.schema import ExperimentConfig
from wxml.plugins.options.choices import PlacedPlugin, PluginChoice, choices_in

Model = type[BaseModel]


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


def plugin_places(values: Mapping[str, Any]) -> Iterator[PlacedPlugin]:
    """Every place where a config chooses a plugin, in the order of the schema, however faulty the rest is."""
    return choices_in(values, ExperimentConfig)


def model_of(info: FieldInfo) -> Model | None:
    """The model that a field holds, if it holds one; not the one in a list or a mapping."""
    candidates = [info.annotation, *get_args(info.annotation)] if not _is_container(info) else []
    return next((kind for kind in candidates if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def _is_container(info: FieldInfo) -> bool:
    return getattr(info.annotation, "__origin__", None) in (list, dict, tuple)
