"""Processes that tests start in order to kill them: servers that answer lines of JSON, and a cluster of dask."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


class Server:
    """A process that answers one line of JSON with another one."""

    def __init__(self, script: str, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name(script)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, **request: Any) -> Any:
        """Send a request and wait for the answer."""
        print(json.dumps(request), file=self.process.stdin, flush=True)
        assert self.process.stdout
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        """End it."""
        for stream in (self.process.stdin, self.process.stdout):
            assert stream
            stream.close()
        self.process.wait()


@dataclass
class Cluster:
    """A scheduler and two workers."""

    server: Server
    folder: Path
    address: str = ""
    processes: dict[str, list[int]] = field(default_factory=dict)

    def start(self) -> None:
        """Start the processes, and wait for the scheduler."""
        self.folder.mkdir()
        told = self.folder / "scheduler.json"
        self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", told)
        while not (text := told.read_text() if told.exists() else ""):
            time.sleep(0.01)
        self.address = json.loads(text)["address"]
        for _ in range(2):
            self._start("worker", self.address, "--no-nanny", "--nthreads", 1, "--no-dashboard")

    def _start(self, program: str, *arguments: object) -> None:
        request = {"program": program, "arguments": [str(one) for one in arguments], "folder": str(self.folder)}
        self.processes.setdefault(program, []).append(self.server.ask(**request))

    def kill(self, program: str) -> None:
        """Kill one process of a program, if it is still there."""
        with suppress(ProcessLookupError):
            os.kill(self.processes[program].pop(), signal.SIGKILL)

    def stop(self) -> None:
        """Kill all that is left."""
        for program, numbers in self.processes.items():
            for _ in list(numbers):
                self.kill(program)
