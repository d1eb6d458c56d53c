"""The command line of the benchmarks that compare steps with those of a peer, and write a page of both."""

__all__ = ["Page", "measure_steps"]

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from bench.environments import peer_python
from bench.report import OUTPUT, show, write_page
from bench.trainings import SIZES, Case

FAMILIES = ("gnn", "graph-transformer")
Row = dict[str, Any]


class Page(NamedTuple):
    """What a benchmark measures and writes."""

    name: str
    """That of the page."""
    module: str
    """What the peer's environment must be able to import."""
    variable: str
    """Names the folder of the peer's environment."""
    steps: int
    """How many steps are counted, if nothing else is said."""


def measure_steps(
    page: Page,
    description: str | None,
    rows_of: Callable[[Case, argparse.Namespace], Iterator[Row]],
    text_of: Callable[[list[Row]], str],
) -> None:
    """Read the command line, measure each case, write; a page of both sides stays where the peer is not there."""
    options = _options(page, description)
    options.peer = peer_python(page.module, page.variable)
    if options.peer is None and _is_of_both(options.output / f"{page.name}.jsonl"):
        where = options.output / f"{page.name}.md"
        print(f"{where} has figures of the peer, and is left as it is: `{page.variable}` names none", file=sys.stderr)
        return
    rows: list[Row] = []
    for case in (Case(*one) for one in product(options.families, options.sizes, options.channels)):
        for row in rows_of(case, options):
            show(row, rows)
        write_page(options.output, page.name, text_of(rows), rows)


def _options(page: Page, description: str | None) -> argparse.Namespace:
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--quick", action="store_true", help="three steps of the tiny size: shows that all runs")
    made.add_argument("--families", nargs="+", choices=FAMILIES, default=FAMILIES)
    made.add_argument("--sizes", nargs="+", choices=tuple(SIZES), default=("small", "medium"))
    made.add_argument("--channels", nargs="+", type=int, default=[64])
    made.add_argument("--steps", type=int, default=page.steps)
    made.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / f"wxml-{page.name}")
    made.add_argument("--output", type=Path, default=OUTPUT)
    options = made.parse_args()
    if options.quick:
        options.steps, options.sizes = 3, ("tiny",)
    return options


def _is_of_both(rows: Path) -> bool:
    """Whether a page has figures of the peer."""
    return rows.is_file() and any("ratio" in json.loads(line) for line in rows.read_text().splitlines())
