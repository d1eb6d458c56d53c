"""A process that holds one subject and runs a pass whenever it is asked to.

    python -m bench.worker {wxml|peer} SIZE FAMILY PART --graph FILE --warm-up FILE [--threads 2] [--memory-gib 16]

It first runs the smallest size of the same part, so that what libraries load on first use is no part of the figures.
Then it writes a line with the parameters and the resident memory before any pass, and one line for each line read from
standard input, which is one of `bench.workloads.PASSES`.
"""

import argparse
import json
import os
import resource
import sys
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version

import torch

from bench.graph_file import read
from bench.memory import give_back_memory, resident_mib
from bench.passes import Subject, cost
from bench.workloads import PASSES, SMOKE, Case


def subject_of(side: str, case: Case, graph: str) -> Subject:
    """Built by one of the two."""
    torch.manual_seed(0)
    if side == "peer":
        from bench.peer_models import peer_subject

        return peer_subject(case, read(graph))
    from bench.wxml_models import wxml_subject

    return wxml_subject(case, read(graph))


def warm_up(side: str, case: Case, graph: str) -> None:
    """Both passes at the smallest size."""
    subject = subject_of(side, replace(case, size=SMOKE), graph)
    for which in PASSES:
        subject.run(which)


def installed(package: str) -> str:
    """Its version, or that it is the working tree where it is not installed here."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "working tree"


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("side", "size", "family", "part"):
        parser.add_argument(name)
    parser.add_argument("--graph", required=True)
    parser.add_argument("--warm-up", required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory-gib", type=float, default=0, help="more than this is refused; 0: no limit")
    return parser.parse_args()


def main() -> None:
    """Build, then answer."""
    chosen = options()
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever a library prints is no answer
    if chosen.memory_gib:
        most = int(chosen.memory_gib * 2**30)
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    torch.set_num_threads(chosen.threads)
    case = Case(chosen.size, chosen.family, chosen.part)
    warm_up(chosen.side, case, chosen.warm_up)
    subject = subject_of(chosen.side, case, chosen.graph)
    give_back_memory()
    package = "anemoi-models" if chosen.side == "peer" else "wxml-core"
    versions = {"torch": torch.__version__, package: installed(package)}
    ready = {"parameters": subject.parameters, "base_mib": resident_mib(), "versions": versions}
    print(json.dumps(ready), file=answers)
    for line in sys.stdin:
        print(json.dumps(cost(subject, line.strip())), file=answers)


if __name__ == "__main__":
    main()
