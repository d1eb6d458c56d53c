"""A forecast step, and the time to the first one, beside anemoi-inference with models of the same sizes, in turns.

    python benchmarks/forecast_step.py [--quick] [--families gnn graph-transformer] [--sizes small medium]
                                       [--channels 64] [--steps 40] [--folder FOLDER] [--output docs/benchmarks]

`wxml forecast` and `anemoi-inference run` run as a user would start them, on the data and with the models of
`train_step.py`: 40 variables, two input times, four layers, one forecast, float32, one thread. Neither writes a file.
Each is a process that stops itself after every step, so that steps take turns whatever else the machine does: medians
of processor time, and of the ratios of steps that followed each other.

The first step counts from the start of the command, with what `import torch` alone takes in the same environment beside
it. Memory is the peak after the tenth step and after the last.

The peer's interpreter is that of the folder `WXML_PEERS_INFERENCE`, with anemoi-inference and anemoi-training. Without
one, wxml is measured alone; nothing is measured if the page has figures of the peer, which would be lost.
"""

import argparse
import statistics
import subprocess
import sys
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

from bench.archive import make_archive
from bench.environments import environment, machine
from bench.forecasts import peer_forecast, wxml_forecast
from bench.report import table
from bench.step_pages import Page, measure_steps
from bench.trainings import SIZES, Case, Step

EARLY = 10
"""The memory after so many steps is compared with that after the last."""
HEADER = ("case", "CPU ms wxml", "peer", "ratio", "peak MiB wxml, early", "at the end", "peer, early", "at the end")
FIRST = ("case", "who", "first step, CPU s", "import torch alone, CPU s", "wall s")
TORCH = "import time; start = time.process_time(); import torch; print(time.process_time() - start)"


def compare(case: Case, options: argparse.Namespace) -> dict[str, Any]:
    """One row: steps in turns."""
    archive: Path = options.folder / f"archive-{case.size}"
    make_archive(archive, SIZES[case.size].archive)
    sides = {"wxml": wxml_forecast(case, archive, options.folder, options.steps + 1)}
    pythons = {"wxml": sys.executable}
    if options.peer:
        sides["peer"] = peer_forecast(options.peer, case, archive, options.folder, options.steps + 1)
        pythons["peer"] = options.peer
    with ExitStack() as stack:
        running = {name: stack.enter_context(side) for name, side in sides.items()}
        told: dict[str, list[Step]] = {name: [one.first()] for name, one in running.items()}
        for number in range(options.steps):
            for name in sorted(running, reverse=number % 2 == 1):
                told[name].append(running[name].step())
    seconds = {name: [b.cpu_s - a.cpu_s for a, b in pairwise(all_)] for name, all_ in told.items()}
    row: dict[str, Any] = {
        "case": str(case),
        "steps": options.steps,
        "cpu_ms": {name: round(1e3 * statistics.median(values), 1) for name, values in seconds.items()},
        "early_mib": {name: steps[min(EARLY, options.steps)].peak_mib for name, steps in told.items()},
        "peak_mib": {name: steps[-1].peak_mib for name, steps in told.items()},
        "first": {name: _first(told[name][0], pythons[name]) for name in told},
    }
    if "peer" in seconds:
        pairs = zip(seconds["peer"], seconds["wxml"], strict=True)
        row["ratio"] = round(statistics.median(theirs / ours for theirs, ours in pairs), 2)
    return row


def _first(step: Step, python: str) -> dict[str, float]:
    """The first step, and the import of torch in the same environment."""
    command = [python, "-c", TORCH]
    done = subprocess.run(command, env=environment(1), capture_output=True, text=True, check=True)
    return {"cpu_s": round(step.cpu_s, 2), "torch_s": round(float(done.stdout), 2), "wall_s": round(step.wall_s, 2)}


def page(rows: list[dict[str, Any]]) -> str:
    """The page of tables."""
    steps = [
        (
            row["case"],
            *(row["cpu_ms"].get(who, "–") for who in ("wxml", "peer")),
            row.get("ratio", "–"),
            *(row[when].get(who, "–") for who in ("wxml", "peer") for when in ("early_mib", "peak_mib")),
        )
        for row in rows
    ]
    firsts = [
        (row["case"], who, one["cpu_s"], one["torch_s"], one["wall_s"])
        for row in rows
        for who, one in row["first"].items()
    ]
    return "\n".join(
        [
            "# A forecast step, side by side\n",
            f"{machine()}; threads: 1; float32, one forecast, 40 variables, 4 layers. medium: 10 000 points and 2562",
            "mesh nodes; small: 1600 and 642; tiny: 256 and 162.",
            "Ratios are the peer's over wxml's; what is measured and how: `benchmarks/forecast_step.py`.\n",
            table(HEADER, steps),
            "## The first step\n",
            "From the start of the command to the end of the first step. Wall time says little on a busy machine.\n",
            table(FIRST, firsts),
        ]
    )


if __name__ == "__main__":
    measure_steps(
        Page("forecast-step", "anemoi.inference", "WXML_PEERS_INFERENCE", steps=40),
        __doc__,
        lambda case, options: iter([compare(case, options)]),
        page,
    )
