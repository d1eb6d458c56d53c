"""Which interpreters run what, and how a process of the benchmarks is started."""

__all__ = ["FOLDER", "environment", "machine", "peer_python", "wxml_python"]

import os
import platform
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent
ROOT = FOLDER.parent
LIBRARIES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def peer_python(module: str = "anemoi.models", variable: str = "WXML_PEERS") -> str | None:
    """The interpreter that can import the peer: that of the folder in a variable, or this one; None without one."""
    if folder := os.environ.get(variable):
        found = [path for path in (Path(folder) / "bin/python", Path(folder) / "venv/bin/python") if path.is_file()]
        if not found:
            sys.exit(f"error: `{variable}` must name a folder with bin/python or venv/bin/python, got {folder!r}")
        return str(found[0])
    return sys.executable if find_spec("anemoi") and find_spec(module) else None


def wxml_python(peer: str | None) -> str:
    """The peer's interpreter where it can import wxml's requirements too, so that both have the same torch."""
    if peer is None:
        return sys.executable
    check = [peer, "-c", "import wxml_kernels, pydantic"]
    usable = subprocess.run(check, env=environment(1), capture_output=True, check=False).returncode == 0
    return peer if usable else sys.executable


def environment(threads: int) -> dict[str, str]:
    """The variables of a process: this working tree on the path, and so many threads."""
    paths = [FOLDER, ROOT / "kernels/src", ROOT / "core/src", *sorted(ROOT.glob("plugins/*/src"))]
    inherited = [path for path in (os.environ.get("PYTHONPATH"),) if path]
    path = os.pathsep.join([*map(str, paths), *inherited])
    return {**os.environ, "PYTHONPATH": path, **dict.fromkeys(LIBRARIES, str(threads))}


def machine() -> str:
    """The machine in a few words, without its name."""
    cpus = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in cpus if line.startswith("model name")), platform.machine())
    return f"{len(os.sched_getaffinity(0))} cores ({model}), Python {platform.python_version()}"
