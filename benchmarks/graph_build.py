"""How long it takes to build the graph of a global grid; and how long anemoi-graphs takes, if it is installed apart.

    python benchmarks/graph_build.py [--grids o32 o96 o320] [--refinements 4 5 6] [--runs 3]

Every case runs in a process of its own, on one thread, and prints one JSON line: edges, and the median wall and CPU
seconds of the runs after one that does not count. Where the environment variable `WXML_PEERS` names an environment
that can import anemoi-graphs, or this one can, the peer builds the same graph of the same nodes right after (radius
0.6 and at most 64 nodes, levels from 1, 3 nearest), and a line gives the ratio of its time to ours: above 1, ours is
faster. Both are timed twice: with the area weights of the grid, which wxml gets from the grid's rows and the peer from
a spherical Voronoi diagram, and without. On a busy machine look at the CPU seconds.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.environments import peer_python

AREAS = {True: "with area weights", False: "without area weights"}
ENCODER_RADIUS, ENCODER_MAXIMUM, DECODER_NEAREST = 0.6, 64, 3


def timed(build: Callable[[], dict[str, int]], runs: int) -> dict[str, object]:
    """The edges that `build` counts, and the median seconds of so many runs after one that does not count."""
    edges = build()
    wall, cpu = [], []
    for _ in range(runs):
        start = time.perf_counter(), time.process_time()
        build()
        wall.append(time.perf_counter() - start[0])
        cpu.append(time.process_time() - start[1])
    medians = {"wall_s": round(statistics.median(wall), 4), "cpu_s": round(statistics.median(cpu), 4)}
    return {"edges": edges, **medians, "runs_wall_s": [round(seconds, 4) for seconds in wall]}


def ours(number: int, refinement: int, areas: bool) -> Callable[[], dict[str, int]]:
    """Builds with wxml; the grid itself, whose area weights come with it, is part of the work where they count."""
    from wxml.data.grid import Grid
    from wxml_graph_builders import Icosahedral, NearestEdges, RadiusEdges

    builder = Icosahedral(
        refinement=refinement,
        coarsest=1,
        encoder=RadiusEdges(radius=ENCODER_RADIUS, maximum=ENCODER_MAXIMUM),
        decoder=NearestEdges(nearest=DECODER_NEAREST),
    )
    ready = None if areas else Grid.octahedral(number)

    def build() -> dict[str, int]:
        graph = builder.build(ready or Grid.octahedral(number))
        return {f"{source}>{target}": len(edges) for (source, target), edges in graph.edges.items()}

    return build


def peer(nodes: str, refinement: int, areas: bool) -> Callable[[], dict[str, int]]:
    """Builds with anemoi-graphs; `nodes` is the file with latitudes and longitudes."""
    import logging

    import numpy as np
    from anemoi.graphs.create import GraphCreator  # type: ignore[import-not-found]
    from anemoi.utils.config import DotDict  # type: ignore[import-not-found]

    logging.disable(logging.WARNING)
    latitudes, longitudes = np.load(nodes)

    def build() -> dict[str, int]:
        graph = GraphCreator(DotDict(peer_recipe(latitudes, longitudes, refinement, areas))).create()
        return {f"{kind[0]}>{kind[2]}": int(graph[kind].edge_index.shape[1]) for kind in graph.edge_types}

    return build


def peer_recipe(latitudes: object, longitudes: object, refinement: int, areas: bool) -> dict[str, object]:
    """What anemoi-graphs is asked for: nodes, edges, and the same edge features as wxml's."""
    nodes, edges = "anemoi.graphs.nodes", "anemoi.graphs.edges"
    grid: dict[str, object] = {
        "node_builder": {"_target_": f"{nodes}.LatLonNodes", "latitudes": latitudes, "longitudes": longitudes}
    }
    if areas:
        weights = {"_target_": f"{nodes}.attributes.SphericalAreaWeights", "norm": "unit-max", "fill_value": 0}
        grid["attributes"] = {"area_weight": weights}
    features = {
        "edge_length": {"_target_": f"{edges}.attributes.EdgeLength", "norm": "unit-std"},
        "edge_dirs": {"_target_": f"{edges}.attributes.EdgeDirection", "norm": "unit-std"},
    }
    builders = {
        ("grid", "mesh"): {
            "_target_": f"{edges}.CutOffEdges",
            "cutoff_factor": ENCODER_RADIUS,
            "max_num_neighbours": ENCODER_MAXIMUM,
        },
        ("mesh", "mesh"): {"_target_": f"{edges}.MultiScaleEdges", "x_hops": 1, "scale_resolutions": refinement},
        ("mesh", "grid"): {"_target_": f"{edges}.KNNEdges", "num_nearest_neighbours": DECODER_NEAREST},
    }
    mesh = {"node_builder": {"_target_": f"{nodes}.TriNodes", "resolution": refinement}}
    joined = [
        {"source_name": source, "target_name": target, "edge_builders": [builder], "attributes": features}
        for (source, target), builder in builders.items()
    ]
    return {"nodes": {"grid": grid, "mesh": mesh}, "edges": joined, "post_processors": []}


def one_case(options: argparse.Namespace) -> None:
    """Time one case in this process and print it."""
    grid, refinement, areas = options.grids[0], options.refinements[0], options.areas == "with"
    build = peer(options.peer, refinement, areas) if options.peer else ours(int(grid[1:]), refinement, areas)
    who = "anemoi-graphs" if options.peer else "wxml"
    result = timed(build, options.runs)
    print(json.dumps({"who": who, "grid": grid, "refinement": refinement, "timed": AREAS[areas], **result}))


def in_process(python: str, *arguments: str) -> dict[str, object]:
    """Run this file with another interpreter, on one thread; print the line that it prints, or why there is none."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    command = [python, str(Path(__file__).resolve()), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **threads})
    if done.returncode:
        result: dict[str, object] = {"command": command, "failed": done.stderr[-500:]}
    else:
        result = json.loads(done.stdout.strip().splitlines()[-1])
    print(json.dumps(result), flush=True)
    return result


def compare(grid: str, refinement: int, areas: bool, runs: int, nodes: Path) -> bool:
    """Print our line and, where there is a peer, its line and the ratio; tells whether all went well."""
    case = ["--one", "--grids", grid, "--refinements", str(refinement), "--runs", str(runs)]
    case += ["--areas", "with" if areas else "without"]
    results = [in_process(sys.executable, *case)]
    if python := peer_python():
        results.append(in_process(python, *case, "--peer", str(nodes)))
    if any("failed" in result for result in results):
        return False
    if len(results) == 2:
        mine, theirs = results
        ratios = {f"ratio_{key}": round(theirs[key] / mine[key], 2) for key in ("wall_s", "cpu_s")}  # type: ignore[operator]
        print(json.dumps({"grid": grid, "refinement": refinement, "timed": AREAS[areas], **ratios}), flush=True)
    return True


def all_cases(options: argparse.Namespace) -> bool:
    """Compare every case; tells whether all went well."""
    import numpy as np
    from wxml.data.grid import Grid

    well = True
    with tempfile.TemporaryDirectory() as folder:
        for name in options.grids:
            grid = Grid.octahedral(int(name[1:]))
            nodes = Path(folder) / f"{name}.npy"
            np.save(nodes, np.stack([grid.latitudes, grid.longitudes]))
            for refinement in options.refinements:
                for areas in AREAS:
                    well &= compare(name, refinement, areas, options.runs, nodes)
    return well


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grids", nargs="+", default=["o32", "o96", "o320"], help="octahedral grids, such as o96")
    parser.add_argument("--refinements", nargs="+", type=int, default=[4, 5, 6])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--areas", choices=["with", "without"], default="with", help=argparse.SUPPRESS)
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        one_case(options)
        return 0
    return 0 if all_cases(options) else 1


if __name__ == "__main__":
    sys.exit(main())
