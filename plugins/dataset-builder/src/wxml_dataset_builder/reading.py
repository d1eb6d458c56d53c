"""The source that a build reads, as each worker is told of it: in the memory of processes, never in a file."""

__all__ = ["Reading"]

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from wxml import DataSource
from wxml.errors import DataError

from wxml_dataset_builder.plan import open_source


@dataclass(frozen=True, slots=True)
class Reading:
    """A source, with its secrets; its `repr` does not show them."""

    choice: str = field(repr=False)
    """`{"plugin": NAME, …}` in JSON."""
    provenance: str = field(repr=False)
    """What the source says of its data where the command runs, in JSON."""
    folder: str
    """That of the command: from there relative paths begin."""

    @classmethod
    def of(cls, choice: dict[str, Any], source: DataSource) -> Self:
        """That of a source which is open in this process."""
        return cls(json.dumps(choice), _said(source), str(Path.cwd()))

    def open(self) -> DataSource:
        """Open the source.

        Raises:
            WxmlError: it cannot be opened.
            DataError: this process runs in another folder than the command, and finds other data.
        """
        source = open_source(json.loads(self.choice))
        if str(Path.cwd()) != self.folder and _said(source) != self.provenance:
            raise DataError(
                f"a worker in `{Path.cwd()}` reads other data than the command in `{self.folder}`",
                fix="write absolute paths into the recipe",
            )
        return source


def _said(source: DataSource) -> str:
    return json.dumps(source.provenance(), sort_keys=True, default=str)
