"""Finds the places where values choose a plugin, in the config and in the options of plugins."""

__all__ = [
    "Kind",
    "NameOrChoice",
    "PlacedPlugin",
    "PluginChoice",
    "check_plugin_name",
    "choices_in",
    "kind_of",
    "model_in",
    "named_by_key",
    "own_keys",
]

import re
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, GetJsonSchemaHandler, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema

from wxml.errors import DataError

PLUGIN_NAME = re.compile(r"([A-Za-z0-9._-]+:)?[A-Za-z0-9_-]+")
NOTHING = "none"
IMPORT_PATH = re.compile(r".*\..*:[A-Z]\w*")
Path = tuple[str | int, ...]
"""The keys and indices that lead to a value."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Marks a field that chooses a plugin, or several, and names their kind."""

    name: str
    by_key: bool = False
    """The field is a mapping of sections, and the key of each names the plugin unless `plugin` is written in it."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """The JSON schema of the field, with the kind under the key `kind`."""
        return {**handler(schema), "kind": self.name}


def check_plugin_name(name: str) -> str:
    """Return `name` if it is the name of a plugin; a config cannot choose a plugin by its import path.

    Raises:
        DataError: the text is empty, a path, or an import path such as `package.module:Class`.
    """
    if not PLUGIN_NAME.fullmatch(name) or IMPORT_PATH.fullmatch(name):
        raise DataError(
            f"a plugin is chosen by name, never by import path, got {name!r}",
            fix="write a name like 'gnn' or 'wxml-processor-gnn:gnn'; see `wxml list-plugins`",
        )
    return name


class PluginChoice(BaseModel):
    """A plugin by name, and its options beside it.

    The fields of a subclass are keys of the place where the plugin is chosen: they stand beside its options, and are
    none of them.
    """

    model_config = ConfigDict(extra="allow", frozen=True, use_attribute_docstrings=True)

    plugin: Annotated[str, AfterValidator(check_plugin_name)]
    """The name of the plugin: `gnn`, or in full `wxml-processor-gnn:gnn`."""

    @property
    def options(self) -> dict[str, Any]:
        """The keys beside `plugin`."""
        return dict(self.model_extra or {})


class NameOrChoice(PluginChoice):
    """A plugin whose bare name may stand for it where it has no options, as in `optimizer: muon`.

    The name `none` is that of no plugin: an option that may do without one takes it.
    """

    @model_validator(mode="before")
    @classmethod
    def _named(cls, written: Any) -> Any:
        return {"plugin": written} if isinstance(written, str) else written

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """The JSON schema: that of the section, or a text."""
        return {"anyOf": [{"type": "string"}, handler(schema)]}


@dataclass(frozen=True, slots=True)
class PlacedPlugin:
    """A place among the values that chooses a plugin, and the mapping that is written there."""

    path: Path
    kind: str
    written: Mapping[str, Any]
    """The raw mapping: `plugin` and its options, not validated."""
    own: frozenset[str] = frozenset()
    """The keys that belong to the place rather than to the plugin: those of a subclass of `PluginChoice`."""

    @property
    def options(self) -> dict[str, Any]:
        """The keys beside `plugin` that are options of the plugin."""
        return {key: value for key, value in self.written.items() if key != "plugin" and key not in self.own}

    def rewritten(self, plugin: str, options: Mapping[str, Any]) -> "PlacedPlugin":
        """The same place with another name and other options."""
        kept = {key: value for key, value in self.written.items() if key in self.own}
        return replace(self, written={"plugin": plugin, **kept, **options})


def kind_of(info: FieldInfo | None) -> str:
    """The kind of plugin that a field chooses, also one by one in a list; empty if it chooses none."""
    mark = _mark_of(info) if info else None
    return mark.name if mark else ""


def named_by_key(sections: Any) -> Any:
    """The sections of a field whose `Kind` is `by_key`, with the key of each as `plugin` where none is written."""
    if not isinstance(sections, Mapping):
        return sections
    written = {key: {} if section is None else section for key, section in sections.items()}
    return {
        key: {"plugin": key, **section} if isinstance(section, Mapping) else section for key, section in written.items()
    }


def _mark_of(info: FieldInfo) -> Kind | None:
    marks = [*info.metadata, *_marks(info.annotation)]
    return next((mark for mark in marks if isinstance(mark, Kind)), None)


def _marks(annotation: Any) -> Iterator[Any]:
    """Everything that `Annotated` attaches to an annotation or to a part of it, such as the items of a list."""
    yield from getattr(annotation, "__metadata__", ())
    for argument in typing.get_args(annotation):
        yield from _marks(argument)


def model_in(annotation: Any) -> type[BaseModel] | None:
    """The group of options that an annotation holds, also in `Group | None` or `list[Group]`; None without one."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (model_in(argument) for argument in typing.get_args(annotation))
    return next((model for model in found if model is not None), None)


def choices_in(values: Mapping[str, Any], model: type[BaseModel], at: Path = ()) -> Iterator[PlacedPlugin]:
    """Every place that chooses a plugin, in the order of the model; the rest of the values may be faulty.

    Args:
        values: not validated.
        model: the model that should validate them.
        at: the keys that lead to the values, such as `("model", "processor")`.
    """
    for name, info in model.model_fields.items():
        key = info.alias or name
        below, mark = model_in(info.annotation), _mark_of(info)
        if below is None or key not in values:
            continue
        for path, written in _items(values[key], info.annotation, (*at, key), mark):
            if mark:
                yield from _placed(written, path, mark.name, below)
            elif isinstance(written, Mapping):
                yield from choices_in(written, below, path)


def _items(written: Any, annotation: Any, path: Path, mark: Kind | None) -> Iterator[tuple[Path, Any]]:
    """Each of several groups or choices with its path, or the one."""
    if isinstance(written, list | tuple):
        for index, item in enumerate(written):
            yield (*path, index), item
    elif isinstance(written, Mapping) and _is_mapping(annotation):
        sections = named_by_key(written) if mark and mark.by_key else written
        for key, section in sections.items():
            yield (*path, key), section
    else:
        yield path, written


def _is_mapping(annotation: Any) -> bool:
    """Whether groups of this type stand in a mapping, also in `dict[str, Group] | None`."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return True
    inside = arguments[:1] if origin is Annotated else arguments
    is_union = origin in (Annotated, typing.Union, types.UnionType)
    return is_union and any(map(_is_mapping, inside))


def _placed(written: Any, path: Path, kind: str, model: type[BaseModel]) -> Iterator[PlacedPlugin]:
    if isinstance(written, PluginChoice):
        written = {**written.model_dump(by_alias=True, exclude_unset=True)}
    if isinstance(written, str) and written != NOTHING and issubclass(model, NameOrChoice):
        written = {"plugin": written}
    if isinstance(written, list | tuple):
        for index, item in enumerate(written):
            yield from _placed(item, (*path, index), kind, model)
    elif isinstance(written, Mapping):
        yield PlacedPlugin(path, kind, written, own_keys(model))
        yield from choices_in(written, model, path)


def own_keys(model: type[BaseModel]) -> frozenset[str]:
    """The keys that a subclass of `PluginChoice` has beside the options of the plugin."""
    return frozenset(info.alias or name for name, info in model.model_fields.items()) - {"plugin"}
