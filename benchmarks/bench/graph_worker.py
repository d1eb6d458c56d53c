"""A process that builds one graph, and prints what it cost.

    python -m bench.graph_worker {wxml|peer} CASE AREAS [--runs 3] [--nodes FILE] [--cached]

CASE is a `Case` in JSON. It first builds a small graph of the same kind, so that what libraries load on first use is no
part of the figures. The peak is that of the resident memory during the first run, less what was resident before.
"""

import argparse
import json
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bench.graph_cases import Case, grid_of, peer_build, wxml_build, wxml_choice
from bench.memory import RESET, give_back_memory, resident_mib

PARTS = ("source", "target", "features", "pointers", "transpose", "source_pointers")
SMALL: dict[str, Any] = {"grid": "o8", "refinement": 2, "finer": None}


def cost(work: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    """What a piece of work gives, and its processor and wall seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    return result, {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall}


def measured(
    build: Callable[[], Any], runs: int, complete: Callable[[Any], Any] = lambda graph: None
) -> tuple[Any, dict[str, Any]]:
    """The first graph, the medians of the seconds of all runs, and the peak of the first one in MiB.

    The peak comes from all that `complete` makes of it, too.
    """
    give_back_memory()
    before = resident_mib()
    RESET.write_text("5")
    graph, spent = cost(build)
    complete(graph)
    peak = resident_mib("VmHWM") - before
    all_spent = [spent, *(cost(build)[1] for _ in range(runs - 1))]
    medians = {name: round(statistics.median(one[name] for one in all_spent), 4) for name in spent}
    return graph, {**medians, "runs": runs, "peak_MiB": round(peak, 1)}


def all_arrays(graph: Any) -> list[Any]:
    """The arrays of the edges; what is made when it is first asked for is made now."""
    return [getattr(edges, part) for edges in graph.edges.values() for part in PARTS]


def wxml_row(case: Case, areas: str, options: argparse.Namespace) -> dict[str, Any]:
    """Build with wxml; and keep the graph in the cache and read it again, if that is asked for."""
    small = replace(case, **SMALL)
    wxml_build(small, areas)()
    graph, row = measured(wxml_build(case, areas), options.runs, all_arrays)
    arrays = all_arrays(graph)
    arrays += [values for nodes in graph.nodes.values() for values in (nodes.latitudes, nodes.longitudes)]
    edges = {">".join(pair): len(each) for pair, each in graph.edges.items()}
    nodes = {name: len(each) for name, each in graph.nodes.items()}
    row |= {"nodes": nodes, "edges": edges, "graph_MiB": round(sum(each.nbytes for each in arrays) / 2**20, 1)}
    return row | (cached(case, small, areas, options.runs) if options.cached else {})


def cached(case: Case, small: Case, areas: str, runs: int) -> dict[str, float]:
    """The seconds in which a graph that is in the cache is read, its checksums compared, and of the whole call."""
    from wxml.files.kept_arrays import kept_arrays
    from wxml.graphs import cache
    from wxml.graphs.stored import stored_graph
    from wxml.plugins.options.choices import PluginChoice

    cache.WORTH_KEEPING = -1.0
    for each in (small, case):
        choice, grid = PluginChoice.model_validate(wxml_choice(each, areas)), grid_of(each)
        cache.built_graph(choice, grid)
    made_of = cache.ingredients(choice, grid)
    path = cache.cache_folder() / cache.kept_name("graph", made_of)

    def whole_call() -> Any:
        return cache.built_graph(choice, grid)

    def read() -> Any:
        return stored_graph(kept_arrays(path, made_of), len(grid), str(path))

    found = {}
    for what, work in (("call", whole_call), ("read", read)):
        spent = [cost(work)[1] for _ in range(max(runs, 3))]
        found |= {f"{what}_{name}": round(statistics.median(one[name] for one in spent), 4) for name in spent[0]}
    return found


def peer_row(case: Case, areas: str, options: argparse.Namespace) -> dict[str, Any]:
    """Build with anemoi-graphs."""
    peer_build(replace(case, **SMALL), areas, options.small_nodes)()
    edges, row = measured(peer_build(case, areas, options.nodes), options.runs)
    return {**row, "edges": edges}


def main() -> None:
    """Read the command line, build, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("side", "case", "areas"):
        parser.add_argument(name)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--nodes")
    parser.add_argument("--small-nodes")
    parser.add_argument("--cached", action="store_true")
    parser.add_argument("--memory-gib", type=float, default=8, help="more than this is refused")
    options = parser.parse_args()
    most = int(options.memory_gib * 2**30)
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    row = wxml_row if options.side == "wxml" else peer_row
    print(json.dumps(row(Case(**json.loads(options.case)), options.areas, options)))


if __name__ == "__main__":
    main()
