"""How near reading a remote zarr store comes to what its number of requests at once allows: one JSON line per case.

A server on this machine, in a process of its own, answers each request after 50 ms. The store has one chunk for each
date and variable. With C requests at once, n chunks need at least n / C times the time of one request, which is
measured on the same server in the same run; `share` is that time divided by the time that the read took (median of the
rounds); `cpu_s` is the processor time of the reading process. On a machine that others use, a read that needs as much
of it as the requests take cannot come near.

    python benchmarks/data_remote.py [--dates 320] [--nodes 10000] [--latency 0.05] [--at-once 8 32 64] [--rounds 5]
"""

import argparse
import http.client
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import xarray as xr
from wxml_dataset_sources.remote.options import StorageOptions
from wxml_dataset_sources.xarray_source import XarraySource

SERVE = """
import sys
from pathlib import Path
from wxml.testing.file_server import FileServer
with FileServer(Path(sys.argv[1]), latency=float(sys.argv[2])) as server:
    print(server.url, flush=True)
    sys.stdin.read()
"""
VARIABLES = ("t2m", "msl")


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
    command = [sys.executable, "-c", SERVE, str(folder), str(latency)]
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


def measured(
    source: XarraySource, names: tuple[str, ...], at_once: int, one: float, rounds: int
) -> dict[str, float | int]:
    """What it takes to read all dates, where one request takes `one` seconds."""
    begin = time.process_time()
    took = statistics.median(seconds(lambda: source.read(source.header.times, names)) for _ in range(rounds))
    chunks, worked = len(source.header.times) * len(names), (time.process_time() - begin) / rounds
    figures = {"chunks": chunks, "request_s": round(one, 4), "read_s": round(took, 3), "cpu_s": round(worked, 3)}
    return figures | {"share": round(chunks / at_once * one / took, 3)}


def main() -> None:
    """Write the store, serve it, and read all of its dates with each number of requests at once."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dates", type=int, default=320)
    parser.add_argument("--nodes", type=int, default=10_000)
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--at-once", type=int, nargs="+", default=[8, 32, 64])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        write_store(Path(name) / "a.zarr", options.dates, options.nodes)
        with served(Path(name), options.latency) as url:
            one = request_seconds(url, "/a.zarr/t2m/0.0")
            for at_once in options.at_once:
                storage = StorageOptions(concurrency=at_once)
                begin = time.perf_counter()
                source = XarraySource(path=f"{url}/a.zarr", storage_options=storage)
                opening = time.perf_counter() - begin
                for names in (VARIABLES[:1], VARIABLES):
                    row = {"at_once": at_once, "variables": len(names), "open_s": round(opening, 3)}
                    print(json.dumps(row | measured(source, names, at_once, one, options.rounds)), flush=True)


if __name__ == "__main__":
    main()
