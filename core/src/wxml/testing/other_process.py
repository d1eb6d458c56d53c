"""A process beside this one that reads sources, as a worker of a data loader does."""

__all__ = ["read_elsewhere"]

import multiprocessing
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wxml.data.source import DataSource

PATIENCE = 600
"""Seconds that a worker process may take to start and to read."""
OF_ONE_TEST = "PYTEST_CURRENT_TEST"

Surroundings = tuple[tuple[str, ...], str, frozenset[tuple[str, str]]]

_kept: dict[Surroundings, ProcessPoolExecutor] = {}
"""The process of the last read, since to start one takes longest; it was born in these surroundings."""


def read_elsewhere(source: DataSource, times: NDArray[np.datetime64], names: Sequence[str]) -> NDArray[Any]:
    """Read in another process: `[time, member, variable, node]`.

    Raises:
        BrokenProcessPool: the process ended before it had read.
        TimeoutError: it did not read within `PATIENCE`.
    """
    try:
        return _process().submit(source.read, times, names).result(PATIENCE)
    except BaseException:
        _dismiss()
        raise


def _process() -> ProcessPoolExecutor:
    """The process that is kept; a new one where it would find other surroundings than this process has."""
    here = _surroundings()
    if here not in _kept:
        _dismiss()
        _kept[here] = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
    return _kept[here]


def _surroundings() -> Surroundings:
    """What a process takes over when it starts: where it imports from, its folder, its environment."""
    variables = frozenset(pair for pair in os.environ.items() if pair[0] != OF_ONE_TEST)
    return tuple(sys.path), os.getcwd(), variables


def _dismiss() -> None:
    """Let the process end once it has read."""
    while _kept:
        _kept.popitem()[1].shutdown(wait=False)
