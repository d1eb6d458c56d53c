"""Importing plugins in processes of their own, to learn which ones cannot be: whatever one does, it does to itself."""

__all__ = ["probe"]

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, replace
from typing import IO, Any

from wxml.plugins.catalog import PluginRecord

CHILD = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from wxml.plugins.probe.child import main
main(sys.argv[2])
"""
REACHABLE = ("ok", "conflict")
"""Statuses of what may be imported."""


def probe(records: Iterable[PluginRecord], timeout: float) -> tuple[PluginRecord, ...]:
    """The records; those that cannot be loaded are marked as broken, with the cause.

    Only plugins that may be imported are; as many at once as there are cores.

    Args:
        records: what to try.
        timeout: how long one plugin may take, in seconds.
    """
    with ThreadPoolExecutor(_cores()) as pool:
        return tuple(pool.map(lambda record: _probed(record, timeout), records))


def _cores() -> int:
    """The cores that this process may use, which on a shared machine are fewer than it has."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _probed(record: PluginRecord, timeout: float) -> PluginRecord:
    if record.status not in REACHABLE:
        return record
    problem = _problem(record, timeout)
    return replace(record, status="broken", problem=problem) if problem else record


def _problem(record: PluginRecord, timeout: float) -> str:
    """Why a plugin cannot be loaded; empty where it can.

    Answers come through a file, because a pipe stays open as long as a grandchild lives.
    """
    with tempfile.TemporaryFile() as answer:
        child = _start(record, answer)
        try:
            code = child.wait(timeout)
        except subprocess.TimeoutExpired:
            return f"it was not imported within {timeout:g} s"
        finally:
            _end(child)
        answer.seek(0)
        return _reported(answer.read(), code)


def _start(record: PluginRecord, answer: IO[bytes]) -> "subprocess.Popen[bytes]":
    """A process that tries one plugin, with the search path of this one and without its current folder."""
    command = [sys.executable, "-P", "-c", CHILD, json.dumps(sys.path), json.dumps(asdict(record))]
    nowhere = subprocess.DEVNULL
    return subprocess.Popen(  # noqa: S603  # this interpreter, and a plugin that is to be tried
        command, stdin=nowhere, stdout=answer, stderr=nowhere, start_new_session=True
    )


def _end(child: "subprocess.Popen[bytes]") -> None:
    """Kill the process and what it has started."""
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError, PermissionError):  # nothing is left of it
            os.killpg(child.pid, signal.SIGKILL)
    child.kill()
    child.wait()


def _reported(answer: bytes, code: int) -> str:
    """What the process said, or else how it ended."""
    try:
        said: Any = json.loads(answer)
    except ValueError:
        said = None
    if isinstance(said, dict) and code == 0:
        return str(said["problem"])
    if code < 0:
        return f"its import was ended by {_signal_name(-code)}"
    return f"its import ended the process with exit code {code}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
