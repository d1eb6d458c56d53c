"""What a batch costs beside the bytes, part by part, and how long a training waits for it.

Each case prints one JSON line. The archive is that of `data_read.py`, of 100 × 100 nodes; a sample is a window of two
dates, normalised. The peer is anemoi-datasets in the environment that `WXML_PEERS_DATASETS` names.

    batch     milliseconds of a batch of random samples by what is done (read and decode, transform, gather); `fetch_ms`
              is the part of reading in which bytes were on their way, `rest_ms`
              is what is none of it, `one_by_one_ms` the same samples each read for itself, `copy_ms` a plain copy of
              as many bytes, `peer_ms` the same samples by anemoi-datasets, which is left with them as they are
    handover  what loader and thread add to a batch, with batches that cost nothing to read
    training  the share of its time that a loop waits, with the thread and without; it sleeps for 1.2 batches a step
    samples   the samples of an archive of 60 000 times, for windows of 2 and of 60 times
    order     the samples of a step, over three epochs of a million samples

    python benchmarks/data_batches.py [--dates 500] [--variables 40] [--rows 100] [--rounds 9] [--folder FOLDER]
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, cast

import numpy as np
import torch
from bench.archive import PACKED, PLAIN, STEP, Size, make_archive
from numpy.typing import NDArray
from wxml import DataSource, SourceHeader, Variable, VariableRoles
from wxml.data.preprocessing import Preprocessing
from wxml.data.sample_batch import ReadingCost
from wxml.data.samples import SampleSet
from wxml.data.statistics import Statistics
from wxml.data.transforms.normalise import Normalise
from wxml.data.window import Window
from wxml.testing import tiny_grid
from wxml_dataset_sources.anemoi_source import AnemoiSource
from wxml_trainer_lightning.batches import Batch, Samples, sample_indices
from wxml_trainer_lightning.loading import Loading

BATCHES = (1, 4, 16)
PEER = """
import json, sys, time
import numpy as np
from anemoi.datasets import open_dataset
dataset = open_dataset(sys.argv[1])
for line in sys.stdin:
    rows = json.loads(line)
    wall, cpu = time.perf_counter(), time.process_time()
    read = [np.moveaxis(dataset[row : row + 2], 1, -1) for row in rows]  # dates, ensembles, nodes, variables
    np.stack(read)
    print(json.dumps([time.perf_counter() - wall, time.process_time() - cpu]), flush=True)
"""


def samples_of(source: DataSource, steps: int = 1) -> SampleSet:
    """Windows of an input and some steps of all variables, normalised."""
    names = source.header.names
    numbers = Statistics(names, *(np.full(len(names), value) for value in (0.0, 0.6, -1.1, 1.1, 0.1)))
    preprocessing = Preprocessing(source, VariableRoles(names), (Normalise(numbers),), numbers)
    period = (source.header.times[0], source.header.times[-1])
    return SampleSet(preprocessing, Window(1, steps, STEP.astype("m8[s]")), period)


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and processor seconds of some work; what it returns lives until they are taken."""
    wall, cpu = time.perf_counter(), time.process_time()
    kept = work()
    spent = time.perf_counter() - wall, time.process_time() - cpu
    del kept
    return spent


def median_ms(seconds: list[float]) -> float:
    return round(1e3 * statistics.median(seconds), 3)


def batch_line(samples: SampleSet, size: int, rounds: int, peer: "Peer | None") -> dict[str, object]:
    """A batch, its samples one by one, a plain copy, and the peer, in turns."""
    data, random = Samples({1: samples}), np.random.default_rng(size)
    parts: dict[str, list[float]] = {}
    plain = np.ones((size, 2, *samples[0].shape[1:]), np.float32)
    for number in range(rounds + 1):
        rows = random.integers(0, len(samples), size).tolist()
        costs: list[ReadingCost] = []

        def read(rows: list[int] = rows, costs: list[ReadingCost] = costs) -> Batch:
            batch = data[[(1, row) for row in rows]]
            costs.append(batch.cost)
            return batch

        wall, cpu = timed(read)
        cost = costs[0]
        found = {"wall": wall, "cpu": cpu, "read": cost.reading, "transform": cost.transforming}
        found |= {
            "gather": cost.gathering,
            "fetch": cost.fetching,
            "rest": wall - cost.reading - cost.transforming - cost.gathering,
        }
        found["one_by_one"], found["one_by_one_cpu"] = timed(
            lambda rows=rows: torch.stack([data[[(1, row)]].values[0] for row in rows])  # type: ignore[misc]
        )
        found["copy"], _ = timed(plain.copy)
        if peer is not None:
            found["peer"], found["peer_cpu"] = peer.ask(rows)
        if number:  # the first round fills caches
            for name, seconds in found.items():
                parts.setdefault(name, []).append(seconds)
    line: dict[str, object] = {f"{name}_ms": median_ms(seconds) for name, seconds in parts.items()}
    if peer is not None:
        ratios = [theirs / own for theirs, own in zip(parts["peer_cpu"], parts["cpu"], strict=True)]
        line["peer_over_wxml_cpu"] = round(statistics.median(ratios), 2)
    return {"case": "batch", "size": size, **line}


class Peer:
    """anemoi-datasets in another interpreter."""

    def __init__(self, python: str, path: Path) -> None:
        command = [python, "-W", "ignore", "-c", PEER, str(path)]
        self.process = subprocess.Popen(
            command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )

    def ask(self, rows: list[int]) -> tuple[float, float]:
        """Wall and processor seconds of the samples that begin at `rows`."""
        print(json.dumps(rows), file=cast("IO[str]", self.process.stdin), flush=True)
        wall, cpu = json.loads(cast("IO[str]", self.process.stdout).readline())
        return wall, cpu

    def close(self) -> None:
        """End the process, and those that it has started."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Ready:
    """Samples whose batches lie ready."""

    def __init__(self, samples: SampleSet, size: int) -> None:
        self.samples, self.found = samples, samples.batch(range(size))

    def __len__(self) -> int:
        return len(self.samples)

    def batch(self, _: object) -> object:
        """The batch, whatever is asked for."""
        return self.found


def handover_line(samples: SampleSet, size: int) -> dict[str, object]:
    """Milliseconds of a batch that is ready, through loader and thread."""
    with Loading() as loading:
        batches = loading.validation(Ready(samples, size), 200, 1)  # type: ignore[arg-type]
        wall, cpu = timed(lambda: [None for _ in batches])
    count = len(batches)
    return {
        "case": "handover",
        "size": size,
        "wall_ms": round(1e3 * wall / count, 3),
        "cpu_ms": round(1e3 * cpu / count, 3),
    }


def training_line(samples: SampleSet, size: int) -> dict[str, object]:
    """The share of its time that a loop waits for data, which sleeps where a GPU would work."""
    data, count = Samples({1: samples}), min(24, len(samples) // size)
    places = [(1, int(index)) for index in np.linspace(0, len(samples) - 1, count * size).round()]
    order = [places[first : first + size] for first in range(0, len(places), size)]
    step = 1.2 * timed(lambda: [data[some] for some in order[:8]])[0] / len(order[:8])

    def waited(batches: Iterable[Batch]) -> float:
        begin, waits, iterator = time.perf_counter(), 0.0, iter(batches)
        for _ in range(count):
            asked = time.perf_counter()
            next(iterator)
            waits += time.perf_counter() - asked
            time.sleep(step)
        return round(waits / (time.perf_counter() - begin), 3)

    with Loading() as loading:
        ahead = waited(loading.validation(samples, count * size, size))
    alone = waited(data[some] for some in order)
    line = {"step_ms": round(1e3 * step, 1), "waits": ahead, "waits_without_thread": alone}
    return {"case": "training", "size": size, **line}


class Times(DataSource):
    """Many times of one value."""

    def __init__(self, count: int) -> None:
        times = np.datetime64("1980-01-01", "s") + np.arange(count) * STEP
        self.header = SourceHeader(tiny_grid(1, 4), (Variable("t"),), times.astype("M8[s]"))

    def _read(
        self, time_indices: NDArray[np.intp], variable_indices: NDArray[np.intp], out: NDArray[np.float32]
    ) -> None:
        out[:] = 0

    def provenance(self) -> dict[str, object]:
        """Nothing to tell."""
        return {}


def index_lines() -> list[dict[str, object]]:
    """Samples and orders, which read nothing."""
    source = Times(60_000)
    lines: list[dict[str, object]] = []
    for steps in (1, 59):
        wall = min(timed(lambda steps=steps: samples_of(source, steps))[0] for _ in range(5))  # type: ignore[misc]
        lines.append({"case": "samples", "times": 60_000, "window": steps + 1, "ms": round(1e3 * wall, 3)})
    count, size = 1_000_000, 16
    for epoch in range(3):
        steps = range(epoch * count // size + 1, epoch * count // size + 2001)
        first, _ = timed(lambda step=steps[0]: sample_indices(0, step, size, count))  # type: ignore[misc]
        wall, _ = timed(lambda steps=steps: [sample_indices(0, step, size, count) for step in steps])  # type: ignore[misc]
        lines.append(
            {
                "case": "order",
                "samples": count,
                "epoch": epoch,
                "first_ms": round(1e3 * first, 3),
                "ms": round(1e3 * wall / 2000, 4),
            }
        )
    return lines


def archive_lines(path: Path, rounds: int) -> None:
    """All cases of one store."""
    samples = samples_of(AnemoiSource(path=str(path)))
    where = os.environ.get("WXML_PEERS_DATASETS")
    peer = Peer(f"{where}/bin/python", path) if where else None
    try:
        for size in BATCHES:
            for line in (
                batch_line(samples, size, max(rounds, 48 // size), peer),
                handover_line(samples, size),
                training_line(samples, size),
            ):
                tell({"archive": path.stem, **line})
    finally:
        if peer:
            peer.close()


def tell(line: dict[str, object]) -> None:
    print(json.dumps({"benchmark": "data_batches", **line}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("dates", 500), ("variables", 40), ("rows", 100), ("rounds", 9)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--folder", type=Path, help="where the archive lies, or is made; default: a temporary folder")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    for line in index_lines():
        tell(line)
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.folder or Path(temporary) / "archive"
        make_archive(folder, Size(chosen.dates, chosen.variables, chosen.rows))
        for name in (PACKED, PLAIN):
            archive_lines(folder / name, chosen.rounds)


if __name__ == "__main__":
    sys.exit(main())
