"""How the cost of a processor grows with nodes, edges, channels and batch: processor time and peak memory.

    python benchmarks/scaling.py [--quick] [--variables nodes edges channels batch] [--families gnn …]
                                 [--threads 1] [--runs 3] [--output docs/benchmarks]

Two layers on a mesh of 10 242 evenly spread nodes with 8 edges into each, 64 channels, 4 heads, a window of 512 nodes
on either side, batch 1; one of these changes at a time (edges: how many into each node; a transformer reads none). Each
point is a process of its own: forward + backward, the peak of the first run above what was there before it, and the
median processor time of the runs after it. The exponent is the slope of the straight line through the logarithms.

One JSON line for each point; `scaling.md`, `scaling.jsonl` and a plot for each variable go to the output folder.
"""

import argparse
import json
import statistics
import subprocess
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.environments import environment, machine
from bench.report import OUTPUT, show, table, write_page
from bench.workloads import FAMILIES

if TYPE_CHECKING:
    from bench.passes import Subject

WHICH = "forward + backward"
Row = dict[str, Any]


@dataclass(frozen=True)
class Point:
    """One process's work."""

    family: str
    nodes: int = 10242
    edges: int = 8
    """Into each node."""
    channels: int = 64
    batch: int = 1
    layers: int = 2
    heads: int = 4


VALUES = {
    "nodes": (2562, 10242, 40962, 163842),
    "edges": (4, 8, 16, 32),
    "channels": (32, 64, 128, 256),
    "batch": (1, 2, 4, 8),
}
QUICK = {"nodes": (162, 642), "edges": (4, 8), "channels": (16, 32), "batch": (1, 2)}
HEADER = ("family", "value", "CPU ms", "peak MiB")


def subject(point: Point) -> "Subject":
    """The processor and its input."""
    import torch
    from bench.lattice import lattice_mesh
    from bench.passes import Subject
    from bench.wxml_models import wxml_processor
    from wxml.model.processor import ProcessorChannels

    torch.manual_seed(0)
    mesh = lattice_mesh(point.nodes, point.edges)
    processor = wxml_processor(point.family, mesh, ProcessorChannels(point.channels), point.layers, point.heads)
    state = torch.randn(point.batch, point.nodes, point.channels, requires_grad=True)
    return Subject(processor, (state,), lambda: processor(state))


def one(point: Point, options: argparse.Namespace) -> Row:
    """In a process of its own: what the point costs."""
    import torch
    from bench.memory import give_back_memory, resident_mib
    from bench.passes import cost

    torch.set_num_threads(options.threads)
    subject(replace(point, nodes=162, channels=16)).run(WHICH)  # what libraries load on first use is no part of it
    large = subject(point)
    give_back_memory()
    base = resident_mib()
    peak = cost(large, WHICH)["peak_mib"] - base
    seconds = statistics.median(cost(large, WHICH)["cpu_s"] for _ in range(options.runs))
    return {"cpu_s": seconds, "peak_mib": peak, "torch": torch.__version__}


def measured(point: Point, options: argparse.Namespace) -> Row:
    """The point's figures, or why there are none."""
    command = [sys.executable, __file__, "--one", json.dumps(asdict(point))]
    command += ["--threads", str(options.threads), "--runs", str(options.runs)]
    run = {"env": environment(options.threads), "capture_output": True, "text": True, "timeout": options.timeout}
    try:
        done = subprocess.run(command, check=True, **run)
    except subprocess.TimeoutExpired:
        return {"failed": f"over {options.timeout:.0f} s"}
    except subprocess.CalledProcessError as failure:
        return {"failed": (failure.stderr.strip().splitlines() or [f"ended with {failure.returncode}"])[-1][:300]}
    row: Row = json.loads(done.stdout.strip().splitlines()[-1])
    return row


def page(rows: list[Row], options: argparse.Namespace) -> str:
    """Plots and figures, variable by variable."""
    torch = next((row["torch"] for row in rows if "torch" in row), "none")
    setting = f"{machine()}; torch {torch}; threads: {options.threads}; float32; forward + backward of two layers."
    parts = ["# How the cost grows\n", setting, "What is fixed while one variable changes: [index](index.md).\n"]
    for variable in options.variables:
        found = [row for row in rows if row["variable"] == variable]
        parts += [f"## {variable}\n", f"![cost against {variable}](scaling-{variable}.png)\n"]
        parts += [table(HEADER, [(row["family"], row["value"], *figures(row)) for row in found])]
        parts += [f"- {row['family']}, {row['value']}: {row['failed']}" for row in found if "failed" in row]
    return "\n".join(parts) + "\n"


def figures(row: Row) -> tuple[str, str]:
    """Milliseconds and MiB, or dashes."""
    return ("–", "–") if "failed" in row else (f"{1e3 * row['cpu_s']:.1f}", f"{row['peak_mib']:.1f}")


def parser() -> argparse.ArgumentParser:
    """The command line; what is suppressed is how this file calls itself."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--quick", action="store_true", help="small points, one run: shows that all runs")
    made.add_argument("--variables", nargs="+", choices=VALUES, default=list(VALUES))
    made.add_argument("--families", nargs="+", choices=FAMILIES, default=list(FAMILIES))
    made.add_argument("--threads", type=int, default=1)
    made.add_argument("--runs", type=int, default=3)
    made.add_argument("--timeout", type=float, default=240, help="seconds for one point")
    made.add_argument("--output", type=Path, default=OUTPUT)
    made.add_argument("--one", help=argparse.SUPPRESS)
    return made


def points(options: argparse.Namespace) -> list[tuple[str, Point]]:
    """Every variable, family and value; edges are nothing to a transformer."""
    values = QUICK if options.quick else VALUES
    fixed = {"nodes": 642} if options.quick else {}
    return [
        (variable, Point(**{"family": family, **fixed, variable: value}))
        for variable in options.variables
        for family in options.families
        if (variable, family) != ("edges", "transformer")
        for value in values[variable]
    ]


def main() -> None:
    """Read the command line, measure, write."""
    options = parser().parse_args()
    if options.one:
        print(json.dumps(one(Point(**json.loads(options.one)), options)))
        return
    from bench.scaling_plot import draw

    options.runs = 1 if options.quick else options.runs
    rows: list[Row] = []
    for variable, point in points(options):
        value = getattr(point, variable)
        show({"variable": variable, "family": point.family, "value": value, **measured(point, options)}, rows)
        write_page(options.output, "scaling", page(rows, options), rows)
    for variable in options.variables:
        draw(variable, rows, options.output / f"scaling-{variable}.png")


if __name__ == "__main__":
    main()
