"""Options that are taken from environment variables (`${oc.env:NAME}`), at the moment when a plugin is made."""

__all__ = ["REFERENCE", "is_secret", "literal_secrets", "option_values", "tell_variables", "texts"]

import logging
import os
import re
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, SecretBytes, SecretStr

from wxml.errors import ConfigError, Fault
from wxml.extras import libraries_of_extra
from wxml.masking import has_mask, learn, remember
from wxml.plugins.options.choices import Path, model_in

logger = logging.getLogger("wxml")

REFERENCE = re.compile(r"\$\{\s*oc\.env\s*:\s*(?P<name>\w+)\s*(?P<default>,)?")


def option_values(options: Mapping[str, Any], at: Path = ()) -> dict[str, Any]:
    """The options with the value of each variable in place of its name.

    Args:
        options: as a config or a record holds them; not changed.
        at: the keys that lead to them, such as `("data", "source")`.

    Raises:
        ConfigError: with every variable that is not set, and every secret that a record does not hold.
    """
    learn(options)
    faults: list[Fault] = []
    values: dict[str, Any] = _followed(dict(options), at, faults)
    if faults:
        raise ConfigError(faults, fix="set the variable, or give the option another value: KEY=VALUE")
    return values


def _followed(value: Any, path: Path, faults: list[Fault]) -> Any:
    if isinstance(value, Mapping):
        return {key: _followed(below, (*path, key), faults) for key, below in value.items()}
    if isinstance(value, list):
        return [_followed(below, (*path, number), faults) for number, below in enumerate(value)]
    if not isinstance(value, str):
        return value
    if has_mask(value):
        name = "write it as `${oc.env:NAME}` and set the variable"
        faults.append(Fault(path, f"`{path[-1]}` holds a secret that records leave out, got {value!r}: {name}"))
        return value
    missing = list(_unset(value))
    faults += [Fault(path, f"`{path[-1]}` needs the environment variable {name}, which is not set") for name in missing]
    return value if missing or not REFERENCE.search(value) else _value(value, path, faults)


def _unset(text: str) -> Iterator[str]:
    for match in REFERENCE.finditer(text):
        if match["name"] in os.environ:
            remember(match["name"], os.environ[match["name"]])
        elif not match["default"]:
            yield match["name"]


def _value(text: str, path: Path, faults: list[Fault]) -> Any:
    """The value of one text; OmegaConf reads its grammar."""
    with libraries_of_extra("config", "wxml-core", what=f"the reference {text!r}"):
        from omegaconf import OmegaConf
        from omegaconf.errors import OmegaConfBaseException

    try:
        found = OmegaConf.create({"value": text})["value"]
    except OmegaConfBaseException as error:
        faults.append(Fault(path, f"the reference {text!r} cannot be followed: {str(error).splitlines()[0]}"))
        return text
    return OmegaConf.to_container(found) if OmegaConf.is_config(found) else found


def tell_variables(recorded: Any, artefact: str) -> None:
    """Log one line with the variables that the options of an artefact take from the environment, if there are any.

    Args:
        recorded: the part of its config that is used now, as JSON values.
        artefact: its path.
    """
    names = sorted({match["name"] for text in texts(recorded) for match in REFERENCE.finditer(text)})
    if names:
        logger.info("the config of `%s` reads the environment: %s", artefact, ", ".join(names))


def texts(value: Any) -> Iterator[str]:
    """Every text among the values of nested mappings and lists."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        for below in value.values() if isinstance(value, Mapping) else value:
            yield from texts(below)


def literal_secrets(model: type[BaseModel], options: Mapping[str, Any], at: Path = ()) -> list[Fault]:
    """One fault for each option of the type `SecretStr` or `SecretBytes` that a config holds as plain text."""
    faults = []
    for name, info in model.model_fields.items():
        value, path, below = options.get(name), (*at, name), model_in(info.annotation)
        if below is not None and isinstance(value, Mapping):
            faults += literal_secrets(below, value, path)
        elif isinstance(value, str) and not REFERENCE.search(value) and is_secret(info.annotation):
            faults.append(Fault(path, f"`{name}` is a secret: write it as `${{oc.env:NAME}}` and set the variable"))
    return faults


def is_secret(annotation: Any) -> bool:
    """Whether an option of this type holds a secret: `SecretStr`, `SecretBytes`, or a union with one of them."""
    return annotation in (SecretStr, SecretBytes) or any(map(is_secret, typing.get_args(annotation)))
