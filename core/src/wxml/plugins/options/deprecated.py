"""The mark of what will go away: a plugin, an option or a function says until when, and what to write instead."""

__all__ = ["Deprecated", "deprecation_of"]

import functools
import inspect
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from packaging.version import InvalidVersion, Version
from pydantic import GetJsonSchemaHandler
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema

from wxml.errors import ContractError

Thing = TypeVar("Thing", bound=Callable[..., Any])
MARK = "__wxml_deprecated__"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deprecated:
    """Marks what will go away: a plugin or a function as a decorator, an option inside of `Annotated[...]`.

    A user who chooses the plugin, or gives the option another value than its default, is warned once. A function that
    is called gives a `DeprecationWarning`, which tests show.
    """

    since: str
    """The version of its distribution that deprecates it."""
    until: str
    """The version that will not have it any more."""
    use: str
    """What to write instead, such as "`num_layers`"."""

    def __post_init__(self) -> None:
        try:
            in_order = Version(self.since) < Version(self.until)
        except InvalidVersion:
            in_order = False
        if not in_order:
            raise ContractError(
                f"`since` and `until` of a deprecation must be versions, the first the lower, got {self.since!r} and "
                f"{self.until!r}",
                fix="write them like since='1.2', until='2.0'",
            )

    @property
    def sentence(self) -> str:
        """Since when, until when, and what to do."""
        return f"deprecated since {self.since}, goes away in {self.until}: use {self.use}"

    def __call__(self, thing: Thing) -> Thing:
        """Mark a plugin or a function."""
        if inspect.isclass(thing):
            setattr(thing, MARK, self)
            return thing

        @functools.wraps(thing)
        def warned(*args: Any, **kwargs: Any) -> Any:
            warnings.warn(f"{thing.__name__} is {self.sentence}", DeprecationWarning, stacklevel=2)
            return thing(*args, **kwargs)

        setattr(warned, MARK, self)
        return cast("Thing", warned)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """The JSON schema of an option, with `deprecated`."""
        return {**handler(schema), "deprecated": True}


def deprecation_of(thing: Any) -> Deprecated | None:
    """The mark of a class or function itself, or of a field of options; a subclass does not have that of its parent."""
    marks = thing.metadata if isinstance(thing, FieldInfo) else [vars(thing).get(MARK)]
    return next((mark for mark in marks if isinstance(mark, Deprecated)), None)
