"""A process that imports what all plugins of a kind need, and forks a process for each that is tried.

A fork begins where a process of its own would stand after these imports, which take longer than most plugins do.
"""

__all__ = ["main"]

import json
import os
import sys
import tempfile
from typing import Any, NoReturn

from wxml.plugins.catalog import PluginRecord
from wxml.plugins.load import import_object
from wxml.plugins.probe.child import try_plugin


def main(interface: str, lifeline: int) -> NoReturn:
    """Try the plugins that come as lines of JSON, each in a fork, until the input ends.

    For each it writes the number of the process, then `{"code": …, "answer": …}`: how the process ended, and what it
    said. Whoever asks waits no longer than it wants, and ends that process and all of its group.

    Args:
        interface: the record of the kind of these plugins as JSON, or `null` for kinds without an interface.
        lifeline: the number of a pipe that ends when the process does that asks.
    """
    if kind := json.loads(interface):
        import_object(PluginRecord(**kind))
    _write({"ready": True})
    for line in sys.stdin:
        _try(line, lifeline)
    os._exit(0)


def _try(record: str, lifeline: int) -> None:
    """Fork a process for one plugin, and tell how it ended."""
    with tempfile.TemporaryFile() as answer:
        child = os.fork()
        if child == 0:
            _become(answer.fileno(), lifeline)
            try_plugin(record, 3)
        _write({"process": child})
        _, status = os.waitpid(child, 0)
        answer.seek(0)
        said = answer.read().decode("utf-8", "replace")
    _write({"code": os.waitstatus_to_exitcode(status), "answer": said})


def _become(answer: int, lifeline: int) -> None:
    """Lead a group of one's own, with the lifeline as number 0 and the answer as number 3; say nothing on number 1."""
    os.setsid()
    kept = os.dup(answer), os.dup(lifeline)
    os.dup2(kept[1], 0)
    os.dup2(2, 1)
    os.dup2(kept[0], 3)
    os.closerange(4, 64)


def _write(message: dict[str, Any]) -> None:
    print(json.dumps(message), flush=True)
