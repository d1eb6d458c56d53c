"""One YAML file of a config, read with the line of every key."""

__all__ = ["Choice", "Document", "read_document", "read_marks"]

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from wxml.config.origins import Mark
from wxml.errors import ConfigError, Fault

STANDARD = "tag:yaml.org,2002:"
PLAIN_TAGS = {
    f"{STANDARD}{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq", "timestamp", "value")
}
DEFAULTS = "defaults"
"""The key under which a file asks for presets."""
DEEPEST = 30
"""More levels than this are a file that refers to itself."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which presets of a group a layer asks for."""

    names: tuple[str, ...]
    origin: str


@dataclass(frozen=True, slots=True)
class Document:
    """What one file says."""

    marks: Mark
    """Of every key but `defaults`."""
    body: str
    """The YAML without its `defaults`; empty where nothing else is written."""
    choices: Mapping[str, Choice]
    """The `defaults`: group → presets."""


def read_document(path: Path, label: str = "") -> Document:
    """Read and check one file.

    Args:
        path: the file; shown in messages as it is given.
        label: the origin of its keys; the file and the line where it is empty.

    Raises:
        ConfigError: the file cannot be read, is no YAML, no mapping, or writes a key twice.
    """
    root = _parse(path, _read_text(path))
    reader = _Reader(path, label)
    marks = reader.mark(root, ())
    choices = reader.choices(root)
    if reader.faults:
        raise ConfigError(reader.faults)
    root.value = [(key, value) for key, value in root.value if key.value != DEFAULTS]
    return Document(_without_defaults(marks), yaml.serialize(root) if root.value else "", choices)


def read_marks(path: Path, label: str) -> Mark:
    """The marks of a preset. What its `defaults` may say is for Hydra to judge.

    Raises:
        ConfigError: as for `read_document`.
    """
    reader = _Reader(path, label)
    marks = reader.mark(_parse(path, _read_text(path)), ())
    if reader.faults:
        raise ConfigError(reader.faults)
    return _without_defaults(marks)


def _without_defaults(marks: Mark) -> Mark:
    return Mark(marks.origin, children={key: mark for key, mark in (marks.children or {}).items() if key != DEFAULTS})


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        problem, fix = "does not exist", "check the path, or leave it out to use the built-in demo"
    except IsADirectoryError:
        problem, fix = "is a folder", "name the YAML file in it"
    except UnicodeDecodeError:
        problem, fix = "is not UTF-8 text", "save it as UTF-8"
    except OSError as error:
        problem, fix = f"cannot be read: {error.strerror}", "check its permissions"
    raise ConfigError([Fault("", f"config file {str(path)!r} {problem}")], fix=fix)


def _parse(path: Path, text: str) -> yaml.MappingNode:
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        line, problem = _problem(error)
        raise ConfigError([Fault("", f"not valid YAML at {path}:{line}: {problem}")], fix="correct the line") from None
    if root is None:
        return yaml.MappingNode(f"{STANDARD}map", [], *_whole_file(text))
    if not isinstance(root, yaml.MappingNode):
        message = f"a config must be a mapping of `key: value`, got something else at {path}:{root.start_mark.line + 1}"
        raise ConfigError([Fault("", message)], fix="write one key to a line, such as `seed: 1`")
    return root


def _problem(error: yaml.YAMLError) -> tuple[int, str]:
    """The line and the words of a YAML error."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        parts = [part for part in (error.problem, error.context) if part]
        return error.problem_mark.line + 1, ", ".join(parts)
    return 1, str(error).splitlines()[0]


def _whole_file(text: str) -> tuple[yaml.Mark, yaml.Mark]:
    mark = yaml.Mark("", 0, 0, 0, text, 0)
    return mark, mark


class _Reader:
    """Walks the nodes of one file, collecting marks and faults."""

    def __init__(self, path: Path, label: str) -> None:
        self.path, self.label = path, label
        self.faults: list[Fault] = []
        self.loader = yaml.SafeLoader("")

    def mark(self, node: yaml.Node, path: tuple[str, ...], origin: str = "") -> Mark:
        """The marks of a node and of what is below it."""
        origin = origin or self.origin(node)
        if len(path) > DEEPEST:
            self.fault(node, path[:3], "nested too deeply: does an alias refer to itself?")
        elif isinstance(node, yaml.MappingNode):
            return Mark(origin, children=dict(self._entries(node, path)))
        elif isinstance(node, yaml.SequenceNode):
            items = {str(i): self.mark(item, (*path, str(i))) for i, item in enumerate(node.value)}
            return Mark(origin, "", items, sequence=True)
        elif node.tag not in PLAIN_TAGS:
            self.fault(node, path, f"the tag {node.tag.replace(STANDARD, '!!')!r} is refused: write plain YAML")
        return Mark(origin, node.value if isinstance(node, yaml.ScalarNode) else "")

    def _entries(self, node: yaml.MappingNode, path: tuple[str, ...]) -> Iterator[tuple[str, Mark]]:
        self._check_keys(node, path)
        self.loader.flatten_mapping(node)
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                yield key.value, self.mark(value, (*path, key.value), self.origin(key))

    def _check_keys(self, node: yaml.MappingNode, path: tuple[str, ...]) -> None:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.fault(key, path, "a key must be plain text")
            elif key.value in seen and key.value != "<<":
                self.fault(key, (*path, key.value), "written twice: keep one of the two")
            else:
                seen.add(key.value)

    def choices(self, root: yaml.MappingNode) -> dict[str, Choice]:
        """The presets that `defaults` asks for."""
        found: dict[str, Choice] = {}
        for key, value in root.value:
            if key.value == DEFAULTS:
                for entry in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                    found.update(self._choice(entry))
        return found

    def _choice(self, entry: yaml.Node) -> Iterator[tuple[str, Choice]]:
        pairs = entry.value if isinstance(entry, yaml.MappingNode) else []
        for group, preset in pairs:
            names = preset.value if isinstance(preset, yaml.SequenceNode) else [preset]
            if not all(isinstance(name, yaml.ScalarNode) for name in (group, *names)):
                break
            texts = tuple(name.value for name in names if name.tag != f"{STANDARD}null")
            yield group.value.strip("/"), Choice(texts, self.label or self.origin(group))
        else:
            if pairs:
                return
        self.fault(entry, (DEFAULTS,), "an entry must choose a preset of a group, like `{model: gnn}`")

    def origin(self, node: yaml.Node) -> str:
        """Where a node was written."""
        return self.label or f"{self.path}:{node.start_mark.line + 1}"

    def fault(self, node: yaml.Node, path: tuple[str, ...], message: str) -> None:
        """Note something wrong, with its line."""
        self.faults.append(Fault(".".join(path) or "top level", message, f"{self.path}:{node.start_mark.line + 1}"))
