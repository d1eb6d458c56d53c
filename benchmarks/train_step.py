"""A training step end to end, and the time to the first one, beside anemoi-training on the same data, in turns.

    python benchmarks/train_step.py [--quick] [--families gnn graph-transformer] [--channels 64] [--steps 20]
                                    [--folder FOLDER] [--output docs/benchmarks]

`wxml train` and `anemoi-training train` run as a user would start them, on an archive of 100 × 100 nodes, 40 variables
and two input times, with a mesh of 2562 nodes, four layers, batch 1, float32, one thread. Reading, normalising,
forward, backward, optimiser and records are part of a step. Each is a process that stops itself after every step, so
that steps take turns whatever else the machine does: medians of processor time, and of the ratios of steps that
followed each other. The peer runs with its activation checkpointing, as its configs have it, and without; wxml without.

The peer reads in a process of its own, whose processor time is not counted; wxml's thread of the training is.

The first step of wxml is measured on data that it has not seen (statistics and graph are made) and, in each comparison,
on data that it has. The peer's statistics are stored with the data, and it makes its graph each time.

The peer's interpreter is that of the folder `WXML_PEERS_TRAINING`; without one, wxml is measured alone.
"""

import argparse
import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench.archive import PACKED, Size, make_archive
from bench.environments import machine, peer_python
from bench.report import OUTPUT, show, table, write_page
from bench.trainings import Step, Training, peer_training, wxml_training

FAMILIES = ("gnn", "graph-transformer")
WARM = 3
"""Steps that are not counted: memory is touched for the first time."""
HEADER = ("case", "peer's checkpointing", "CPU ms wxml", "peer", "ratio", "peak MiB wxml", "peer")
FIRST = ("case", "who", "first step, CPU s", "wall s")


def in_turns(
    trainings: dict[str, Training], count: int
) -> tuple[dict[str, Step], dict[str, list[float]], dict[str, int]]:
    """The first step of each, the seconds of processor time of each later one, and the peak memory."""
    before = {name: training.first() for name, training in trainings.items()}
    first, seconds = dict(before), {name: list[float]() for name in trainings}
    for number in range(WARM + count):
        for name in sorted(trainings, reverse=number % 2 == 1):
            now = trainings[name].step()
            if number >= WARM:
                seconds[name].append(now.cpu_s - before[name].cpu_s)
            before[name] = now
    return first, seconds, {name: step.peak_mib for name, step in before.items()}


def compare(family: str, options: argparse.Namespace, channels: int, *, checkpointed: bool) -> dict[str, Any]:
    """One row: steps in turns."""
    archive, folder = options.folder / "archive" / PACKED, options.folder
    with ExitStack() as stack:
        sides = {"wxml": stack.enter_context(wxml_training(family, channels, archive, folder, folder / "cache"))}
        if options.peer:
            peer = peer_training(options.peer, family, channels, archive, folder, checkpointed=checkpointed)
            sides["peer"] = stack.enter_context(peer)
        first, seconds, peak = in_turns(sides, options.steps)
    medians = {name: round(1e3 * statistics.median(values), 1) for name, values in seconds.items()}
    row: dict[str, Any] = {
        "case": f"{family}, {channels} channels",
        "checkpointed": checkpointed,
        "steps": options.steps,
        "cpu_ms": medians,
        "least_cpu_ms": {name: round(1e3 * min(values), 1) for name, values in seconds.items()},
        "peak_mib": peak,
        "first": {name: {"cpu_s": round(s.cpu_s, 2), "wall_s": round(s.wall_s, 2)} for name, s in first.items()},
    }
    if "peer" in seconds:
        pairs = zip(seconds["peer"], seconds["wxml"], strict=True)
        row["ratio"] = round(statistics.median(theirs / ours for theirs, ours in pairs), 2)
    return row


def new_data(family: str, options: argparse.Namespace, channels: int) -> dict[str, Any]:
    """One row: the first step on data that no run has seen."""
    archive = options.folder / "archive" / PACKED
    with (
        tempfile.TemporaryDirectory() as cache,
        wxml_training(family, channels, archive, options.folder, Path(cache)) as training,
    ):
        first = training.first()
    figures = {"cpu_s": round(first.cpu_s, 2), "wall_s": round(first.wall_s, 2)}
    return {"case": f"{family}, {channels} channels", "first": {"wxml, new data": figures}}


def page(rows: list[dict[str, Any]]) -> str:
    """The page of tables."""
    steps = [
        (row["case"], "on" if row["checkpointed"] else "off", row["cpu_ms"]["wxml"], row["cpu_ms"].get("peer", "–"),
         row.get("ratio", "–"), row["peak_mib"]["wxml"], row["peak_mib"].get("peer", "–"))
        for row in rows if "cpu_ms" in row
    ]  # fmt: skip
    firsts = [(row["case"], who, one["cpu_s"], one["wall_s"]) for row in rows for who, one in row["first"].items()]
    return "\n".join(
        [
            "# A training step, side by side\n",
            f"{machine()}; threads: 1; float32, batch 1; 10 000 points, 40 variables, 2562 mesh nodes, 4 layers.",
            "Ratios are the peer's over wxml's; what is measured and how: `benchmarks/train_step.py`.\n",
            table(HEADER, steps),
            "## The first step\n",
            "From the start of the command to the end of the first step. Wall time says little on a busy machine.\n",
            table(FIRST, firsts),
        ]
    )


def main() -> None:
    """Read the command line, measure, write."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--quick", action="store_true", help="three steps of each: shows that all runs")
    made.add_argument(
        "--families", nargs="+", choices=("gnn", "graph-transformer"), default=["gnn", "graph-transformer"]
    )
    made.add_argument("--channels", nargs="+", type=int, default=[64])
    made.add_argument("--steps", type=int, default=20)
    made.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "wxml-train-step")
    made.add_argument("--output", type=Path, default=OUTPUT)
    options = made.parse_args()
    options.steps = 3 if options.quick else options.steps
    options.peer = peer_python("anemoi.training", "WXML_PEERS_TRAINING")
    make_archive(options.folder / "archive", Size(500, 40, 100))
    rows: list[dict[str, Any]] = []
    for family in options.families:
        for channels in options.channels:
            show(new_data(family, options, channels), rows)
            for checkpointed in (True, False) if options.peer else (False,):
                show(compare(family, options, channels, checkpointed=checkpointed), rows)
                write_page(options.output, "train-step", page(rows), rows)


if __name__ == "__main__":
    main()
