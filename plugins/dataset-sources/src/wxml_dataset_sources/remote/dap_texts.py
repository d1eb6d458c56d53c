"""The two texts by which a server of DAP 2 describes a data set: its arrays (DDS) and their attributes (DAS).

Grammar: NASA ESE-RFC-004.1.1, The Data Access Protocol DAP 2.0, sections 4 and 5. Nothing in them is evaluated.
"""

__all__ = ["Declared", "attributes_in", "declared_in", "with_types"]

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

import numpy as np

NUMBERS: Final = {
    "byte": "u1",
    "int16": "i2",
    "uint16": "u2",
    "int32": "i4",
    "uint32": "u4",
    "float32": "f4",
    "float64": "f8",
}
TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:;=,]|[^\s{}\[\]:;=,"]+')
GLOBAL: Final = ("NC_GLOBAL", "HDF5_GLOBAL")
"""The containers that hold the attributes of the whole."""
DEEPEST: Final = 32


@dataclass(frozen=True, slots=True)
class Declared:
    """One array of numbers."""

    name: str
    key: str
    """Its name in requests."""
    type: str
    """As numpy has it, such as `f4`."""
    dims: tuple[str, ...]
    shape: tuple[int, ...]


class _Tokens:
    """Tokens one after the other; `take` raises a ValueError for another one than is expected."""

    def __init__(self, text: str) -> None:
        self._tokens, self._at = TOKEN.findall(text), 0

    @property
    def next(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def take(self, expected: str = "") -> str:
        found = self.next
        if not found or (expected and found.lower() != expected):
            raise ValueError(f"it has {found[:40]!r} in place of {expected or 'a name'!r}")
        self._at += 1
        return found

    def skip_block(self) -> None:
        depth = 0
        while True:
            mark = self.take()
            depth += (mark == "{") - (mark == "}")
            if not depth:
                return


def declared_in(text: str) -> list[Declared]:
    """The arrays of numbers that a DDS declares; a grid gives its array, and then its axes.

    Sequences, structures and texts are left out.

    Raises:
        ValueError: it is no DDS.
    """
    tokens, plain, within = _Tokens(text), list[Declared](), list[Declared]()
    tokens.take("dataset")
    tokens.take("{")
    while tokens.next != "}":
        kind = tokens.next.lower()
        if kind == "grid":
            array, *axes = _grid(tokens)
            plain += array
            within += [axis for each in axes for axis in each]
        elif kind in ("structure", "sequence"):
            tokens.take()
            tokens.skip_block()
            _end(tokens)
        else:
            plain += _array(tokens)
    known = {each.name for each in plain}
    return [*plain, *{axis.name: axis for axis in within if axis.name not in known}.values()]


def _grid(tokens: _Tokens) -> list[list[Declared]]:
    for word in ("grid", "{", "array", ":"):
        tokens.take(word)
    parts = [_array(tokens)]
    for word in ("maps", ":"):
        tokens.take(word)
    while tokens.next != "}":
        parts.append(_array(tokens))
    tokens.take("}")
    name = _end(tokens)
    return [[Declared(d.name, f"{name}.{d.key}", d.type, d.dims, d.shape) for d in part] for part in parts]


def _array(tokens: _Tokens) -> list[Declared]:
    """One declaration; empty if it is of texts."""
    kind, name = tokens.take().lower(), tokens.take()
    dims, shape = list[str](), list[int]()
    while tokens.next == "[":
        tokens.take("[")
        first = tokens.take()
        is_named = tokens.next == "="
        if is_named:
            tokens.take("=")
        dims.append(unquote(first).rpartition("/")[2] if is_named else f"{name}_{len(dims)}")
        shape.append(int(tokens.take() if is_named else first))
        tokens.take("]")
    tokens.take(";")
    known = NUMBERS.get(kind)
    return [] if known is None else [Declared(unquote(name), name, known, tuple(dims), tuple(shape))]


def _end(tokens: _Tokens) -> str:
    name = tokens.take()
    while tokens.next != ";":
        tokens.take()
    tokens.take(";")
    return name


def attributes_in(text: str) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """The attributes of each variable by its name, and those of the whole, which a DAS states.

    Raises:
        ValueError: it is no DAS.
    """
    tokens = _Tokens(text)
    tokens.take("attributes")
    found = _container(tokens, 0)
    whole = {key: value for name in GLOBAL for key, value in found.pop(name, {}).items()}
    return {name: value for name, value in found.items() if isinstance(value, dict)}, whole


def _container(tokens: _Tokens, depth: int) -> dict[str, Any]:
    if depth > DEEPEST:
        raise ValueError(f"its attributes are nested more than {DEEPEST} levels deep")
    found: dict[str, Any] = {}
    tokens.take("{")
    while tokens.next != "}":
        kind, name = tokens.take(), tokens.next
        if name == "{":
            found[unquote(kind)] = _container(tokens, depth + 1)
            continue
        tokens.take()
        values = [tokens.take()]
        while tokens.take() == ",":
            values.append(tokens.take())
        read = [_value(kind.lower(), value) for value in values]
        found[unquote(name)] = read[0] if len(read) == 1 else _together(read)
    tokens.take("}")
    return found


def _together(values: list[Any]) -> Any:
    return "\n".join(values) if isinstance(values[0], str) else np.array(values)


def _value(kind: str, text: str) -> Any:
    """A number of its type, or a text."""
    if kind not in NUMBERS:
        return re.sub(r"\\(.)", r"\1", text.strip('"'))
    dtype = np.dtype(NUMBERS[kind])
    if dtype.kind == "f":
        return dtype.type(float(text.rstrip(".") if text.lower().startswith("nan") else text))
    return np.array(int(text)).astype(dtype)[()]  # a negative number of a Byte is one of numbers with a sign


def with_types(attributes: Mapping[str, Any], dtype: np.dtype[Any]) -> dict[str, Any]:
    """Attributes with the numbers that stand for missing values in the type of the array."""
    names = {"_FillValue", "missing_value"}.intersection(attributes)
    return dict(attributes) | {name: np.asarray(attributes[name]).astype(dtype)[()] for name in names}
