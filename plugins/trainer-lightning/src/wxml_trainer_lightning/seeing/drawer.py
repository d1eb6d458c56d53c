"""Has callbacks draw in processes of their own, which can neither hold a training up nor stop it."""

__all__ = ["Drawer"]

import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from wxml.masking import masked

LOG = logging.getLogger("wxml")
DEADLINE = 120.0
"""The seconds that one drawing may take."""
END_SECONDS = 60.0
"""The seconds that the end of a training waits for all drawings together."""
PICTURES = (".png", ".html")


@dataclass(slots=True)
class _Job:
    process: subprocess.Popen[bytes]
    folder: Path
    until: float


class Drawer:
    """The drawings of a training: one process for each callback at a time; a newer one waits for it."""

    def __init__(self, plots: Path, drawn: Callable[[Path], None]) -> None:
        """Draw nothing yet.

        Args:
            plots: the folder for pictures.
            drawn: is told each new picture in it.
        """
        self._plots, self._drawn = plots, drawn
        self._jobs: dict[str, _Job] = {}
        self._waiting: dict[str, tuple[dict[str, Any], Mapping[str, NDArray[Any]]]] = {}
        self._told: set[str] = set()

    def draw(self, name: str, section: dict[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Have a callback draw; if it still draws, afterwards, what was asked for last.

        Args:
            name: which callback.
            section: its section in the config: `plugin` and its options, as JSON values.
            arrays: what it draws.
        """
        self._waiting[name] = section, arrays
        self.look()

    def look(self) -> None:
        """Take in what was drawn, end what takes too long, and begin what waits."""
        for name, job in list(self._jobs.items()):
            if job.process.poll() is not None or time.monotonic() > job.until:
                del self._jobs[name]
                self._finish(name, job)
        for name in list(self._waiting):
            if name not in self._jobs:
                self._begin(name, *self._waiting.pop(name))

    def close(self) -> None:
        """Wait for what is being drawn, for `END_SECONDS` at most; end the rest."""
        until = time.monotonic() + END_SECONDS
        while (self._jobs or self._waiting) and time.monotonic() < until:
            self.look()
            time.sleep(0.05)
        self._waiting.clear()
        for name, job in list(self._jobs.items()):
            job.until = 0.0
            self._finish(name, job)
        self._jobs.clear()

    def _begin(self, name: str, section: dict[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        folder = Path(tempfile.mkdtemp(prefix="wxml-drawing-"))
        try:
            (folder / "section.json").write_text(json.dumps(section), encoding="utf-8")
            np.savez(folder / "arrays.npz", **arrays)  # type: ignore[arg-type]  # its own parameters have defaults
            (folder / "drawn").mkdir()
            with (folder / "errors").open("wb") as errors:
                process = subprocess.Popen(  # noqa: S603  # this very interpreter, and a folder that was made here
                    [sys.executable, "-m", "wxml_trainer_lightning.seeing.drawing", str(folder)],
                    stdin=subprocess.DEVNULL,
                    stdout=errors,
                    stderr=errors,
                    start_new_session=True,  # so that Ctrl-C is the training's alone, and children end with it
                    env={**os.environ, "MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1"},
                )
        except (OSError, ValueError, TypeError) as error:
            shutil.rmtree(folder, ignore_errors=True)
            self._tell(name, str(error))
            return
        self._jobs[name] = _Job(process, folder, time.monotonic() + DEADLINE)

    def _finish(self, name: str, job: _Job) -> None:
        try:
            if job.process.poll() is None:
                _end(job.process)
                self._tell(name, "it took too long, and was ended")
            elif job.process.returncode:
                errors = (job.folder / "errors").read_text(encoding="utf-8", errors="replace").strip().splitlines()
                self._tell(name, errors[-1] if errors else f"its process ended with code {job.process.returncode}")
            else:
                self._take(job.folder / "drawn")
        except OSError as error:
            self._tell(name, str(error))
        finally:
            shutil.rmtree(job.folder, ignore_errors=True)

    def _take(self, drawn: Path) -> None:
        self._plots.mkdir(exist_ok=True)
        for picture in sorted(drawn.iterdir()):
            if picture.suffix in PICTURES and picture.is_file():
                beside = self._plots / f".{picture.name}.{os.getpid()}.tmp"
                shutil.copyfile(picture, beside)
                beside.replace(self._plots / picture.name)
                self._drawn(self._plots / picture.name)

    def _tell(self, name: str, reason: str) -> None:
        if name not in self._told:
            self._told.add(name)
            LOG.warning("the callback %s could not draw, and the training goes on: %s", name, masked(reason))


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all that it has started."""
    if sys.platform == "win32":
        process.kill()
    else:
        import signal

        os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)
