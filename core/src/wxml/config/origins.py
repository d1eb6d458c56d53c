"""Which layer wrote each key: a tree of marks beside the tree of values, merged by the same rules."""

__all__ = ["DEFAULT", "Mark", "leaves", "mark_values", "nested", "overlay", "prune", "without"]

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

DEFAULT = "default"
"""The origin of what no layer wrote."""
MISSING = "???"
"""Stands for a value that a higher layer must give."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Where one key was written, and what is marked below it."""

    origin: str
    """Such as `experiment.yaml:14`, `command line`, `preset model/gnn (wxml-processor-gnn)`, `default`.

    Empty for a section that was not written itself, only something below it.
    """
    value: str = ""
    """The text of a scalar."""
    children: "Mapping[str, Mark] | None" = None
    """What is below: the keys of a mapping, the indices of a sequence; None at a scalar."""
    sequence: bool = False

    def nearest(self, path: str) -> "Mark":
        """The mark of a dotted path, or else of the deepest part of it that was written."""
        key, _, rest = path.partition(".")
        below = (self.children or {}).get(key)
        return below.nearest(rest) if below else self

    def location(self, path: str) -> str:
        """Where the deepest part of a dotted path was written; empty where no layer wrote any of it."""
        key, _, rest = path.partition(".")
        below = (self.children or {}).get(key)
        found = below.location(rest) if below else ""
        return found or ("" if self.written == DEFAULT else self.written)

    @property
    def written(self) -> str:
        """The origin, or for a section that was not written itself that of the first thing below it."""
        return self.origin or next((below.written for below in (self.children or {}).values()), "")


def mark_values(value: Any, origin: str) -> Mark:
    """Marks for plain values that come from one place."""
    if isinstance(value, Mapping):
        return Mark(origin, children={str(key): mark_values(below, origin) for key, below in value.items()})
    if isinstance(value, Sequence) and not isinstance(value, str):
        return Mark(origin, "", {str(i): mark_values(below, origin) for i, below in enumerate(value)}, sequence=True)
    return Mark(origin, str(value))


def nested(path: str, mark: Mark) -> Mark:
    """A root below which a mark stands at a dotted path; the mark itself where the path is empty."""
    for key in reversed(path.split(".")) if path else ():
        mark = Mark("", children={key: mark})
    return mark


def overlay(lower: Mark, upper: Mark) -> Mark:
    """One layer over another: mappings are merged, everything else is replaced, and `???` keeps what there is.

    A layer that names another plugin starts from that plugin's own defaults: options written for the one before go.
    """
    if upper.children is None and upper.value == MISSING:
        return lower
    if lower.children is None or upper.children is None or upper.sequence:
        return upper
    base = {} if _names_another_plugin(lower.children, upper.children) else dict(lower.children)
    for key, mark in upper.children.items():
        base[key] = overlay(base[key], mark) if key in base else mark
    return Mark(upper.origin or lower.origin, children=base, sequence=lower.sequence)


def _names_another_plugin(lower: Mapping[str, Mark], upper: Mapping[str, Mark]) -> bool:
    if "plugin" not in lower or "plugin" not in upper:
        return False
    before, now = (mark["plugin"].value.lower().replace("_", "-") for mark in (lower, upper))
    return before != now


def without(mark: Mark, path: str) -> Mark:
    """The marks without the key at a dotted path and all that is below it."""
    key, _, rest = path.partition(".")
    children = dict(mark.children or {})
    if rest and key in children:
        children[key] = without(children[key], rest)
    else:
        children.pop(key, None)
    return replace(mark, children=children)


def prune(values: Any, mark: Mark) -> Any:
    """The values without what no mark stands for any longer: options of a plugin that a higher layer replaced."""
    if mark.children is None or not isinstance(values, dict | list):
        return values
    if isinstance(values, list):
        return [prune(item, mark.children[str(index)]) for index, item in enumerate(values)]
    return {key: prune(below, mark.children[str(key)]) for key, below in values.items() if str(key) in mark.children}


def leaves(mark: Mark, prefix: str = "") -> Iterator[tuple[str, str]]:
    """The dotted path and the origin of every scalar, every empty mapping and every empty sequence."""
    if not mark.children:
        yield prefix, mark.origin
        return
    for key, below in mark.children.items():
        yield from leaves(below, f"{prefix}.{key}" if prefix else key)
