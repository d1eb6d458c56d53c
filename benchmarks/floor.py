"""How far each kernel is from its floor: what the machine's own rates say that the work must take.

    python benchmarks/floor.py [--quick] [--kernels …] [--threads 1] [--runs 7] [--output docs/benchmarks]

With F the flops and B the bytes of a kernel, R the rate of float32 matrix products and M that of copying memory,

    floor = F / R + B / M        ratio = measured / floor

R is the best of the products [edges, C] [C, C], [nodes, C] [C, C] and [nodes, C] [C, 4C] into a result that is there
already, M that of copying 256 MiB, read and written bytes together. All are measured in turns with the kernel; the
ratio is the median over the turns. One thread: processor time; more: wall time.

N nodes, E edges, C channels, F features of an edge, w nodes on either side in a window, which makes
P = N (2w + 1) - w (w + 1) pairs. Flops of a forward pass; a backward pass has twice as many, those of two products for
each one, without what a kernel chooses to compute again:

    gather, segment sum, join      0 (one addition for each byte-bound number)
    edge attention                 4 E C + 4 E H F + 4 N C F      q·k, q·e, Σ α v, Σ α e, e projected from F features
    window attention               4 P C                          q·k and Σ α v
    feed-forward                   16 N C²                        C to 4C and back
    gnn layer                      12 N C² + 6 E C²               W_i x, W_j x and the node network; the edge network
    graph-transformer layer        26 N C² + edge attention       q, k, v, self and out, and feed-forward
    transformer layer              24 N C² + window attention     q, k, v and out, and feed-forward

Bytes of a forward pass: what goes in and what comes out, four for each number, once, as if all between stayed in the
cache. A backward pass reads what came in once more where products need it, and the gradient of what came out, and
writes the gradients of what came in. Indices and weights are not counted.

Each kernel is a process of its own. One JSON line for each kernel and pass; `floor.md` and `floor.jsonl` go to the
output folder.
"""

import argparse
import json
import statistics
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.environments import environment, machine
from bench.report import OUTPUT, show, table, write_page
from bench.workloads import PASSES, WINDOW

if TYPE_CHECKING:
    from bench.kernels import Kernel
    from bench.rates import Rates

Row = dict[str, Any]
NAMES = (
    "gather",
    "segment sum",
    "join",
    "edge attention",
    "window attention",
    "feed-forward",
    "gnn layer",
    "graph-transformer layer",
    "transformer layer",
)
HEADER = ("kernel", "pass", "ms", "GFLOP", "MB", "floor ms", "of it arithmetic", "ratio")


def one(name: str, options: argparse.Namespace) -> list[Row]:
    """In a process of its own: the rows of a kernel."""
    import torch
    from bench.kernels import KERNELS, Sizes, icosahedral_mesh
    from bench.rates import Rates

    torch.manual_seed(0)
    mesh = icosahedral_mesh(2 if options.quick else 5)
    channels = 32 if options.quick else 128
    size = Sizes(len(mesh.nodes), len(mesh.edges), channels, 16, WINDOW)
    shapes = [(size.edges, channels, channels), (size.nodes, channels, channels), (size.nodes, channels, 4 * channels)]
    rates, kernel = Rates(shapes, options.threads), KERNELS[name](mesh, size)
    head = {"kernel": name, "threads": options.threads, "torch": torch.__version__, "size": asdict(size)}
    return [{**head, "pass": which, **measure(kernel, which, rates, options.runs)} for which in PASSES]


def measure(kernel: "Kernel", which: str, rates: "Rates", runs: int) -> Row:
    """One pass: the machine's rates and the kernel in turns."""
    gradients, turns = kernel.gradients(), []
    flops, moved = kernel.work(which, gradients)
    kernel.run(which, gradients)
    for _ in range(runs):
        seconds = rates.seconds(lambda: kernel.run(which, gradients))
        turns.append((seconds, rates.flops_per_second(), rates.bytes_per_second()))
    ratio = statistics.median(spent / (flops / rate + moved / speed) for spent, rate, speed in turns)
    names = ("seconds", "flops_per_second", "bytes_per_second")
    medians = {name: statistics.median(column) for name, column in zip(names, zip(*turns, strict=True), strict=True)}
    return {"flops": flops, "bytes": moved, **medians, "ratio": round(ratio, 2)}


def measured(name: str, options: argparse.Namespace) -> list[Row]:
    """The rows of a kernel, or one that says why there are none."""
    command = [sys.executable, __file__, "--one", name, "--threads", str(options.threads), "--runs", str(options.runs)]
    run = {"env": environment(options.threads), "capture_output": True, "text": True, "timeout": options.timeout}
    try:
        done = subprocess.run([*command, *["--quick"] * options.quick], check=True, **run)
    except subprocess.TimeoutExpired:
        return [{"kernel": name, "failed": f"over {options.timeout:.0f} s"}]
    except subprocess.CalledProcessError as failure:
        words = failure.stderr.strip().splitlines() or [f"ended with {failure.returncode}"]
        return [{"kernel": name, "failed": words[-1][:300]}]
    rows: list[Row] = json.loads(done.stdout.strip().splitlines()[-1])
    return rows


def cells(row: Row) -> list[object]:
    """A row of the table."""
    arithmetic, copying = row["flops"] / row["flops_per_second"], row["bytes"] / row["bytes_per_second"]
    times = [f"{1e3 * seconds:.2f}" for seconds in (row["seconds"], arithmetic + copying)]
    share = f"{100 * arithmetic / (arithmetic + copying):.0f} %"
    work = [f"{row['flops'] / 1e9:.2f}", f"{row['bytes'] / 1e6:.1f}"]
    return [row["kernel"], row["pass"], times[0], *work, times[1], share, row["ratio"]]


def page(rows: list[Row]) -> str:
    """The page."""
    good = [row for row in rows if "failed" not in row]
    failures = [f"- {row['kernel']}: {row['failed']}" for row in rows if "failed" in row]
    parts = ["# How far from the floor\n", *(setting(good) if good else []), table(HEADER, map(cells, good))]
    return "\n".join([*parts, *(["Not measured:\n", *failures, ""] if failures else [])])


def setting(rows: list[Row]) -> list[str]:
    """The machine, its rates and the sizes."""
    flops, moved = (statistics.median(row[name] for row in rows) for name in ("flops_per_second", "bytes_per_second"))
    first, words = rows[0], ", ".join(f"{value} {name}" for name, value in rows[0]["size"].items())
    return [
        f"{machine()}; torch {first['torch']}; threads: {first['threads']}; float32. Matrix products {flops / 1e9:.0f}",
        f"GFLOP/s, copying {moved / 1e9:.0f} GB/s. {words}.",
        "Floor: arithmetic at the one rate plus bytes at the other; formulas: `benchmarks/floor.py`.\n",
    ]


def parser() -> argparse.ArgumentParser:
    """The command line; what is suppressed is how this file calls itself."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--quick", action="store_true", help="a small mesh, one run: shows that all runs")
    made.add_argument("--kernels", nargs="+", choices=NAMES, default=NAMES)
    made.add_argument("--threads", type=int, default=1)
    made.add_argument("--runs", type=int, default=7)
    made.add_argument("--timeout", type=float, default=240, help="seconds for one kernel")
    made.add_argument("--output", type=Path, default=OUTPUT)
    made.add_argument("--one", help=argparse.SUPPRESS)
    return made


def main() -> None:
    """Read the command line, measure, write."""
    options = parser().parse_args()
    options.runs = 1 if options.quick else options.runs
    if options.one:
        print(json.dumps(one(options.one, options)))
        return
    rows: list[Row] = []
    for name in options.kernels:
        for row in measured(name, options):
            show(row, rows)
        write_page(options.output, "floor", page(rows), rows)


if __name__ == "__main__":
    main()
