"""What the benchmarks leave behind: a JSON line for each measurement and a Markdown page of tables."""

__all__ = ["OUTPUT", "show", "table", "write_page"]

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from bench.environments import ROOT

OUTPUT = ROOT / "docs/benchmarks"
"""Where the tables and plots go if nothing else is said."""


def show(row: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    """Print a measurement, and keep it."""
    print(json.dumps(row), flush=True)
    rows.append(row)


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table, columns of numbers to the right."""
    lines = [list(header), *([str(cell) for cell in row] for row in rows)]
    marks = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join("| " + " | ".join(line) + " |" for line in (lines[0], marks, *lines[1:])) + "\n"


def write_page(folder: Path, name: str, text: str, rows: Iterable[dict[str, Any]]) -> None:
    """`name.md` and, beside it, what it was made from: `name.jsonl`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.md").write_text(text)
    (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
