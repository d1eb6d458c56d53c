"""How fast samples are read from a dataset, in turns with anemoi-datasets and with copies out of a memory map.

    python benchmarks/data_read.py [--quick] [--threads 1] [--turns 7] [--reads 60] [--output docs/benchmarks]

The archive has 500 dates, 40 variables and 10 000 nodes in float32, one date a chunk, 1.6 MB each: packed with Blosc
and lz4, as anemoi-datasets does, and once more without a codec. Both sides read the same files, which are in the memory
of the system (warm), at the same random places, each into a fresh array. Each side is a process of its own that has so
many processors. A ratio is the median over the turns of the peer's time over that of wxml in the same turn: above 1,
wxml is faster. So it is with the bare work, which no reader of these files can beat on one processor: to read a chunk
into memory that is kept and to unpack it, without zarr and without a source; for what is not packed, the memory map.

The peer is the environment that `WXML_PEERS_DATASETS` names, with anemoi-datasets; without it, wxml is measured alone.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from bench.archive import Size, make_archive
from bench.environments import environment, machine
from bench.report import OUTPUT, show, table, write_page

Row = dict[str, Any]
CASES = (
    "one date",
    "one date, half of the variables",
    "one date, four variables",
    "one date, start and end",
    "one date, 12-hourly",
    "one date, two halves joined",
    "two dates",
    "one date, not packed",
    "two dates, not packed",
)
BARE = {
    "one date": "bare, one date",
    "two dates": "bare, two dates",
    "one date, not packed": "memory map, one date",
    "two dates, not packed": "memory map, two dates",
}
HEADER = ("read", "wxml ms", "peer ms", "peer / wxml", "of processor time", "bare / wxml", "of processor time")


class Reader:
    """One side at work, in a process of its own."""

    def __init__(self, side: str, python: str, folder: Path, threads: int) -> None:
        command = [python, "-m", "bench.data_readers", side, str(folder), "--threads", str(threads)]
        self.process = subprocess.Popen(
            command, env=environment(threads), text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.questions, self.answers = cast("IO[str]", self.process.stdin), cast("IO[str]", self.process.stdout)
        self.versions = self._answer()

    def ask(self, case: str, shares: list[float]) -> dict[str, float]:
        """The seconds of a read of a case at these places."""
        print(json.dumps({"case": case, "shares": shares}), file=self.questions, flush=True)
        found: dict[str, float] = self._answer()
        return found

    def _answer(self) -> Any:
        line = self.answers.readline()
        if not line:
            sys.exit(f"error: a reader ended with {self.process.wait()}; its message is above")
        return json.loads(line)

    def close(self) -> None:
        """End the process: it ends when there are no more questions."""
        self.questions.close()
        self.process.wait(60)
        self.answers.close()


def turns_of(case: str, sides: dict[str, Reader], options: argparse.Namespace) -> list[dict[str, Row]]:
    """So many turns, each side at the same places; the side that goes first changes."""
    rng, turns = np.random.default_rng(CASES.index(case)), []
    for number in range(options.turns + 1):
        shares = rng.random(options.reads).tolist()
        order = list(sides.items())[:: 1 if number % 2 else -1]
        found = {name: side.ask(case, shares) for name, side in order}
        if case in BARE:
            found["bare"] = sides["wxml"].ask(BARE[case], shares)
        turns.append(found)
    return turns[1:]  # the first one warms up


def row_of(case: str, turns: list[dict[str, Row]]) -> Row:
    """The medians of a case; both sides must have read the same."""
    row: Row = {"case": case, "turns": len(turns)}
    for name in turns[0]:
        row |= {f"{name}_{key[:-2]}_ms": _milliseconds(turns, name, key) for key in ("wall_s", "cpu_s")}
    if "peer" in turns[0]:
        if any(abs(turn["peer"]["sum"] - turn["wxml"]["sum"]) > 1e-9 * abs(turn["wxml"]["sum"]) for turn in turns):
            sys.exit(f"error: both sides read other values in the case {case!r}")
        row |= {"ratio": _ratio(turns, "peer", "wall_s"), "cpu_ratio": _ratio(turns, "peer", "cpu_s")}
    if "bare" in turns[0]:
        row |= {"bare_ratio": _ratio(turns, "bare", "wall_s"), "bare_cpu_ratio": _ratio(turns, "bare", "cpu_s")}
    return row


def _milliseconds(turns: list[dict[str, Row]], side: str, key: str) -> float:
    return round(1e3 * statistics.median(turn[side][key] for turn in turns), 4)


def _ratio(turns: list[dict[str, Row]], side: str, key: str) -> float:
    """The time of a side over that of wxml."""
    return round(statistics.median(turn[side][key] / turn["wxml"][key] for turn in turns), 2)


def page(rows: list[Row], versions: str, options: argparse.Namespace) -> str:
    """The page."""
    keys = ("case", "wxml_wall_ms", "peer_wall_ms", "ratio", "cpu_ratio", "bare_ratio", "bare_cpu_ratio")
    return "\n".join(
        [
            "# Reading a dataset\n",
            f"{machine()}; processors of each side: {options.threads}; {versions}.",
            "What is read, and how: the first lines of `benchmarks/data_read.py`. Ratios are medians over the turns;",
            "above 1, wxml is faster. Times are those of a read; on a busy machine look at processor time.\n",
            table(HEADER, ([row.get(key, "") for key in keys] for row in rows)),
        ]
    )


def sides_of(folder: Path, threads: int, stack: ExitStack) -> dict[str, Reader]:
    """wxml, and the peer where it is."""
    pythons = {"wxml": sys.executable}
    if peer := os.environ.get("WXML_PEERS_DATASETS"):
        pythons["peer"] = str(Path(peer) / "bin/python")
    sides = {name: Reader(name, python, folder, threads) for name, python in pythons.items()}
    for side in sides.values():
        stack.callback(side.close)
    return sides


def main() -> None:
    """Read the command line, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a small archive, one turn: shows that all runs")
    parser.add_argument("--threads", type=int, default=1, help="processors of each side")
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--reads", type=int, default=60, help="reads of a turn")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=CASES)
    parser.add_argument("--folder", type=Path, help="where the archive is kept, 2.4 GB; else it is made anew")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args()
    size = Size(24, 8, 10) if options.quick else Size(500, 40, 100)
    options.turns, options.reads = (1, 5) if options.quick else (options.turns, options.reads)
    rows: list[Row] = []
    with ExitStack() as stack:
        folder = (options.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))) / "archive"
        make_archive(folder, size)
        sides = sides_of(folder, options.threads, stack)
        versions = "; ".join(", ".join(map(" ".join, side.versions.items())) for side in sides.values())
        for case in options.cases:
            show(row_of(case, turns_of(case, sides, options)), rows)
    name = "data-read" if options.threads == 1 else f"data-read-{options.threads}-processors"
    write_page(options.output, name, page(rows, versions, options), rows)


if __name__ == "__main__":
    main()
