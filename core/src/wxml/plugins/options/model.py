"""The options of a plugin, derived from the keyword-only parameters of its constructor."""

__all__ = [
    "OptionRow",
    "Options",
    "choice_faults",
    "describe_options",
    "options_json_schema",
    "options_model",
    "parse_options",
]

import inspect
import typing
import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from pydantic.errors import PydanticUserError

from wxml.errors import (
    AmbiguousPluginError,
    ConfigError,
    ContractError,
    DataError,
    Fault,
    UnknownPluginError,
)
from wxml.plugins.load import load
from wxml.plugins.options.choices import Path, PlacedPlugin, check_plugin_name, choices_in
from wxml.plugins.options.faults import faults_of
from wxml.plugins.options.rows import OptionRow, option_rows
from wxml.plugins.resolve import resolve


class Options(BaseModel):
    """Base of nested options: a plugin groups some of its options by annotating a parameter with a subclass.

    Unknown keys are refused, and instances do not change.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)


@cache
def options_model(cls: type) -> type[BaseModel]:
    """The pydantic model of a plugin's options: one field for each keyword-only parameter of its constructor.

    Raises:
        ContractError: an option has no annotation, or one that pydantic cannot validate.
    """
    constructor = cls.__init__  # type: ignore[misc]  # its signature is read, it is not called
    parameters = inspect.signature(constructor).parameters.values()
    options = [parameter for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
    config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=False, protected_namespaces=())
    try:
        hints = typing.get_type_hints(constructor, include_extras=True)
        fields: dict[str, Any] = {
            option.name: (hints[option.name], ... if option.default is option.empty else option.default)
            for option in options
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # an option may be called `copy` or `json`, like a method
            return create_model(cls.__name__, __config__=config, **fields)
    except (KeyError, NameError, TypeError, PydanticUserError) as error:
        cause = f"option {error} has no annotation" if isinstance(error, KeyError) else str(error).splitlines()[0]
        raise ContractError(
            f"the options of {cls.__module__}.{cls.__qualname__} cannot be read: {cause}",
            fix="annotate every keyword-only parameter with a type that pydantic knows",
        ) from error


def parse_options(cls: type, options: Mapping[str, Any], where: str | Path = "") -> dict[str, Any]:
    """The keyword arguments for a plugin's constructor: validated values, defaults included.

    Options that choose plugins themselves (a `PluginChoice` marked with its `Kind`) are validated by those plugins.

    Args:
        cls: the plugin.
        options: as they come from a config.
        where: the config path of the block that holds them, such as `model.processor`; a text is split at its dots.

    Raises:
        ConfigError: with one fault for each option that is wrong.
        ContractError: the plugin's constructor is at fault.
        BrokenPluginError: a plugin that an option chooses cannot be used.
    """
    model = options_model(cls)
    path = where if isinstance(where, tuple) else tuple(where.split(".")) if where else ()
    faults = [fault for place in choices_in(options, model, path) for fault in choice_faults(place)]
    try:
        parsed = model.model_validate(dict(options))
    except ValidationError as error:
        raise ConfigError([*faults_of(error, model, path), *faults]) from error
    if faults:
        raise ConfigError(faults)
    return {name: getattr(parsed, name) for name in model.model_fields}


def choice_faults(place: PlacedPlugin) -> Sequence[Fault]:
    """Every fault in the name and the options of a plugin that is chosen somewhere, found by importing it.

    Raises:
        BrokenPluginError: it cannot be used.
    """
    name = place.written.get("plugin")
    try:
        if isinstance(name, str):  # else whoever validates the place itself reports it
            parse_options(load(resolve(place.kind, check_plugin_name(name))), place.options, place.path)
    except (UnknownPluginError, AmbiguousPluginError) as error:
        return [Fault((*place.path, "plugin"), f"{error.message}: {error.fix}")]
    except ConfigError as error:
        return error.faults
    except DataError:  # no name: reported there, too
        return ()
    return ()


def options_json_schema(cls: type) -> dict[str, Any]:
    """The JSON schema of a plugin's options."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a default that is no JSON value is left out of the schema
        return options_model(cls).model_json_schema()


def describe_options(cls: type) -> list[OptionRow]:
    """The options in words, in the order of the constructor; groups follow each other with dotted names."""
    return list(option_rows(options_model(cls)))
