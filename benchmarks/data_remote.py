"""How near reading a remote zarr store comes to what its number of requests at once allows.

    python benchmarks/data_remote.py [--dates 320] [--nodes 10000] [--latency 0.05] [--at-once 8 32 64] [--rounds 5]

A server on this machine, in a process of its own, answers each request after 50 ms. The store has one chunk for each
date and variable. With C requests at once, n chunks need at least n / C times the time of one request, which is
measured on the same server in the same run; `share` is that time divided by the time that the read took.

`bare` asks for the same chunks with aiohttp alone, as many at once, in turns with the read, and neither unpacks nor
keeps anything: what it takes longer than the least is the server's and the machine's. `of_bare` is its time divided by
that of the read. All are medians of the rounds; `cpu_s` is the processor time of the reading process.

Prints one JSON line for each case, and writes `data-remote.md`.
"""

import argparse
import asyncio
import http.client
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import numpy as np
import xarray as xr
from bench.report import OUTPUT, show, table, write_page
from wxml_dataset_sources.remote.options import StorageOptions
from wxml_dataset_sources.xarray_source import XarraySource

SERVER = Path(__file__).parent / "bench" / "cheap_server.py"
VARIABLES = ("t2m", "msl")
NOTES = """What a read needs more than aiohttp alone is its own work, unpacking and copying, and on a machine that
others use the time until a thread has its turn.
"""


def write_store(path: Path, dates: int, nodes: int) -> None:
    """Random values on a line of nodes, one date a chunk, with consolidated metadata."""
    random = np.random.default_rng(0)
    values = {name: (("time", "node"), random.normal(280, 10, (dates, nodes)).astype("f4")) for name in VARIABLES}
    places = {"latitude": np.linspace(-90, 90, nodes), "longitude": np.linspace(0, 3600, nodes) % 360}
    dataset = xr.Dataset(
        {name: (*array, {"units": "K"}) for name, array in values.items()},
        {
            "time": np.datetime64("2000-01-01", "ns") + np.timedelta64(6, "h") * np.arange(dates),
            "latitude": ("node", places["latitude"], {"units": "degrees_north"}),
            "longitude": ("node", places["longitude"], {"units": "degrees_east"}),
        },
    )
    encoding = {name: {"chunks": (1, nodes)} for name in VARIABLES}
    dataset.to_zarr(path, zarr_format=2, consolidated=True, encoding=encoding)  # type: ignore[call-overload]


@contextmanager
def served(folder: Path, latency: float) -> Iterator[str]:
    """The address of a server in another process."""
    command = [sys.executable, str(SERVER), str(folder), str(latency)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the server has no pipes")
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()


def seconds(work: Callable[[], object]) -> float:
    """How long some work takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def request_seconds(url: str, path: str) -> float:
    """The median time of one request after another, on one connection."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"))

    def ask() -> None:
        connection.request("GET", path)
        connection.getresponse().read()

    ask()
    return statistics.median(seconds(ask) for _ in range(20))


async def bare_seconds(url: str, paths: Sequence[str], at_once: int) -> float:
    """How long aiohttp alone takes to ask for all paths, so many at once, on connections that are open."""
    slots = asyncio.Semaphore(at_once)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def ask(path: str) -> None:
            async with slots, session.get(url + path) as answer:
                await answer.read()

        await asyncio.gather(*map(ask, paths[:at_once]))
        begin = time.perf_counter()
        await asyncio.gather(*map(ask, paths))
        return time.perf_counter() - begin


def measured(
    source: XarraySource, names: tuple[str, ...], url: str, at_once: int, one: float, rounds: int
) -> dict[str, float | int]:
    """What it takes to read all dates, where one request takes `one` seconds."""
    dates = len(source.header.times)
    paths = [f"/a.zarr/{name}/{date}.0" for name in names for date in range(dates)]
    took, bare, worked = [], [], []
    for _ in range(rounds):
        bare.append(asyncio.run(bare_seconds(url, paths, at_once)))
        begin = time.process_time()
        took.append(seconds(lambda: source.read(source.header.times, names)))
        worked.append(time.process_time() - begin)
    least, read = len(paths) / at_once * one, statistics.median(took)
    return {
        "chunks": len(paths),
        "request_s": round(one, 4),
        "read_s": round(read, 3),
        "cpu_s": round(statistics.median(worked), 3),
        "share": round(least / read, 3),
        "bare_share": round(least / statistics.median(bare), 3),
        "of_bare": round(statistics.median(own / other for own, other in zip(bare, took, strict=True)), 3),
    }


def page(rows: list[dict[str, object]], options: argparse.Namespace) -> str:
    """The page of the results."""
    keys = ("at_once", "chunks", "read_s", "cpu_s", "share", "bare_share", "of_bare")
    head = ("requests at once", "chunks", "read, s", "processor s", "share", "share of aiohttp alone", "aiohttp / wxml")
    busy = ", ".join(f"{load:.1f}" for load in os.getloadavg())
    said = (
        f"Chunks of {options.nodes} values from a server that answers after {1000 * options.latency:.0f} ms, medians "
        f"of {options.rounds} rounds, on {os.cpu_count()} cores; the loads of the machine at the end were {busy}. What "
        "the columns mean: the first lines of `benchmarks/data_remote.py`."
    )
    figures = [[row[key] for key in keys] for row in rows]
    return "\n".join(["# Reading from another machine", "", said, "", table(head, figures), NOTES])


def main() -> None:
    """Write the store, serve it, and read all of its dates with each number of requests at once."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dates", type=int, default=320)
    parser.add_argument("--nodes", type=int, default=10_000)
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--at-once", type=int, nargs="+", default=[8, 32, 64])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1, help="it has one; as of the other benchmarks")
    parser.add_argument("--quick", action="store_true", help="a small store, one round: shows that all runs")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args()
    if options.quick:
        options.dates, options.nodes, options.at_once, options.rounds = 8, 100, [4], 1
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as name:
        write_store(Path(name) / "a.zarr", options.dates, options.nodes)
        with served(Path(name), options.latency) as url:
            one = request_seconds(url, "/a.zarr/t2m/0.0")
            for at_once in options.at_once:
                source = XarraySource(path=f"{url}/a.zarr", storage_options=StorageOptions(concurrency=at_once))
                for names in (VARIABLES[:1], VARIABLES):
                    figures = measured(source, names, url, at_once, one, options.rounds)
                    show({"benchmark": "data_remote", "at_once": at_once, "variables": len(names)} | figures, rows)
    write_page(options.output, "data-remote", page(rows, options), rows)


if __name__ == "__main__":
    main()
