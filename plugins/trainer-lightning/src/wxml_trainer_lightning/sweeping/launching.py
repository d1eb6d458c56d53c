"""Starts one training as a process, on this machine or where a worker of a cluster runs."""

__all__ = ["LOG_NAME", "Order", "Process", "note_error", "wait_for_rest"]

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from wxml.files.lock import locked

LOG_NAME = "train.log"
"""What a training says on stdout and stderr, in its folder."""
PROGRAM = "from wxml_trainer_lightning.sweeping.leash import hold; hold(); from wxml.cli import main; main()"

PATIENCE = 600.0
"""Seconds for a process that was told to end to make its step to the end, and to write its state."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a process is started with."""

    words: tuple[str, ...]
    """The arguments of `wxml`."""
    run_dir: str
    """The folder of the run, as an absolute path; it is there."""
    directory: str
    """Where the process runs, so that relative paths mean the same."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Beside those of the process that starts it."""
    program: str = PROGRAM
    """Python code, which is given the arguments."""


class Process:
    """One training; it leaves its state and ends when this process ends, however that happens.

    Its stdin is a pipe, whose other end this process alone has and never writes to (see `leash`).
    """

    def __init__(self, order: Order) -> None:
        """Start it."""
        with (Path(order.run_dir) / LOG_NAME).open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  # our own program
                [sys.executable, "-P", "-c", order.program, *order.words],
                cwd=order.directory,
                env={**os.environ, **order.variables},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C comes to this process alone, which tells each to stop
            )

    def code(self) -> int | None:
        """Its exit code; None while it runs."""
        code = self._process.poll()
        if code is not None and self._process.stdin is not None:
            self._process.stdin.close()
        return code

    def stop(self) -> None:
        """Have it write its state and end."""
        self._process.terminate()

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()


def wait_for_rest(run_dir: Path) -> None:
    """Wait for a process that still trains in a folder: that of a sweep or a worker that has died.

    Raises:
        ArtefactError: it did not end in ten minutes.
    """
    with locked(run_dir / ".lock", seconds=PATIENCE):
        pass


def note_error(run_dir: Path, message: str) -> None:
    """Write why a training cannot go on where it would have said that itself."""
    with (run_dir / LOG_NAME).open("a", encoding="utf-8") as log:
        log.write(f"error: {message}\n")
