"""Imports each plugin in a process of its own, where it can harm nobody, to learn which ones fail."""

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

from wxml.plugins.catalog import PluginRecord, installed
from wxml.plugins.probe.forks import Forks

CHILD = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from wxml.plugins.probe.child import main
main(sys.argv[2])
"""
REACHABLE = ("ok", "conflict")
"""The statuses of plugins that may be imported."""


def probe(records: Iterable[PluginRecord], timeout: float) -> tuple[PluginRecord, ...]:
    """The records; those that cannot be loaded are marked as broken, with the cause.

    Only plugins that may be imported are, each in a process of its own; as many kinds at once as there are cores.

    Args:
        records: the plugins to try.
        timeout: how long one plugin may take, in seconds.
    """
    records, kinds = tuple(records), installed().kinds
    groups: dict[str, list[PluginRecord]] = {}
    for record in records:
        if record.status in REACHABLE:
            groups.setdefault(record.kind if record.kind in kinds else "", []).append(record)

    def tried(kind: str) -> dict[PluginRecord, str]:
        """The problem of each plugin of a kind, or of those of kinds without an interface."""
        with Forks(kinds.get(kind)) as forks:
            return {one: _problem(one, timeout, forks) for one in groups[kind]}

    affinity = getattr(os, "sched_getaffinity", None)  # on a shared machine a process may use fewer cores than it has
    with ThreadPoolExecutor(len(affinity(0)) if affinity else os.cpu_count() or 1) as pool:
        problems = {record: problem for found in pool.map(tried, groups) for record, problem in found.items()}
    return tuple(
        replace(record, status="broken", problem=problems[record]) if problems.get(record) else record
        for record in records
    )


def _problem(record: PluginRecord, timeout: float, forks: Forks) -> str:
    """Why a plugin cannot be loaded; empty if it can be."""
    problem = forks.tried(record, timeout, _reported)
    return _problem_alone(record, timeout) if problem is None else problem


def _problem_alone(record: PluginRecord, timeout: float) -> str:
    """Why a plugin cannot be loaded, in a process that begins with nothing; empty if it can be.

    The child has the search path of this process, without its current folder. It answers through a file, because a pipe
    stays open as long as a grandchild lives. Its standard input is a pipe that ends when this process does, however it
    ends, and then the child ends, too.
    """
    command = [sys.executable, "-P", "-c", CHILD, json.dumps(sys.path), json.dumps(asdict(record))]
    with tempfile.TemporaryFile() as answer:
        child = subprocess.Popen(  # noqa: S603  # this interpreter, and a plugin that is to be tried
            command, stdin=subprocess.PIPE, stdout=answer, stderr=subprocess.DEVNULL, start_new_session=True
        )
        try:
            code = child.wait(timeout)
        except subprocess.TimeoutExpired:
            return f"it was not imported within {timeout:g} s"
        finally:
            with suppress(AttributeError, ProcessLookupError, PermissionError):  # Windows has no `killpg`
                os.killpg(child.pid, signal.SIGKILL)  # the child, and all processes that it has started
            child.kill()
            child.wait()
            if child.stdin:
                child.stdin.close()
        answer.seek(0)
        return _reported(answer.read(), code)


def _reported(answer: bytes, code: int) -> str:
    """The problem that the child wrote, or else how the child ended."""
    with suppress(ValueError, TypeError, KeyError):
        if code == 0:
            return str(json.loads(answer)["problem"])
    if code >= 0:
        return f"its import ended the process with exit code {code}"
    try:
        return f"its import was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"its import was ended by signal {-code}"
