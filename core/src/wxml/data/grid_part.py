"""GridPart: one of several grids whose nodes stand behind each other in a Grid."""

__all__ = ["GridPart", "check_parts"]

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from wxml.errors import DataError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class GridPart:
    """The name of one of several grids, and how many nodes it has."""

    name: str
    """Letters, digits, `_` and `-`; a graph may have a node set `data:<name>` for it."""
    count: int
    lacks: tuple[str, ...] = ()
    """The variables that are given on other parts alone: here, they are never read and never scored."""

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise DataError(
                f"the name of a part of a grid must have letters, digits, `_` and `-` alone, got {self.name!r}",
                fix="choose a name such as `region`",
            )

    def record(self) -> dict[str, Any]:
        """The part in JSON values, from which `of_record` makes it again."""
        return {"name": self.name, "count": self.count, "lacks": list(self.lacks)}

    @classmethod
    def of_record(cls, record: Any) -> Self:
        """Make the part of a `record`; keys that only a later version knows are left out.

        Raises:
            DataError: it is no record of a part.
        """
        said: Mapping[str, Any] = record if isinstance(record, Mapping) else {}
        name, count, lacks = said.get("name"), said.get("count"), said.get("lacks", ())
        is_list = isinstance(lacks, list | tuple) and all(isinstance(one, str) for one in lacks)
        if not (isinstance(name, str) and type(count) is int and is_list):
            raise DataError(
                f"the record of a part of a grid must have a `name`, a `count` of nodes and a list `lacks`, got "
                f"{str(record)[:200]}",
                fix="write the file again",
            )
        return cls(name, count, tuple(lacks))


def check_parts(parts: Sequence[GridPart], count: int) -> None:
    """Raise a DataError unless `parts` have names of their own, and `count` nodes together."""
    names = [part.name for part in parts]
    if len(set(names)) != len(names):
        raise DataError(f"parts of a grid must have names of their own, got {names}", fix="rename one")
    if parts and (min(part.count for part in parts) < 1 or sum(part.count for part in parts) != count):
        raise DataError(
            f"the parts of a grid must have its {count} nodes, got {[part.count for part in parts]}",
            fix="give the number of nodes of each part, in the order of the nodes",
        )
