"""Runs `wxml` many times without importing its libraries again: one process that is forked for every command.

Reads one JSON object a line from stdin, `{"arguments": […], "folder": …, "variables": {…}, "stdout": …, "stderr": …}`,
runs the command line in that folder, under those environment variables if there are any, with its output in those
files, and prints the exit code. The folders of `PYTHONPATH` come first among those that are searched, as if Python had
begun with it. With `"program": "python"` the arguments are a file of Python and its own ones.
"""

import importlib
import json
import os
import runpy
import site
import sys
import sysconfig
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

from wxml.cli import main
from wxml.plugins.catalog import installed
from wxml.plugins.lock import UsedPlugin, lock
from wxml.testing.steady_code import assume_steady

LIBRARIES = (
    "hydra",
    "netCDF4",
    "xarray",
    "wxml.cli.demo_job",
    "wxml.model.assembly",
    "wxml_trainer_lightning.training_run",
)
READERS = (
    "dask.array",
    "distributed",
    "h5py",
    "pint",
    "pyarrow.parquet",
    "scipy.fftpack",
    "wxml.training.loss_assembly",
)
COMPILERS = ("torch._dynamo", "torch._dynamo.backends.inductor", "torch._functorch.aot_autograd")
LATER = {
    "train": READERS,
    "forecast": READERS,
    "verify": (*READERS, "matplotlib.figure", "mpl_toolkits.mplot3d", "wxml_verification.report"),
    "check-plugin processor": COMPILERS,
    "check-plugin mapper": COMPILERS,
}
"""The beginning of a command → what it would import when it runs; it takes as long as all the rest of a small one."""


ROOT = Path(__file__).resolve().parents[1]


def warm_up() -> None:
    """Import what the commands would, and find out what they would write about the code of this repository."""
    plugins = [record for record in installed().records if record.status == "ok"]
    for name in {*LIBRARIES, *(record.value.partition(":")[0] for record in plugins)}:
        importlib.import_module(name)
    assume_steady(ROOT / name for name in ("core", "kernels", "plugins"))
    lock([UsedPlugin(record) for record in plugins])


def warm_up_for(arguments: list[str]) -> None:
    """Import what a command would later, as far as it is installed."""
    command = " ".join(arguments)
    for name in (name for beginning, names in LATER.items() if command.startswith(beginning) for name in names):
        with suppress(ImportError):
            importlib.import_module(name)


def answer(request: dict[str, Any]) -> int:
    """The exit code of one command."""
    warm_up_for(request["arguments"])
    child = os.fork()
    if not child:
        os._exit(run(request))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def run(request: dict[str, Any]) -> int:
    """The command line, as the console script calls it; the streams stay as they are if the request names no files."""
    if "stdout" in request:
        for number, name in enumerate((os.devnull, request["stdout"], request["stderr"])):
            os.dup2(os.open(name, os.O_RDWR | os.O_CREAT), number)
    os.chdir(request["folder"])
    variables = request.get("variables", {})
    os.environ.update(variables)
    sys.path[:0] = filter(None, variables.get("PYTHONPATH", "").split(os.pathsep))
    site.addsitedir(sysconfig.get_path("purelib"))  # editable installations that were made meanwhile
    importlib.invalidate_caches()
    installed.cache_clear()
    try:
        begin(request.get("program", "wxml"), request["arguments"])
    except SystemExit as end:
        return int(end.code or 0)
    except BaseException:  # noqa: BLE001  # what Python itself would print and exit with
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def begin(program: str, arguments: list[str]) -> None:
    """Run `wxml`, or a file as Python does."""
    if program == "wxml":
        sys.argv[1:] = arguments
        main()
    else:
        sys.argv[:] = arguments
        sys.path.insert(0, str(Path(arguments[0]).parent))
        runpy.run_path(arguments[0], run_name="__main__")


if __name__ == "__main__":
    sys.path.remove(str(Path(__file__).parent))
    warm_up()
    for line in sys.stdin:
        print(answer(json.loads(line)), flush=True)
