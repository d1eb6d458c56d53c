"""The options of a plugin, derived from the keyword-only parameters of its constructor."""

__all__ = ["OptionRow", "Options", "describe_options", "options_json_schema", "options_model"]

import inspect
import typing
import warnings
from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict, create_model
from pydantic.errors import PydanticUserError

from wxml.errors import ContractError
from wxml.plugins.options.rows import OptionRow, option_rows


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


def options_json_schema(cls: type) -> dict[str, Any]:
    """The JSON schema of a plugin's options."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a default that is no JSON value is left out of the schema
        return options_model(cls).model_json_schema()


def describe_options(cls: type) -> list[OptionRow]:
    """The options in words, in the order of the constructor; groups follow each other with dotted names."""
    return list(option_rows(options_model(cls)))
