"""Values that a JSON schema allows, for the examples that `wxml show-plugin` prints."""

__all__ = ["TRIES", "Sampler", "Try"]

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]

FORMATS = {
    "binary": "text",
    "date": "{date}",
    "date-time": "{date}T00:00:00{zone}",
    "directory-path": ".",
    "duration": "PT6H",
    "email": "name@example.org",
    "ipv4": "192.0.2.1",
    "ipv4network": "192.0.2.0/24",
    "ipv6": "2001:db8::1",
    "json-string": "{{}}",
    "regex": ".*",
    "time": "00:00:00{zone}",
    "uri": "https://example.org",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
"""Formats of texts, and a text of each."""
TEXTS = ("name", "a", "A", "1", "1.0", "a1", "a-b", "a.b", "a_b", "a/b", "a:b", "2000-01-01", "6h")
"""Texts that a pattern is tried on."""
DEEPEST = 4
"""Levels of a type that holds itself."""


@dataclass(frozen=True, slots=True)
class Try:
    """What a schema leaves open."""

    key: str
    """A key of a mapping with keys of any name."""
    date: str
    zone: str
    has_defaults: bool
    """Whether groups of options are written with their defaults."""


TRIES = (
    Try("name", "2000-01-01", "", has_defaults=True),
    Try("1", "2999-01-01", "Z", has_defaults=False),
    Try("2000-01-01", "2000-01-01", "Z", has_defaults=True),
)
"""In the order in which they are tried until a value is accepted."""


class Sampler:
    """Makes one value for a schema.

    Args:
        definitions: the schemas that references name.
        choice: the mapping that chooses a plugin of a kind.
        tried: what the schema leaves open.
    """

    def __init__(self, definitions: Mapping[str, Schema], choice: Callable[[str], Any], tried: Try) -> None:
        self._definitions, self._choice, self._tried = definitions, choice, tried

    def value(self, schema: Schema, name: str, kind: str = "", index: int = 0, depth: int = 0) -> Any:
        """A value that the schema allows, as far as a schema can tell.

        Args:
            schema: of the value.
            name: the option, for placeholders such as `<name>`.
            kind: the kind of the plugins that the value chooses, if it is marked with one.
            index: the number of the value in its list; values of one list differ.
            depth: the number of references that were followed.
        """
        kind = schema.get("kind", kind)
        for word in ("examples", "enum"):
            if schema.get(word):
                return schema[word][index % len(schema[word])]
        if "$ref" in schema:
            target = schema["$ref"].rpartition("/")[2]
            if target == "PluginChoice":
                return self._choice(kind)
            return self.value(self._definitions[target], name, kind, index, depth + 1)
        if "const" in schema:
            return schema["const"]
        members = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
        if members:
            return self.value(_member(members, depth), name, kind, index, depth)
        return self._of_type(schema, name, kind, index, depth)

    def _of_type(self, schema: Schema, name: str, kind: str, index: int, depth: int) -> Any:
        match schema.get("type"):
            case "array":
                return list(self._items(schema, name, kind, depth))
            case "object":
                return dict(self._entries(schema, name, kind, depth))
            case "boolean":
                return index % 2 == 0
            case "integer" | "number":
                return _number(schema, index)
            case "null":
                return None
            case _:
                return self._text(schema, f"{name}{index or ''}")

    def _items(self, schema: Schema, name: str, kind: str, depth: int) -> Iterator[Any]:
        fixed = schema.get("prefixItems", [])
        for index, item in enumerate(fixed):
            yield self.value(item, name, kind, index, depth)
        least = schema.get("minItems", 0)
        wanted = least if depth > DEEPEST or fixed else max(1, least)
        for index in range(len(fixed), min(wanted, schema.get("maxItems", wanted))):
            yield self.value(schema.get("items", {}), name, kind, index, depth)

    def _entries(self, schema: Schema, name: str, kind: str, depth: int) -> Iterator[tuple[str, Any]]:
        required = schema.get("required", ())
        for key, below in schema.get("properties", {}).items():
            if key in required:
                yield key, self.value(below, key, kind, 0, depth)
            elif "default" in below and self._tried.has_defaults and not below.get("writeOnly"):
                yield key, below["default"]
        patterns = schema.get("patternProperties", {})
        anything = schema.get("additionalProperties", next(iter(patterns.values()), False))
        if isinstance(anything, Mapping) and (depth <= DEEPEST or schema.get("minProperties")):
            names = {"pattern": next(iter(patterns), ""), **schema.get("propertyNames", {"default": self._tried.key})}
            for index in range(schema.get("minProperties", 1)):
                key = (
                    names["default"] + str(index or "") if "default" in names else self.value(names, "name", "", index)
                )
                yield str(key), self.value(anything, name, kind, index, depth)

    def _text(self, schema: Schema, name: str) -> str:
        if schema.get("writeOnly"):
            return f"${{oc.env:{re.sub(r'[^A-Z0-9]', '_', name.upper())}}}"
        if schema.get("format") in FORMATS:
            return FORMATS[schema["format"]].format(date=self._tried.date, zone=self._tried.zone)
        least, most = schema.get("minLength", 0), schema.get("maxLength")
        texts = [text.ljust(least, "a")[:most] for text in (f"<{name}>", name, *TEXTS)]
        return next((text for text in texts if re.search(schema.get("pattern", ""), text)), texts[0])


def _member(members: list[Schema], depth: int) -> Schema:
    """The first type of a union; deep inside of a type that holds itself, null."""
    nulls = [member for member in members if member.get("type") == "null"]
    others = [member for member in members if member.get("type") != "null"]
    return (nulls or others)[0] if depth > DEEPEST else (others or nulls)[0]


def _number(schema: Schema, index: int) -> Any:
    """The first number of a few that is within the limits: 1, or one beside a limit."""
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    step = schema.get("multipleOf", 1 if schema["type"] == "integer" else None)
    beside = [low, high, *([(low + high) / 2] if low is not None and high is not None else [])]
    limits = [each for limit in beside if limit is not None for each in (limit, limit + 1, limit - 1)]
    limits += [math.nextafter(limit, way) for limit in beside if limit is not None for way in (math.inf, -math.inf)]
    numbers = [1, 0.5, *limits]
    if step is not None:
        numbers = [step * (round(number / step) + shift) for number in numbers for shift in (0, 1, -1)]
    if schema["type"] == "integer":
        numbers = [int(number) for number in numbers if number == int(number)]
    fitting = list(dict.fromkeys(number for number in numbers if _is_within(number, schema)))
    return fitting[index % len(fitting)] if fitting else 1


def _is_within(number: float, schema: Schema) -> bool:
    return (
        schema.get("minimum", -math.inf) <= number <= schema.get("maximum", math.inf)
        and ("exclusiveMinimum" not in schema or number > schema["exclusiveMinimum"])
        and ("exclusiveMaximum" not in schema or number < schema["exclusiveMaximum"])
    )
