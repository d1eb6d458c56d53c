"""A training step end to end, and the time to the first one, beside anemoi-training on the same data, in turns.

    python benchmarks/train_step.py [--quick] [--families gnn graph-transformer] [--sizes small medium]
                                    [--channels 64] [--steps 20] [--folder FOLDER] [--output docs/benchmarks]

`wxml train` and `anemoi-training train` run as a user would start them, on an archive of 40 variables and two input
times, with four layers, batch 1, float32, one thread: `medium` has 100 × 100 nodes and a mesh of 2562, `small` has
40 × 40 and 642, and `tiny`, that of `--quick`, 16 × 16 and 162. Reading, normalising,
forward, backward, optimiser and records are part of a step. Each is a process that stops itself after every step, so
that steps take turns whatever else the machine does: medians of processor time, and of the ratios of steps that
followed each other. The peer runs with its activation checkpointing, as its configs have it, and without; wxml without.

The peer reads in a process of its own, whose processor time is not counted; wxml's thread of the training is.

The first step of wxml is measured on data that it has not seen (statistics and graph are made) and, in each comparison,
on data that it has. The peer's statistics are stored with the data, and it makes its graph each time.

The peer's interpreter is that of the folder `WXML_PEERS_TRAINING`. Without one, wxml is measured alone; nothing is
measured if the page has figures of the peer, which would be lost.
"""

import argparse
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench.archive import PACKED, make_archive
from bench.environments import machine
from bench.report import table
from bench.step_pages import Page, measure_steps
from bench.trainings import SIZES, Case, Step, Training, peer_training, wxml_training

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


def compare(case: Case, options: argparse.Namespace, *, checkpointed: bool) -> dict[str, Any]:
    """One row: steps in turns."""
    archive = _archive(case, options)
    with ExitStack() as stack:
        sides = {"wxml": stack.enter_context(wxml_training(case, archive, options.folder, options.folder / "cache"))}
        if options.peer:
            peer = peer_training(options.peer, case, archive, options.folder, checkpointed=checkpointed)
            sides["peer"] = stack.enter_context(peer)
        first, seconds, peak = in_turns(sides, options.steps)
    medians = {name: round(1e3 * statistics.median(values), 1) for name, values in seconds.items()}
    row: dict[str, Any] = {
        "case": str(case),
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


def new_data(case: Case, options: argparse.Namespace) -> dict[str, Any]:
    """One row: the first step on data that no run has seen."""
    archive = _archive(case, options)
    with (
        tempfile.TemporaryDirectory() as cache,
        wxml_training(case, archive, options.folder, Path(cache)) as training,
    ):
        first = training.first()
    figures = {"cpu_s": round(first.cpu_s, 2), "wall_s": round(first.wall_s, 2)}
    return {"case": str(case), "first": {"wxml, new data": figures}}


def _archive(case: Case, options: argparse.Namespace) -> Path:
    """The archive of a case, made if it is not there."""
    folder: Path = options.folder / f"archive-{case.size}"
    make_archive(folder, SIZES[case.size].archive)
    return folder / PACKED


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
            f"{machine()}; threads: 1; float32, batch 1, 40 variables, 4 layers. medium: 10 000 points and 2562 mesh",
            "nodes; small: 1600 and 642.",
            "Ratios are the peer's over wxml's; what is measured and how: `benchmarks/train_step.py`.\n",
            table(HEADER, steps),
            "## The first step\n",
            "From the start of the command to the end of the first step. Wall time says little on a busy machine.\n",
            table(FIRST, firsts),
        ]
    )


def rows_of(case: Case, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """The first step on new data, and steps in turns: with the peer's checkpointing and without."""
    yield new_data(case, options)
    for checkpointed in (True, False) if options.peer else (False,):
        yield compare(case, options, checkpointed=checkpointed)


if __name__ == "__main__":
    measure_steps(Page("train-step", "anemoi.training", "WXML_PEERS_TRAINING", steps=20), __doc__, rows_of, page)
