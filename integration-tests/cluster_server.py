"""Starts schedulers and workers of `distributed`: processes of their own, forked so that none imports it again.

Reads one JSON object a line from stdin, `{"program": "scheduler" | "worker", "arguments": […], "folder": …}`, starts
that program in that folder, with what it says in a file `PROGRAM.log` there, and prints the number of the process.
"""

import importlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

PROGRAMS = {name: f"distributed.cli.dask_{name}" for name in ("scheduler", "worker")}
LIBRARIES = (
    "netCDF4",
    "wxml_dataset_builder.building",
    "wxml_dataset_builder.cluster",
    "wxml_dataset_sources.xarray_source",
    "wxml_trainer_lightning.sweeping.errand",
    "wxml_verification.cluster_scoring",
    "xarray",
)
"""What the workers would import."""


def start(request: dict[str, Any]) -> int:
    """Start a program in a fork, and return the number of its process."""
    child = os.fork()
    if child:
        return child
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.chdir(request["folder"])
    log = os.open(f"{request['program']}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for number, file in enumerate((os.open(os.devnull, os.O_RDONLY), log, log)):
        os.dup2(file, number)
    importlib.import_module(PROGRAMS[request["program"]]).main(request["arguments"])
    os._exit(0)


if __name__ == "__main__":
    sys.path.remove(str(Path(__file__).parent))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that were killed
    for module in (*PROGRAMS.values(), *LIBRARIES):
        importlib.import_module(module)
    for line in sys.stdin:
        print(start(json.loads(line)), flush=True)
