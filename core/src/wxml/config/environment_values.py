"""Values from the environment in a config: an option of a plugin keeps the name of the variable until it is used.

So every record of a config holds `${oc.env:NAME}` and not the value. Values of the schema's own keys, and numbers that
decide how the model is built, are followed at once: a trained model must not change with the environment.
"""

__all__ = ["name_is_kept", "named", "prepare"]

import re
from collections.abc import Sequence
from typing import Any

from wxml.files.yaml_loader import Path
from wxml.plugins.options.environment import REFERENCE

CHANGEABLE = (("data", "source"), ("training",), ("forecast",), ("verification",))
"""Sections that do not decide how a model is built."""
NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?|true|false|null", re.IGNORECASE)
ENVIRONMENT = re.compile(r"\$\{\s*oc\.env\s*:")
DECODE = re.compile(r"\$\{\s*oc\.decode\s*:")
REQUIRED = object()


def prepare(values: Any) -> Any:
    """Plain values in which OmegaConf finds the name of each variable of the environment in place of its value."""
    from omegaconf import OmegaConf

    if not OmegaConf.has_resolver("wxml.env"):
        OmegaConf.register_new_resolver("wxml.env", _name)
        OmegaConf.register_new_resolver("wxml.decode", _decoded)
    return _rewritten(values)


def named(value: Any) -> bool:
    """Whether a value holds the name of a variable of the environment."""
    return isinstance(value, str) and REFERENCE.search(value) is not None


def name_is_kept(path: Path, options: Sequence[Path], value: Any) -> bool:
    """Whether a config keeps the name of the variable at `path` in place of its value.

    Args:
        path: the keys that lead to the value.
        options: the places that choose a plugin, and so hold its options.
        value: the value now; None if the variable is not set.
    """
    is_option = any(path[: len(place)] == place and len(path) > len(place) for place in options)
    if not is_option or path[-1] == "plugin":
        return False
    if value is None or any(path[: len(section)] == section for section in CHANGEABLE):
        return True
    return isinstance(value, str) and not NUMBER.fullmatch(value.strip())


def _rewritten(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rewritten(below) for key, below in value.items()}
    if isinstance(value, list):
        return [_rewritten(below) for below in value]
    if not isinstance(value, str) or not ENVIRONMENT.search(value):
        return value
    return ENVIRONMENT.sub("${wxml.env:", DECODE.sub("${wxml.decode:", value))


def _name(variable: str, default: Any = REQUIRED) -> str:
    """The reference to a variable, as text."""
    if default is REQUIRED:
        return f"${{oc.env:{variable}}}"
    text = "null" if default is None else "'" + str(default).replace("'", r"\'") + "'"
    return f"${{oc.env:{variable},{text}}}"


def _decoded(text: Any) -> str:
    """The reference that decodes a variable, as text."""
    return f"${{oc.decode:{text}}}"
