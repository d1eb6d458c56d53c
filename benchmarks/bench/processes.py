"""A worker process, seen from the process that asks it."""

__all__ = ["Failed", "Limits", "Side", "start_side"]

import json
import select
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

from bench.environments import environment
from bench.workloads import SMOKE, Case

Answer = dict[str, Any]


class Failed(Exception):  # noqa: N818  # an outcome that goes into the table
    """Why a side gave no figure."""

    def __init__(self, side: str, why: str) -> None:
        super().__init__(f"{side}: {why}")
        self.side = side


@dataclass
class Side:
    """wxml or the peer at work on one case; use it as a context manager, so that the process ends."""

    name: str
    process: subprocess.Popen[str]
    questions: IO[str]
    answers: IO[str]
    log: IO[str]
    seconds: float
    """How long one answer may take."""
    ready: Answer = field(default_factory=dict)

    def __enter__(self) -> "Side":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self.log.close()

    def answer(self) -> Answer:
        """The next line that it writes."""
        if not select.select([self.answers], [], [], self.seconds)[0]:
            raise Failed(self.name, f"over {self.seconds:.0f} s")
        line = self.answers.readline()
        if not line:
            raise Failed(self.name, self._last_words())
        found: Answer = json.loads(line)
        return found

    def ask(self, which: str) -> Answer:
        """The cost of one pass."""
        try:
            print(which, file=self.questions, flush=True)
        except BrokenPipeError:
            raise Failed(self.name, self._last_words()) from None
        return self.answer()

    def _last_words(self) -> str:
        self.process.wait()
        self.log.seek(0)
        lines = self.log.read().strip().splitlines()
        return lines[-1][:300] if lines else f"ended with {self.process.returncode}"


@dataclass(frozen=True)
class Limits:
    """What a worker may use."""

    threads: int
    seconds: float
    """For one answer."""
    memory_gib: float


def start_side(name: str, python: str, case: Case, graphs: dict[str, Path], limits: Limits) -> Side:
    """Start a worker; its first answer comes once it is built."""
    command = [python, "-m", "bench.worker", name, case.size, case.family, case.part]
    command += ["--graph", str(graphs[case.size]), "--warm-up", str(graphs[SMOKE])]
    command += ["--threads", str(limits.threads), "--memory-gib", str(limits.memory_gib)]
    log = tempfile.TemporaryFile("w+")  # noqa: SIM115  # closed with the side
    process = subprocess.Popen(
        command,
        env=environment(limits.threads),
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
    )
    return Side(name, process, cast("IO[str]", process.stdin), cast("IO[str]", process.stdout), log, limits.seconds)
