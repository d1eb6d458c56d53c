"""Changes to a config on the command line: `KEY=VALUE` in Hydra's grammar, and the plainer one with values in YAML."""

__all__ = [
    "COMMAND_LINE",
    "Overrides",
    "parse_assignments",
    "parse_overrides",
    "quoted_override",
    "split_arguments",
    "value_layer",
]

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wxml.config.keys import child_names
from wxml.config.layers import Choice
from wxml.config.presets import PresetLibrary
from wxml.config.tree import deepest, nested, node_at, overlay, path_of, tree_of, without
from wxml.errors import ConfigError, Fault
from wxml.extras import libraries_of_extra
from wxml.files.yaml_loader import Node, Origin, load_yaml

COMMAND_LINE = Origin("command line")
KEY_VALUE = "an override must be `key=value`"


def split_arguments(arguments: Sequence[str]) -> tuple[Path | None, tuple[str, ...]]:
    """Split `[EXPERIMENT.yaml] [KEY=VALUE]...` into the experiment file, if one is named, and the overrides.

    The experiment is the first argument that ends in `.yaml` or `.yml` and holds no `=`.

    >>> split_arguments(["experiment.yaml", "seed=3"])[1]
    ('seed=3',)
    """
    for index, argument in enumerate(arguments):
        if argument.lower().endswith((".yaml", ".yml")) and "=" not in argument:
            return Path(argument), (*arguments[:index], *arguments[index + 1 :])
    return None, tuple(arguments)


def quoted_override(key: str, text: str) -> str:
    """An override whose value is a text as it is, whatever signs are in it.

    >>> quoted_override("training.from.checkpoint", "runs/a b/checkpoint.safetensors")
    "training.from.checkpoint='runs/a b/checkpoint.safetensors'"
    """
    with libraries_of_extra("config", "wxml-core", what=f"the change `{key}=` of a config"):
        from hydra.core.override_parser.types import Quote, QuotedString

    return f"{key}={QuotedString(text, Quote.single).with_quotes()}"


@dataclass(slots=True)
class Overrides:
    """The overrides of a command line, sorted by their effect."""

    choices: dict[str, Choice] = field(default_factory=dict)
    """`group=preset`."""
    dropped: list[str] = field(default_factory=list)
    """`~group`: no preset of the group is wanted."""
    deletions: dict[str, tuple[bool, Any]] = field(default_factory=dict)
    """`~key` and `~key=value`: dotted key → whether a value is given, and the value."""
    values: list[tuple[str, Any]] = field(default_factory=list)
    """`key=value`, with `+` or without: options of plugins may be added."""

    def kept(self, choices: Mapping[str, Choice]) -> dict[str, Choice]:
        """The presets without the groups that `~group` takes out.

        Raises:
            ConfigError: no preset of such a group is chosen.
        """
        absent = [group for group in self.dropped if group not in choices]
        if absent:
            faults = [Fault(f"~{group}", f"no preset of `{group}` is chosen", str(COMMAND_LINE)) for group in absent]
            raise ConfigError(faults, fix="leave it out")
        return {group: choice for group, choice in choices.items() if group not in self.dropped}

    def delete_from(self, tree: Node) -> Node:
        """The tree without the keys that `~key` takes out, which come before values.

        Raises:
            ConfigError: a key does not exist, or has another value than `~key=value` says.
        """
        for text, (has_value, value) in self.deletions.items():
            path = path_of(text, tree)
            node = node_at(tree, path)
            if node is None or (has_value and node.plain() != value):
                problem = "is not there" if node is None else f"is {node.plain()!r}, not {value!r}"
                raise ConfigError([Fault(f"~{text}", f"`{text}` {problem}", str(COMMAND_LINE))], fix="leave it out")
            tree = without(tree, path)
        return tree


def value_layer(values: Sequence[tuple[str, Any]], tree: Node) -> Node:
    """The layer of a command line, from the dotted key and the value of each change, to be laid over `tree`.

    Raises:
        ConfigError: a key names an item that its list does not have.
    """
    layer = Node({})
    for text, value in values:
        current = overlay(tree, layer)
        path = path_of(text, current)
        above, rest = deepest(current, path)
        if rest and isinstance(rest[0], int):
            fault = Fault(text, f"the list has {len(above.value)} items, got the index {rest[0]}", str(COMMAND_LINE))
            raise ConfigError([fault], fix="the first item has the index 0; to add one, write the whole list")
        layer = overlay(layer, nested(path, tree_of(value, COMMAND_LINE)))
    return layer


def parse_overrides(overrides: Sequence[str], library: PresetLibrary) -> Overrides:
    """Read overrides in Hydra's grammar.

    Args:
        overrides: such as `training.max_steps=10`, `model=transformer`, `~key`.
        library: the groups of presets that can be chosen.

    Raises:
        ConfigError: with every override that cannot be understood.
    """
    parsed = Overrides()
    if not overrides:
        return parsed
    with libraries_of_extra("config", "wxml-core", what=f"the change `{overrides[0]}` of a config"):
        from hydra.core.override_parser.overrides_parser import OverridesParser
        from hydra.errors import HydraException

    parser, faults = OverridesParser.create(), []
    for text in overrides:
        try:
            problem = _sort_in(parser.parse_overrides([text])[0], parsed, library)
        except HydraException as error:
            is_file = text.endswith((".yaml", ".yml"))
            problem = "a second experiment file: one experiment has one file" if is_file else KEY_VALUE
            if "=" in text or text.startswith("~"):
                problem = f"the override cannot be read: {str(error).splitlines()[0]}"
        if problem:
            faults.append(Fault(text, problem, str(COMMAND_LINE)))
    if faults:
        fix = "write `key=value`, `~key` or `group=preset`; put values with special signs in quotes"
        raise ConfigError(faults, fix=fix)
    return parsed


def _sort_in(override: Any, parsed: Overrides, library: PresetLibrary) -> str:
    """Add an override to `parsed`; return why wxml refuses it, or nothing.

    A key is a group if presets lie in a folder of that name, or if it is a section and the value a mere name.
    """
    if override.package is not None:
        return "an override with `@` is not supported: write the dotted path of the key"
    if override.is_sweep_override():
        return "one run has one value for each key: write a list as [1,2]"
    key, value = override.key_or_group, override.value()
    is_section = bool(child_names(path_of(key, Node({}))))
    names_preset = key in library.groups or "/" in key or (isinstance(value, str) and is_section)
    if override.is_delete():
        if key in library.groups or "/" in key or is_section:
            parsed.dropped.append(key)
        else:
            parsed.deletions[key] = "=" in override.input_line, value
    elif names_preset and not isinstance(value, dict):
        names = value if isinstance(value, list) else [value]
        chosen = tuple(str(name) for name in names if name is not None)
        parsed.choices[key] = Choice(chosen, str(COMMAND_LINE))
    else:
        parsed.values.append((key, value))
    return ""


def parse_assignments(assignments: Sequence[str]) -> list[tuple[str, Any]]:
    """Read `key=value` texts whose values are YAML: the dotted key and the plain value of each.

    Raises:
        ConfigError: with every text that is of another form, or that writes below a value.
    """
    found: list[tuple[str, Any]] = []
    faults = []
    for text in assignments:
        key, equals, value = text.partition("=")
        if not key or not equals:
            faults.append(Fault(text, "a change must be `key=value`", str(COMMAND_LINE)))
            continue
        inside = next(
            (other for other, plain in found if key.startswith(f"{other}.") and not isinstance(plain, dict)), ""
        )
        if inside:
            faults.append(Fault(text, f"`{inside}` has a value already, which has no keys", str(COMMAND_LINE)))
        try:
            found.append((key, load_yaml(value, str(COMMAND_LINE)).plain() if value.strip() else None))
        except ConfigError as error:
            faults += [Fault(text, fault.message, str(COMMAND_LINE)) for fault in error.faults]
    if faults:
        raise ConfigError(
            faults, fix="write `key=value` with a value in YAML, such as path=era5.nc or levels=[500, 850]"
        )
    return found
