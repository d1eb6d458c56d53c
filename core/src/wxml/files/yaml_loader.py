"""Reads and writes YAML: the core schema of YAML 1.2, keys that are text, and the line of every value.

Only `true` and `false` are booleans, so `no`, `off`, `on` and `yes` are text; dates are text; `1_000` is a number.
"""

__all__ = ["Node", "Origin", "Path", "load_yaml", "path_text", "yaml_text"]

import re
from dataclasses import dataclass, replace
from typing import Any

import yaml

from wxml.errors import ConfigError, Fault

Path = tuple[str | int, ...]
"""The keys and indices that lead to a value."""

LARGEST = 100_000
"""The most values that a text may stand for once its aliases are followed."""
DEEPEST = 30
"""The most levels of nesting."""
STANDARD = "tag:yaml.org,2002:"
DIGITS = "0123456789"
PLAIN = {
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "int": (r"[-+]?[0-9][0-9_]*|0o[0-7]+|0x[0-9a-fA-F]+", list(f"-+{DIGITS}")),
    "float": (
        r"[-+]?(\.[0-9][0-9_]*|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list(f"-+.{DIGITS}"),
    ),
    "merge": (r"<<", ["<"]),
}
"""How a scalar without quotes and tag is read: type → the pattern, and the characters that it can start with."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The place where a value was written."""

    layer: str
    """`default`, `command line`, `preset model/gnn (wxml-processor-gnn)`, or the path of a file."""
    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        return f"{self.layer}:{self.line}" if self.layer == self.file else self.layer


@dataclass(frozen=True, slots=True)
class Node:
    """A value and its origin: a scalar, a mapping of nodes, or a list of nodes."""

    value: Any
    origin: Origin | None = None
    """None for a mapping that nothing wrote as such, only something inside it."""

    def plain(self) -> Any:
        """The value without origins."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        return [node.plain() for node in self.value] if isinstance(self.value, list) else self.value


def path_text(path: Path) -> str:
    """A path as people write it.

    >>> path_text(("data", "transforms", 0, "plugin"))
    'data.transforms.0.plugin'
    """
    return ".".join(map(str, path))


def load_yaml(text: str, layer: str, file: str = "") -> Node:
    """Parse one YAML document; an empty one is an empty mapping.

    Args:
        text: the document.
        layer: the layer of every value.
        file: the path that messages name; empty if the text is not in a file.

    Raises:
        ConfigError: the text is not YAML, has a key twice or a tag that is not plain, refers to itself, or stands for
            more than `LARGEST` values or `DEEPEST` levels.
    """
    builder = _Builder(layer, file)
    try:
        root = yaml.compose(text, Loader=_Loader)
        tree = Node({}, Origin(layer, file, 1)) if root is None else builder.node(root, ())
    except yaml.YAMLError as error:
        line, problem = 1, str(error).splitlines()[0]
        if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
            line = error.problem_mark.line + 1
            problem = ", ".join(part for part in (error.problem, error.context) if part)
        place = f" at {file}:{line}" if file else ""
        raise ConfigError([Fault("", f"not valid YAML{place}: {problem}")], fix="correct the line") from None
    except RecursionError:
        raise ConfigError([Fault("", f"nested more than {DEEPEST} levels deep", file)], fix="nest less") from None
    if builder.faults:
        raise ConfigError(builder.faults)
    return tree


def yaml_text(values: Any, *, flow: bool | None = False) -> str:
    """Write plain values as YAML that `load_yaml` and readers of YAML 1.1 read alike.

    If a text holds a character that is not printable, every character beyond ASCII is written as an escape.

    Args:
        values: mappings, lists and scalars.
        flow: whether mappings and lists are written on one line; None: the innermost ones.
    """
    style: dict[str, Any] = {"sort_keys": False, "default_flow_style": flow, "width": 100}
    text = str(yaml.dump(values, Dumper=_Dumper, allow_unicode=True, **style))
    if not text.replace("\n", "").replace("\xa0", "").isprintable():  # it may steer a terminal, or reorder letters
        text = str(yaml.dump(values, Dumper=_Dumper, allow_unicode=False, **style))
    return text.rstrip("\n")


class _Loader(yaml.SafeLoader):
    """Resolves plain scalars by the patterns of `PLAIN`."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  # PyYAML's own way


class _Dumper(yaml.SafeDumper):
    """Quotes every text that YAML 1.1 or 1.2 would read as something else."""

    def ignore_aliases(self, data: Any) -> bool:
        """Return True: a value that occurs twice is written twice, without an alias."""
        return True


for _kind, (_pattern, _first) in PLAIN.items():
    for _class in (_Loader, _Dumper):
        _class.add_implicit_resolver(f"{STANDARD}{_kind}", re.compile(rf"(?:{_pattern})\Z"), _first)


class _Builder:
    """Turns PyYAML's nodes into ours. An aliased node is built once, so aliases of aliases cost nothing here."""

    def __init__(self, layer: str, file: str) -> None:
        self.layer, self.file = layer, file
        self.faults: list[Fault] = []
        self.built: dict[int, Node] = {}
        self.extents: dict[int, tuple[int, int]] = {}
        """How many values and levels a node of PyYAML stands for."""
        self.open: set[int] = set()

    def node(self, written: yaml.Node, path: Path) -> Node:
        """Build a node and everything inside it."""
        key = id(written)
        if key in self.open:
            self.fault(written, path, "an alias refers to itself")
            return Node(None, self.origin(written))
        if key not in self.built:
            self.open.add(key)
            self.built[key] = self._build(written, path)
            self.open.remove(key)
            self._measure(written, path)
        return self.built[key]

    def _build(self, written: yaml.Node, path: Path) -> Node:
        if isinstance(written, yaml.MappingNode) and written.tag == f"{STANDARD}map":
            return Node(self._mapping(written, path), self.origin(written))
        if isinstance(written, yaml.SequenceNode) and written.tag == f"{STANDARD}seq":
            items = [self.node(item, (*path, index)) for index, item in enumerate(written.value)]
            return Node(items, self.origin(written))
        kind = written.tag.removeprefix(STANDARD)
        if isinstance(written, yaml.ScalarNode) and kind in (*PLAIN, "str"):
            try:
                return Node(_scalar(kind, written.value), self.origin(written))
            except ValueError:
                self.fault(written, path, f"must be of the type that `!!{kind}` says, got {written.value[:40]!r}")
        else:
            self.fault(written, path, f"the tag {written.tag.replace(STANDARD, '!!')!r} is refused: write plain YAML")
        return Node(None, self.origin(written))

    def _mapping(self, written: yaml.MappingNode, path: Path) -> dict[str, Node]:
        """Build the entries of a mapping; its own keys win over those that `<<` brings, and earlier `<<` over later."""
        own: dict[str, Node] = {}
        merged: dict[str, Node] = {}
        for key, value in written.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag.removeprefix(STANDARD) not in (*PLAIN, "str"):
                self.fault(key, path, "a key must be plain text")
                continue
            if key.tag == f"{STANDARD}merge":
                mappings = value.value if isinstance(value, yaml.SequenceNode) else [value]
                for mapping in mappings:
                    merged = self._entries(mapping, path) | merged
                continue
            if key.value in own:
                first = own[key.value].origin
                lines = f"in lines {first.line if first else 0} and {key.start_mark.line + 1}"
                self.fault(key, (*path, key.value), f"`{key.value}` is written twice, {lines}: keep one of the two")
                continue
            own[key.value] = replace(self.node(value, (*path, key.value)), origin=self.origin(key))
        return merged | own

    def _entries(self, written: yaml.Node, path: Path) -> dict[str, Node]:
        """The entries of the mapping that follows `<<`; a fault and no entries if it is something else."""
        inner = self.node(written, (*path, "<<"))
        if isinstance(inner.value, dict):
            return inner.value
        self.fault(written, path, "`<<` must be followed by a mapping or a list of mappings")
        return {}

    def _measure(self, written: yaml.Node, path: Path) -> None:
        """Count the values and the levels of a node, aliases followed.

        Raises:
            ConfigError: there are more of them than `LARGEST` or `DEEPEST`.
        """
        children = [] if isinstance(written, yaml.ScalarNode) else written.value
        if isinstance(written, yaml.MappingNode):
            children = [value for _, value in children]
        inside = [self.extents.get(id(child), (1, 1)) for child in children]
        size, depth = 1 + sum(size for size, _ in inside), 1 + max((depth for _, depth in inside), default=0)
        self.extents[id(written)] = size, depth
        if size > LARGEST or depth > DEEPEST:
            limit, fix = f"more than {LARGEST} values", "write less into one file"
            if depth > DEEPEST:
                limit, fix = f"nested more than {DEEPEST} levels deep", "nest less"
            self.fault(written, path[:3], f"{limit}, aliases followed")
            raise ConfigError(self.faults, fix=fix)

    def origin(self, written: yaml.Node) -> Origin:
        """The place where a node of PyYAML begins."""
        return Origin(self.layer, self.file, written.start_mark.line + 1)

    def fault(self, written: yaml.Node, path: Path, message: str) -> None:
        """Note a fault with its line."""
        place = f"{self.file}:{written.start_mark.line + 1}" if self.file else self.layer
        self.faults.append(Fault(path or "top level", message, place))


def _scalar(kind: str, text: str) -> Any:
    """The value of a scalar.

    Raises:
        ValueError: the text is not of its kind.
    """
    if kind in ("str", "merge"):
        return text
    if not re.fullmatch(PLAIN[kind][0], text):
        raise ValueError(text)
    lower = text.lower().replace("_", "")
    if kind == "int":
        return int(lower, {"0o": 8, "0x": 16}.get(lower[:2], 10))
    if kind == "float":
        return float(lower.replace(".inf", "inf").replace(".nan", "nan"))
    return None if kind == "null" else lower == "true"
