"""Tries plugins of one kind in forks of a process that has imported what they all need: `forerunner` is its code."""

__all__ = ["Forks"]

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict
from typing import Any

from wxml.plugins.catalog import PluginRecord

FORERUNNER = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from wxml.plugins.probe.forerunner import main
main(sys.argv[2], int(sys.argv[3]))
"""
LEAST_PATIENCE = 60.0
"""Seconds for the imports of the forerunner, and for its answer when a plugin was ended."""


class Forks(AbstractContextManager["Forks"]):
    """The forerunner of a kind; None stands for what it cannot tell.

    It is only for Linux: libraries of macOS do not like to be forked, and Windows cannot.
    """

    def __init__(self, interface: PluginRecord | None) -> None:
        """`interface` is the record of the kind; None for kinds without one."""
        self._process: subprocess.Popen[bytes] | None = None
        self._read = b""
        if sys.platform != "linux":
            return
        reading, self._lifeline = os.pipe()
        kind = json.dumps(None if interface is None else asdict(interface))
        self._process = subprocess.Popen(  # noqa: S603  # this interpreter
            [sys.executable, "-P", "-c", FORERUNNER, json.dumps(sys.path), kind, str(reading)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=[reading],
            start_new_session=True,
        )
        os.close(reading)
        if self._line(LEAST_PATIENCE) != {"ready": True}:
            self.close()

    def tried(self, record: PluginRecord, timeout: float, reported: Callable[[bytes, int], str]) -> str | None:
        """Why a plugin cannot be loaded; empty if it can be; None if there is no forerunner to tell.

        Args:
            record: the plugin.
            timeout: how long its import may take, in seconds.
            reported: makes the problem of what a process has written and how it ended.
        """
        if self._process is None or self._process.stdin is None:
            return None
        with suppress(OSError):  # it has died
            self._process.stdin.write(json.dumps(asdict(record)).encode() + b"\n")
            self._process.stdin.flush()
        begun = self._line(LEAST_PATIENCE)
        if not isinstance(begun, dict) or type(begun.get("process")) is not int:
            self.close()
            return None
        done = self._line(timeout)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(begun["process"], signal.SIGKILL)  # the plugin, and all processes that it has started
        late = done is None
        done = self._line(LEAST_PATIENCE) if late else done
        if not isinstance(done, dict) or type(done.get("code")) is not int:
            self.close()
            return None
        return f"it was not imported within {timeout:g} s" if late else reported(done["answer"].encode(), done["code"])

    def _line(self, seconds: float) -> Any:
        """The next line of the forerunner, which is JSON; None if it does not come in time, False if it is none."""
        if self._process is None or self._process.stdout is None:
            return False
        pipe, end = self._process.stdout.fileno(), time.monotonic() + seconds
        while b"\n" not in self._read:
            if not select.select([pipe], [], [], max(0.0, end - time.monotonic()))[0]:
                return None
            more = os.read(pipe, 65536)
            if not more:
                return False
            self._read += more
        line, _, self._read = self._read.partition(b"\n")
        with suppress(ValueError):
            return json.loads(line)
        return False

    def close(self) -> None:
        """End the forerunner, if there is one; nothing is tried any more."""
        if self._process is None:
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        os.close(self._lifeline)  # ends the plugin that it may be trying
        with self._process:
            self._process = None

    def __exit__(self, *_: object) -> None:
        self.close()
