"""Both sides of a case, measured in turns."""

__all__ = ["Effort", "Row", "paired_rows"]

import statistics
import time
from dataclasses import dataclass
from typing import Any

from bench.processes import Answer, Failed, Side
from bench.workloads import PASSES

Row = dict[str, Any]
Pair = dict[str, Answer]


@dataclass(frozen=True)
class Effort:
    """How often a pass is repeated: so many pairs, fewer where they take longer than so many seconds, at least one."""

    pairs: int
    seconds: float


def _once(sides: list[Side], which: str) -> Pair:
    return {side.name: side.ask(which) for side in sides}


def _timed(sides: list[Side], which: str, effort: Effort) -> list[Pair]:
    """Pairs of runs that follow each other; the side that goes first changes."""
    end, pairs = time.monotonic() + effort.seconds, [_once(sides, which)]
    while len(pairs) < effort.pairs and time.monotonic() < end:
        order = sides if len(pairs) % 2 == 0 else sides[::-1]
        pairs.append(_once(order, which))
    return pairs


def _figures(side: Side, first: Pair, pairs: list[Pair]) -> Row:
    cpu, wall = (statistics.median(pair[side.name][key] for pair in pairs) for key in ("cpu_s", "wall_s"))
    peak = first[side.name]["peak_mib"] - side.ready["base_mib"]
    return {
        "cpu_ms": round(1e3 * cpu, 1),
        "wall_ms": round(1e3 * wall, 1),
        "peak_mib": round(peak, 1),
        "parameters": side.ready["parameters"],
    }


def _ratios(row: Row, pairs: list[Pair]) -> Row:
    """The peer's over wxml's, above 1 where wxml is better: medians of the pairs' ratios; of the peaks.

    Below a MiB the resident memory, which is counted in pages, says nothing of what a pass needs.
    """
    ratios = {
        key[:-2]: round(statistics.median(pair["peer"][key] / pair["wxml"][key] for pair in pairs), 2)
        for key in ("cpu_s", "wall_s")
    }
    theirs, mine = row["peer"]["peak_mib"], row["wxml"]["peak_mib"]
    return {**ratios, "memory": round(theirs / mine, 2)} if mine >= 1 else ratios


def one_pass(sides: list[Side], which: str, effort: Effort) -> Row:
    """A first run, which shows the peak and is timed only where there is no time for another, and then the pairs."""
    first = _once(sides, which)
    is_long = max(answer["wall_s"] for answer in first.values()) > effort.seconds
    pairs = [first] if is_long else _timed(sides, which, effort)
    row: Row = {"pass": which, "pairs": len(pairs), **{side.name: _figures(side, first, pairs) for side in sides}}
    if len(sides) == 2:
        row["ratio"] = _ratios(row, pairs)
    return row


def attempt(sides: list[Side], which: str, effort: Effort) -> tuple[Row, list[Side]]:
    """The row of a pass without the sides that fail, with the reason, and the sides that are left."""
    if not sides:
        return {"pass": which, "pairs": 0}, []
    try:
        return one_pass(sides, which, effort), sides
    except Failed as failure:
        row, left = attempt([side for side in sides if side.name != failure.side], which, effort)
        return {**row, "failed": [str(failure), *row.get("failed", [])]}, left


def ready(sides: list[Side]) -> tuple[list[Side], list[str]]:
    """Those that could be built, with their first answer, and why others could not."""
    left, failures = [], []
    for side in sides:
        try:
            side.ready.update(side.answer())
            left.append(side)
        except Failed as failure:
            failures.append(str(failure))
    return left, failures


def paired_rows(sides: list[Side], effort: Effort) -> list[Row]:
    """A row for each pass; a side that fails is left out from there on."""
    rows, (sides, failures) = [], ready(sides)
    for which in PASSES:
        row, sides = attempt(sides, which, effort)
        rows.append({**row, "failed": failures + row.get("failed", [])})
        failures = []
    return rows
