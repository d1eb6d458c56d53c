"""The command line of a script that measures a list of cases, one JSON line each."""

__all__ = ["measure_cases"]

import argparse
import json
from collections.abc import Callable, Sequence
from typing import Any

import torch


def measure_cases(
    description: str | None, cases: Sequence[tuple[int, ...]], measured: Callable[..., dict[str, Any]], rounds: int
) -> None:
    """Read the command line, measure each case on one thread, and print its figures.

    Args:
        description: what `--help` says.
        cases: the arguments of `measured`, the smallest case first.
        measured: makes the figures of a case; its last argument is the number of rounds.
        rounds: how many rounds there are by default.
    """
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--quick", action="store_true", help="one round of the smallest case: shows that all runs")
    made.add_argument("--rounds", type=int, default=rounds)
    options = made.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    for case in cases[:1] if options.quick else cases:
        print(json.dumps(measured(*case, 1 if options.quick else options.rounds)), flush=True)
