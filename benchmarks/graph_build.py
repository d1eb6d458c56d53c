"""Building graphs, and reading them from the cache; beside anemoi-graphs in one run, where it is installed.

    python benchmarks/graph_build.py [--cases "o96 r6" …] [--runs 3] [--seconds 300] [--quick]

Cases are octahedral and reduced Gaussian grids with an icosahedral mesh of refinement 5, 6 and 7 (encoder: radius 0.6
and at most 64 nodes; levels of the mesh from 1; decoder: the 3 nearest; length and direction of each edge), two
stretched meshes with a finer region, and grids and meshes that grow together. Every build runs in a process of its own,
on one thread, after a small one that does not count; the peer builds the same graph right after, if
`WXML_PEERS_GRAPHS` names an environment with it, as `nox -s peer_graphs` makes one. A side that takes longer than
`--seconds` is stopped, and one that asks for more than `--memory-gib` has failed.

The peer gets the area weights of its nodes from a spherical Voronoi diagram. wxml knows them from the rows of a
Gaussian grid (`known`); of nodes without rows it takes a Voronoi diagram too (`voronoi`). Both are also timed without
areas (`none`).

Prints one JSON line for each build and writes `graph-build.md`, with its measurements and a plot beside it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from bench.environments import environment, machine, peer_python
from bench.graph_cases import CASES, GROWTH, QUICK, REGIONS, Case, grid_of
from bench.graph_plot import draw, exponent
from bench.report import OUTPUT, show, table, write_page

Row = dict[str, Any]
PEER = "anemoi-graphs"
SIDES = {"known": "known", "voronoi": "known", "none": "none"}
"""How wxml gets the areas, and how the peer's build that it is compared with does."""
ONE_RUN = 200_000
"""Points from which on a case is built once."""
WHAT = """What is built, and how it is measured: the first lines of `benchmarks/graph_build.py`. Times are of the
processor, and ratios above 1 say that wxml is faster or leaner; `load` is how many processes wanted a core in the
minute before a build."""
MEMORY = """The peak is what the first build takes beyond what was there before it, with the order that edges have in a
backward pass, which is made when it is first asked for; the graph is what is left of it.
Edges: grid → mesh, mesh → mesh, mesh → grid. The icosahedra of the two lie differently over the grid, so that counts
differ a little. Both leave mesh nodes alone that have no grid point near them: many where the mesh is finer than the
grid. (As a rule wxml joins each of these to the nearest point; here `join_left_out: false` says otherwise.) At n320 r5
some grid points have 64 others nearer to each mesh node: the peer leaves these unread, and wxml, which refuses such a
graph, joins each of them."""
CACHE = """A graph that took longer than a second is kept. `read`: the file is read, its checksums (SHA-256) are
compared, and the graph is made of it. `whole call`: also what the name of the file needs, hashes of the options, of the
grid and of the code of the plugins; that of the code is for an installation from a checkout, as here. The order that
edges have in a backward pass is no part of any of these figures: it is made when it is first asked for."""
SHORT = 0.5
"""Seconds; nobody keeps a graph that is built in less."""


def chosen_cases(options: argparse.Namespace) -> list[Case]:
    """The cases of the command line, each once."""
    known = QUICK if options.quick else [*CASES, *REGIONS, *GROWTH]
    names = {case.name: case for case in known}
    wrong = [name for name in options.cases or [] if name not in names]
    if wrong:
        sys.exit(f"error: `--cases` must be some of {', '.join(map(repr, names))}, got {wrong[0]!r}")
    return [case for name, case in names.items() if not options.cases or name in options.cases]


def work_of(case: Case, peer: str | None) -> Iterator[tuple[str, str]]:
    """Sides and ways to areas: each of ours, and the peer's after it."""
    ways = ("none",) if case.finer is not None else ("known",) if case in GROWTH else ("known", "voronoi", "none")
    for areas in ways:
        yield "wxml", areas
        if peer and areas != "voronoi":
            yield "peer", areas


def built(side: str, case: Case, areas: str, folder: Path, options: argparse.Namespace) -> Row:
    """The line that a process prints about one build, or why there is none."""
    nodes, small = folder / f"{case.grid}-{case.side}.npy", folder / "small.npy"
    python = options.peer if side == "peer" else sys.executable
    runs = 1 if np.load(nodes, mmap_mode="r").shape[1] > ONE_RUN else options.runs
    command = [python, "-m", "bench.graph_worker", side, json.dumps(asdict(case)), areas, "--runs", str(runs)]
    command += ["--nodes", str(nodes), "--small-nodes", str(small), "--memory-gib", str(options.memory_gib)]
    command += ["--cached"] * (areas != "voronoi" and case not in GROWTH)
    variables = {**environment(options.threads), "WXML_CACHE": str(folder / "cache"), "HOME": str(folder)}
    try:
        done = subprocess.run(
            command, env=variables, capture_output=True, text=True, timeout=options.seconds, check=False
        )
    except subprocess.TimeoutExpired:
        return {"failed": f"it was stopped after {options.seconds:.0f} s of wall time"}
    if done.returncode:
        return {"failed": (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1][-300:]}
    found: Row = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(cases: list[Case], options: argparse.Namespace) -> list[Row]:
    """Build every case."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.save(folder / "small.npy", places(Case("o8", 2)))
        for case in cases:
            grid = places(case)
            np.save(folder / f"{case.grid}-{case.side}.npy", grid)
            for side, areas in work_of(case, options.peer):
                load = round(os.getloadavg()[0], 1)
                found = built(side, case, areas, folder, options)
                who = PEER if side == "peer" else "wxml"
                head = {"case": case.name, "side": who, "areas": areas, "points": grid.shape[1]}
                show({**head, **found, "load": load}, rows)
    return rows


def places(case: Case) -> np.ndarray:
    """Latitudes and longitudes in degrees, shape `[2, point]`."""
    grid = grid_of(case)
    return np.stack([grid.latitudes, grid.longitudes])


def pick(rows: list[Row], case: Case, side: str, areas: str) -> Row:
    """The measurement of one build; empty if there is none."""
    return next((r for r in rows if (r["case"], r["side"], r["areas"]) == (case.name, side, areas)), {})


def ratio(theirs: Row, ours: Row, key: str) -> str:
    """The peer's over ours."""
    return f"{theirs[key] / ours[key]:.1f}" if theirs.get(key, 0) > 0 and ours.get(key, 0) > 0 else ""


def cell(row: Row, key: str) -> str:
    """A figure, or that there is none; the reason is in the measurements."""
    return f"{row[key]:.3g}" if key in row else "failed" if "failed" in row else ""


def time_table(rows: list[Row], cases: list[Case]) -> str:
    """Processor time of both, and the ratios."""
    head = ["case", "points", "areas", "wxml s", "peer s", "peer / wxml", "of wall time", "load"]
    lines = []
    for case in cases:
        for areas, theirs in SIDES.items():
            ours, other = pick(rows, case, "wxml", areas), pick(rows, case, PEER, theirs)
            if ours:
                ratios = [ratio(other, ours, key) for key in ("cpu_s", "wall_s")]
                line = [case.name, ours["points"], areas, cell(ours, "cpu_s"), cell(other, "cpu_s"), *ratios]
                lines.append([*line, ours["load"]])
    return table(head, lines)


def size_table(rows: list[Row], cases: list[Case]) -> str:
    """Edges, the graph, and the peaks of both."""
    head = [
        "case",
        "wxml edges",
        "peer edges",
        "graph MiB",
        "wxml peak MiB",
        "peak / graph",
        "peer peak MiB",
        "peer / wxml",
    ]
    lines = []
    for case in cases:
        areas = "known" if case.finer is None else "none"
        ours, other = pick(rows, case, "wxml", areas), pick(rows, case, PEER, areas)
        edges = ["/".join(str(count) for count in row.get("edges", {}).values()) for row in (ours, other)]
        of_graph = f"{ours['peak_MiB'] / ours['graph_MiB']:.2f}" if "graph_MiB" in ours else ""
        line = [case.name, *edges, cell(ours, "graph_MiB"), cell(ours, "peak_MiB"), of_graph]
        lines.append([*line, cell(other, "peak_MiB"), ratio(other, ours, "peak_MiB")])
    return table(head, lines)


def failures(rows: list[Row]) -> str:
    """Why there are no figures of some builds."""
    return "\n".join(f"- {row['side']} failed at {row['case']}: {row['failed']}." for row in rows if "failed" in row)


def shares(row: Row, what: str) -> list[str]:
    """The processor time that `what` takes, and its shares of the build's processor and wall time."""
    if f"{what}_cpu_s" not in row:
        return ["", "", ""]
    return [
        cell(row, f"{what}_cpu_s"),
        *(f"{100 * row[f'{what}_{key}'] / row[key]:.1f} %" for key in ("cpu_s", "wall_s")),
    ]


def cache_table(rows: list[Row], cases: list[Case]) -> str:
    """Reading from the cache against building, of graphs that are worth it."""
    head = ["case", "build s", "read s", "read / build", "of wall time", "whole call s", "call / build", "of wall time"]
    lines = []
    for case in cases:
        ours = pick(rows, case, "wxml", "none")
        if "read_cpu_s" in ours and ours["cpu_s"] > SHORT:
            whole = "call" if "call_cpu_s" in ours else "read"  # an earlier run had the whole call alone
            line = [case.name, cell(ours, "cpu_s"), *shares(ours, "read" if whole == "call" else "")]
            lines.append([*line, *shares(ours, whole)])
    return table(head, lines)


def growth(rows: list[Row], cases: list[Case], path: Path) -> str:
    """The plot of the cases that grow, and its exponents in words."""
    names = [case.name for case in cases]
    rows = [row for row in rows if row["areas"] == "known"]
    measured = [row for row in rows if row["case"] in names and "cpu_s" in row]
    sides = {side: [row for row in measured if row["side"] == side] for side in ("wxml", PEER)}
    if len(sides["wxml"]) < 2:
        return ""
    draw(sides, path)
    said = []
    for side, found in sides.items():
        if len(found) > 1:
            powers = [exponent([r["points"] for r in found], [r[key] for r in found]) for key in ("cpu_s", "peak_MiB")]
            said.append(f"{side}: time n^{powers[0]:.2f}, memory n^{powers[1]:.2f}")
    head = ["case", "points", "wxml s", "wxml peak MiB", "peer s", "peer peak MiB"]
    lines = []
    for case in cases:
        both = [pick(rows, case, side, "known") for side in sides]
        figures = [cell(row, key) for row in both for key in ("cpu_s", "peak_MiB")]
        lines.append([case.name, both[0].get("points", ""), *figures])
    text = f"With n points, and a mesh that grows with them: {'; '.join(said)}.\n"
    return f"## Growth\n\n![cost against points]({path.name})\n\n{text}\n{table(head, lines)}"


def earlier(path: Path, cases: list[Case], what: str) -> list[Row]:
    """The builds of other cases that the page has; each says of which run it is."""
    names = {case.name for case in cases}
    kept = [json.loads(line) for line in path.read_text().splitlines()]
    return [{"earlier": what, **row} for row in kept if row["case"] not in names]


def runs_of(rows: list[Row]) -> str:
    """Which cases are of an earlier run, and what was other then."""
    found: dict[str, list[str]] = {}
    for row in rows:
        if "earlier" in row and row["case"] not in found.setdefault(row["earlier"], []):
            found[row["earlier"]].append(row["case"])
    return "\n".join(f"- Of an earlier run, {what}: {', '.join(names)}." for what, names in found.items())


def page(rows: list[Row], cases: list[Case], options: argparse.Namespace) -> str:
    """The whole page."""
    fixed = [case for case in cases if case not in GROWTH]
    versions = f"wxml-graph-builders {version('wxml-graph-builders')}; {peer_version(options.peer)}"
    header = f"{machine()}; {versions}; threads: {options.threads}."
    drawn = growth(rows, QUICK if options.quick else GROWTH, options.output / "graph-build.png")
    parts = ["# Building graphs", header, WHAT, runs_of(rows), "## Time", time_table(rows, fixed), "## Memory", MEMORY]
    parts += [size_table(rows, fixed), failures(rows), "## The cache", CACHE, cache_table(rows, fixed), drawn]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def peer_version(python: str | None) -> str:
    """The peer's version, or that there is none."""
    if python is None:
        return f"without {PEER}"
    code = f"import importlib.metadata as m; print(m.version({PEER!r}), 'with torch', m.version('torch'))"
    return f"{PEER} {subprocess.run([python, '-c', code], capture_output=True, text=True, check=True).stdout.strip()}"


def main() -> int:
    """Read the command line, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", metavar="CASE", help="such as 'o96 r6'; all if nothing is said")
    parser.add_argument("--runs", type=int, default=3, help=f"builds of grids of up to {ONE_RUN} points")
    parser.add_argument("--seconds", type=float, default=300, help="a process that takes longer is stopped")
    parser.add_argument("--memory-gib", type=float, default=8, help="a process that asks for more has failed")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="small graphs: shows that all runs")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument(
        "--earlier",
        metavar="TEXT",
        help="the page keeps its figures of other cases; what was other when they were made",
    )
    options = parser.parse_args()
    options.peer = peer_python("anemoi.graphs", "WXML_PEERS_GRAPHS")
    cases = chosen_cases(options)
    options.output.mkdir(parents=True, exist_ok=True)
    kept = earlier(options.output / "graph-build.jsonl", cases, options.earlier) if options.earlier else []
    rows = [*kept, *measure(cases, options)]
    shown = [case for case in [*CASES, *REGIONS, *GROWTH, *QUICK] if any(row["case"] == case.name for row in rows)]
    write_page(options.output, "graph-build", page(rows, shown, options), rows)
    return 1 if any("failed" in row and row["side"] == "wxml" for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
