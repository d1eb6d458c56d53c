"""A process that reads an archive with wxml or with anemoi-datasets.

    python -m bench.data_readers {wxml|peer} FOLDER --threads 1

It writes a line with versions, and for each line `{"case": …, "shares": […]}` that it reads one with the seconds that
these reads took, the seconds of its processors, and a sum of what it read.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numcodecs  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray

PACKED, PLAIN, RAW = "packed.zarr", "plain.zarr", "raw.npy"
EDGE = 10
"""So many dates are cut off at both ends in the case `start and end`: one in so many of all of them."""
Read = Callable[[int], NDArray[np.float32]]
Case = tuple[Read, int]
"""What reads the sample of a number, and how many samples there are."""


def wxml_cases(folder: Path) -> dict[str, Case]:
    """Sources of wxml."""
    from wxml import create

    whole, plain = ({"plugin": "anemoi", "path": str(folder / name)} for name in (PACKED, PLAIN))
    names = create("data-source", "anemoi", {"path": whole["path"]}).header.names
    times = create("data-source", "anemoi", {"path": whole["path"]}).header.times
    half, edge = len(names) // 2, len(times) // EDGE
    selected = {"plugin": "subset", "source": whole}
    parts = [{**selected, "select": list(some)} for some in (names[:half], names[half:])]
    period = {"start": str(times[edge]), "end": str(times[-edge - 1])}
    choices: dict[str, tuple[dict[str, Any], int]] = {
        "one date": (whole, 1),
        "one date, half of the variables": (parts[0], 1),
        "one date, four variables": ({**selected, "select": list(names[:4])}, 1),
        "one date, start and end": ({**selected, **period}, 1),
        "one date, 12-hourly": ({**selected, "frequency": "12h"}, 1),
        "one date, two halves joined": ({"plugin": "join", "sources": parts}, 1),
        "two dates": (whole, 2),
        "one date, not packed": (plain, 1),
        "two dates, not packed": (plain, 2),
    }
    return {name: _wxml_case(*choice) for name, choice in choices.items()} | _memory_map(folder) | _bare(folder)


def _wxml_case(choice: dict[str, Any], window: int) -> Case:
    from wxml import create

    source = create("data-source", choice["plugin"], {key: choice[key] for key in choice if key != "plugin"})
    times, names = source.header.times, source.header.names
    return lambda first: source.read(times[first : first + window], names), len(times) - window + 1


def _memory_map(folder: Path) -> dict[str, Case]:
    """A copy out of one plain file, which nothing can beat."""
    raw = np.load(folder / RAW, mmap_mode="r")
    return {
        "memory map, one date": (lambda first: np.array(raw[first]), len(raw)),
        "memory map, two dates": (lambda first: np.array(raw[first : first + 2]), len(raw) - 1),
    }


def _bare(folder: Path) -> dict[str, Case]:
    """The work that every reader of the packed files has to do: to read a chunk, and to unpack it."""
    files = sorted((folder / PACKED / "data").glob("[0-9]*"), key=lambda path: int(path.name.partition(".")[0]))
    shape = np.load(folder / RAW, mmap_mode="r").shape[1:]
    packed = np.empty(max(path.stat().st_size for path in files) + 64, np.uint8)

    def read(first: int, count: int) -> NDArray[np.float32]:
        values = np.empty((count, *shape), np.float32)
        for path, room in zip(files[first : first + count], values, strict=True):
            with open(path, "rb", buffering=0) as file:
                length = file.readinto(packed[64:].data)
            numcodecs.blosc.decompress(packed[64 : 64 + length], room)
        return values

    return {
        "bare, one date": (lambda first: read(first, 1), len(files)),
        "bare, two dates": (lambda first: read(first, 2), len(files) - 1),
    }


def peer_cases(folder: Path) -> dict[str, Case]:
    """Datasets of anemoi-datasets."""
    import anemoi.datasets  # type: ignore[import-not-found,import-untyped,unused-ignore]

    def opened(*args: object, **options: object) -> Any:
        return anemoi.datasets.open_dataset(*args, **options)

    path = str(folder / PACKED)
    whole, plain = opened(path), opened(str(folder / PLAIN))
    names, dates = list(whole.variables), whole.dates
    half, edge = len(names) // 2, len(dates) // EDGE
    parts = [{"dataset": path, "select": some} for some in (names[:half], names[half:])]
    datasets = {
        "one date": (whole, 1),
        "one date, half of the variables": (opened(path, select=names[:half]), 1),
        "one date, four variables": (opened(path, select=names[:4]), 1),
        "one date, start and end": (opened(path, start=str(dates[edge]), end=str(dates[-edge - 1])), 1),
        "one date, 12-hourly": (opened(path, frequency="12h"), 1),
        "one date, two halves joined": (opened({"join": parts}), 1),
        "two dates": (whole, 2),
        "one date, not packed": (plain, 1),
        "two dates, not packed": (plain, 2),
    }
    return {name: _peer_case(*each) for name, each in datasets.items()}


def _peer_case(dataset: Any, window: int) -> Case:
    if window == 1:
        return lambda first: dataset[first], len(dataset)
    return lambda first: dataset[first : first + window], len(dataset) - window + 1


def measure(case: Case, shares: list[float]) -> dict[str, float]:
    """Read the samples at these shares of all of them; sums are taken outside of the clock."""
    read, count = case
    numbers = [int(share * count) for share in shares]
    total = float(np.asarray(read(numbers[0]), np.float64).sum())
    wall, cpu = time.perf_counter(), time.process_time()
    for number in numbers:
        read(number)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {"wall_s": wall / len(numbers), "cpu_s": cpu / len(numbers), "sum": total}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("side", choices=["wxml", "peer"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever a library prints is no answer
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
    numcodecs.blosc.set_nthreads(options.threads)
    cases = (wxml_cases if options.side == "wxml" else peer_cases)(options.folder)
    packages = ["zarr", "numcodecs", "anemoi-datasets" if options.side == "peer" else "wxml-dataset-sources"]
    print(json.dumps({package: version(package) for package in packages}), file=answers)
    for line in sys.stdin:
        question = json.loads(line)
        print(json.dumps(measure(cases[question["case"]], question["shares"])), file=answers)


if __name__ == "__main__":
    main()
