"""The tracker `csv`: one long table."""

__all__ = ["CsvTracker"]

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field
from wxml import Outcome, TrackedRow, TrackedRun, Tracker

HEADER = "time,step,name,value\n"


class CsvTracker(Tracker):
    """A table of all numbers with the columns time, step, name and value; files are copied beside it.

    The time is in seconds since 1970. Where a step is there twice, as after `--resume`, the later line is right.
    """

    def __init__(
        self,
        run: TrackedRun,
        *,
        folder: Annotated[
            str | None, Field(description="a folder for the tables of many runs; null: `tracked` in the run's folder")
        ] = None,
    ) -> None:
        super().__init__(run)
        self.folder = run.folder / "tracked" if folder is None else Path(folder) / run.name

    def __str__(self) -> str:
        return str(self.folder)

    @property
    def _table(self) -> Path:
        return self.folder / "numbers.csv"

    def open(self, known: str | None) -> str:
        """Make the folder and the table, or go on with a known one; return its path."""
        if known is not None:
            self.folder = Path(known)
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self._table.exists():
            self._table.write_text(HEADER, encoding="utf-8")
        return str(self.folder)

    def log(self, rows: Sequence[TrackedRow]) -> None:
        """Add a line for each number."""
        lines = [f"{row.time:.3f},{row.step},{name},{value!r}\n" for row in rows for name, value in row.numbers.items()]
        with self._table.open("a", encoding="utf-8") as file:
            file.writelines(lines)

    def attach(self, path: Path, name: str) -> None:
        """Copy a file into the folder."""
        place = self.folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)

    def close(self, outcome: Outcome) -> None:
        """Note how the training ended."""
        (self.folder / "outcome.txt").write_text(f"{outcome}\n", encoding="utf-8")
