"""The options of a plugin, derived from the keyword-only parameters of its constructor."""

__all__ = ["OptionRow", "Options", "describe_options", "options_json_schema", "options_model"]

import inspect
import typing
import warnings
from collections.abc import Callable, Sequence
from functools import cache
from types import SimpleNamespace
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
        hints = _types(constructor, options)
        fields: dict[str, Any] = {
            option.name: (hints[option.name], ... if option.default is option.empty else option.default)
            for option in options
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # an option may be called `copy` or `json`, like a method
            model: type[BaseModel] = create_model(cls.__name__, __config__=config, **fields)
            model.model_rebuild()  # it is incomplete if a group of options names a type that is not there
            return model
    except (KeyError, NameError, TypeError, PydanticUserError) as error:
        cause = f"option {error} has no annotation" if isinstance(error, KeyError) else str(error).splitlines()[0]
        name = error.name if isinstance(error, NameError) else ""
        raise ContractError(
            f"the options of {cls.__module__}.{cls.__qualname__} cannot be read: {cause}",
            fix=f"import `{name}` outside of `if TYPE_CHECKING:`, because wxml reads the types of options when it runs"
            if name
            else "annotate every keyword-only parameter with a type that pydantic knows",
        ) from error


def _types(constructor: Callable[..., None], options: Sequence[inspect.Parameter]) -> dict[str, Any]:
    """The types of the options alone: those of the other parameters may be there for type checkers only."""
    annotated = {option.name: option.annotation for option in options if option.annotation is not option.empty}
    names = getattr(inspect.unwrap(constructor), "__globals__", {})
    return typing.get_type_hints(SimpleNamespace(__annotations__=annotated), names, include_extras=True)


def options_json_schema(cls: type) -> dict[str, Any]:
    """The JSON schema of a plugin's options."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a default that is no JSON value is left out of the schema
        return options_model(cls).model_json_schema()


def describe_options(cls: type) -> list[OptionRow]:
    """The options in words, in the order of the constructor; groups follow each other with dotted names."""
    return list(option_rows(options_model(cls)))
