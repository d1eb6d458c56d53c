"""Forward, forward + backward and peak memory of wxml and of anemoi-models on the same work, in turns.

    python benchmarks/model_step.py [--quick] [--sizes tiny4 medium large] [--families gnn …] [--parts processor …]
                                    [--threads 2] [--pairs 5] [--seconds 40] [--output docs/benchmarks]

Both sides have the same graph (built once by anemoi-graphs where it is installed, and kept), the same channels, layers
and heads, batch 1, float32, the activation GELU, geometry and eight learned features at every node and edge, and no
gradient checkpointing. Their weights are their own: time does not depend on them; the numbers of weights are printed.
A `transformer` has a window of 512 nodes on either side, in both; its mappers are graph transformers, in both.

Each side of a case is a process of its own, so that the peak of one is not the other's; both stay alive and run in
turns. The first run of a pass shows the peak of the resident memory above what was there before any pass and is not
timed, unless it takes longer than `--seconds`: then it is the only one. Medians of the runs after it, and of the ratios
of those that followed each other. Processor time is of all threads. A side that fails or takes too long is named, and
the rest goes on.

The peer's interpreter is that of the folder `WXML_PEERS`, or this one where it has anemoi-models; without one, wxml is
measured alone. One JSON line for each pass; `model-step.md` and `model-step.jsonl` go to the output folder.
"""

import argparse
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench.environments import environment, machine, peer_python, wxml_python
from bench.pairs import Effort, Row, paired_rows
from bench.processes import Limits, start_side
from bench.report import OUTPUT, show, table, write_page
from bench.workloads import CASES, FAMILIES, PARTS, SIZES, SMOKE, Case
from wxml.files.folders import cache_folder

GIB = 2**20  # in kB, as /proc/meminfo counts
HEADER = (
    "case", "pass",
    "CPU ms wxml", "peer", "ratio",
    "wall ms wxml", "peer", "ratio",
    "peak MiB wxml", "peer", "ratio",
    "weights wxml", "peer", "pairs",
)  # fmt: skip


def built_graph(side: str, python: str, size: str, folder: Path) -> Path:
    """The file of a size's graph, made if it is not there."""
    shape = SIZES[size]
    path = folder / f"{shape.graph}-{side}.npz"
    if not path.is_file():
        command = [python, "-m", "bench.graph_file", side, str(shape.grid), str(shape.refinement), str(path)]
        subprocess.run(command, env=environment(1), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    return path


def graphs_of(sizes: list[str], peer: str | None, ours: str, folder: Path) -> tuple[dict[str, Path], str]:
    """The graph of each size and who built them: the peer where it can, else wxml's builder, which makes the same."""
    if peer:
        try:
            return {size: built_graph("peer", peer, size, folder) for size in sizes}, "anemoi-graphs"
        except subprocess.CalledProcessError as failure:
            print("anemoi-graphs failed:", failure.stderr.decode().strip().splitlines()[-1:], file=sys.stderr)
    return {size: built_graph("wxml", ours, size, folder) for size in sizes}, "wxml-graph-builders"


def free_gib() -> float:
    """Memory that a new process may count on."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) / GIB for line in lines if line.startswith("MemAvailable"))


def compare(case: Case, pythons: dict[str, str], graphs: dict[str, Path], options: argparse.Namespace) -> list[Row]:
    """The rows of a case."""
    limits = Limits(options.threads, options.timeout, 0.9 * free_gib())
    with ExitStack() as stack:
        sides = [
            stack.enter_context(start_side(name, python, case, graphs, limits)) for name, python in pythons.items()
        ]
        rows = paired_rows(sides, Effort(options.pairs, options.seconds))
        versions = {name: version for side in sides for name, version in side.ready.get("versions", {}).items()}
    head = {"case": case.name, "threads": options.threads, "versions": versions}
    return [{**head, **row} for row in rows]


def cells(row: Row) -> list[object]:
    """A row of the table; a dash where a side is missing."""
    sides = row.get("wxml", {}), row.get("peer", {}), row.get("ratio", {})
    groups = (("cpu_ms", "cpu"), ("wall_ms", "wall"), ("peak_mib", "memory"))
    figures = [(*(side.get(key, "–") for side in sides[:2]), sides[2].get(ratio, "–")) for key, ratio in groups]
    weights = [side.get("parameters", "–") for side in sides[:2]]
    return [row["case"], row["pass"], *(value for group in figures for value in group), *weights, row["pairs"]]


def page(rows: list[Row], origin: str) -> str:
    """The page of tables."""
    versions = {name: version for row in rows for name, version in row["versions"].items()}
    words = ", ".join(f"{name} {version}" for name, version in versions.items())
    failures = [f"- {row['case']}, {row['pass']}: {why}" for row in rows for why in row["failed"]]
    threads = rows[0]["threads"]
    return "\n".join(
        [
            "# A step of a model, side by side\n",
            f"{machine()}; {words}; threads: {threads}; float32, batch 1; graphs by {origin}.",
            "Ratios are the peer's over wxml's, above 1 where wxml is faster or leaner; what is measured and how:",
            "[index](index.md).\n",
            table(HEADER, map(cells, rows)),
            *(["Not measured:\n", *failures, ""] if failures else []),
        ]
    )


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--quick", action="store_true", help="the smallest size alone, one pair: shows that all runs")
    made.add_argument("--sizes", nargs="+", choices=SIZES, default=[size for size in SIZES if size != SMOKE])
    made.add_argument("--families", nargs="+", choices=FAMILIES, default=FAMILIES)
    made.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    made.add_argument("--threads", type=int, default=2)
    made.add_argument("--pairs", type=int, default=5, help="timed pairs of runs of each pass")
    made.add_argument("--seconds", type=float, default=40, help="no new pair of a pass after so long")
    made.add_argument("--timeout", type=float, default=300, help="seconds for one run of one side")
    made.add_argument("--cache", type=Path, default=cache_folder() / "benchmarks", help="where graphs are kept")
    made.add_argument("--output", type=Path, default=OUTPUT)
    return made


def chosen_cases(options: argparse.Namespace) -> list[Case]:
    """In the order of the table."""
    return [
        case
        for case in CASES
        if case.size in options.sizes and case.family in options.families and case.part in options.parts
    ]


def main() -> None:
    """Read the command line, measure, write."""
    options = parser().parse_args()
    if options.quick:
        options.sizes, options.pairs = [SMOKE], 1
    peer = peer_python()
    ours = wxml_python(peer)
    pythons = {"wxml": ours} | ({"peer": peer} if peer else {})
    graphs, origin = graphs_of(list({SMOKE, *options.sizes}), peer, ours, options.cache)
    rows: list[dict[str, Any]] = []
    for case in chosen_cases(options):
        for row in compare(case, pythons, graphs, options):
            show({**row, "graph": origin}, rows)
        write_page(options.output, "model-step", page(rows, origin), rows)


if __name__ == "__main__":
    main()
