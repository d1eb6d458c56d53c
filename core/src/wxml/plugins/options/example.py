"""Writes an example of a plugin's options that a config can hold as it is."""

__all__ = ["example_options"]

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from wxml.errors import WxmlError
from wxml.plugins.catalog import installed
from wxml.plugins.load import load
from wxml.plugins.options.deprecated import deprecation_of
from wxml.plugins.options.model import options_json_schema, options_model
from wxml.plugins.options.samples import TRIES, Sampler

HIDDEN = "**********"
"""The text that pydantic writes in place of a secret."""


def example_options(cls: type, *, all_options: bool = True, inside: tuple[type, ...] = ()) -> dict[str, Any]:
    """The options of a plugin as plain values: the defaults, and for each required option a value that it accepts.

    A default that YAML cannot hold, or that is a secret, is left out. A secret that is required is taken from a
    variable of the environment. A required option that only a function of the plugin can judge has its first value in
    `Field(examples=[…])`, else a placeholder.

    Args:
        cls: the plugin.
        all_options: whether the options that are not required are written, too.
        inside: the plugins whose options choose this one, which the example does not choose again.
    """
    model = options_model(cls)
    options = {}
    for name, field in model.model_fields.items():
        if field.is_required():
            options[name] = _sample(cls, model, name, (*inside, cls))
        elif all_options and deprecation_of(field) is None:
            written = _without_secrets({name: _plain(field)})
            if written and _accepts(model, name, written[name]):
                options |= written
    return options


def _sample(cls: type, model: type[BaseModel], name: str, inside: tuple[type, ...]) -> Any:
    """The first value of a few that an option accepts, else a placeholder."""
    schema = options_json_schema(cls)
    for tried in TRIES:
        sampler = Sampler(schema.get("$defs", {}), lambda kind: _choice(kind, inside), tried)
        value = sampler.value(schema["properties"][name], name)
        if _accepts(model, name, value):
            return value
    return f"<{name}>"


def _accepts(model: type[BaseModel], name: str, value: Any) -> bool:
    """Whether one option may have a value, whatever the others have."""
    try:
        model.model_validate({name: value})
    except ValidationError as error:
        return all(detail["loc"][:1] != (name,) for detail in error.errors(include_url=False))
    return True


def _plain(field: FieldInfo) -> Any:
    """The default of an option as plain values."""
    return to_jsonable_python(field.get_default(call_default_factory=True), fallback=str)


def _without_secrets(value: Any) -> Any:
    """Plain values without the keys that hold a secret."""
    if isinstance(value, Mapping):
        return {key: _without_secrets(below) for key, below in value.items() if below != HIDDEN}
    return [_without_secrets(below) for below in value] if isinstance(value, list) else value


def _choice(kind: str, inside: tuple[type, ...]) -> dict[str, Any]:
    """A plugin of a kind that is installed, with the options that it requires."""
    for record in installed().select(kind):
        try:
            plugin = load(record)
        except WxmlError:
            continue
        if plugin not in inside:
            name = record.full_name if record.status == "conflict" else record.name
            return {"plugin": name, **example_options(plugin, all_options=False, inside=inside)}
    return {"plugin": "NAME"}
