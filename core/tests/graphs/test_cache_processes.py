"""Several processes that want one graph at once: one builds it, the others wait and read it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from wxml.testing import tiny_graph, tiny_grid

BUILDER = '''
"""A graph builder that takes its time, and writes down when it begins and when it is done."""
import os
import time

from wxml import GraphBuilder
from wxml.testing import tiny_graph

class Slow(GraphBuilder):
    def __init__(self, *, seconds: float = 1.0):
        self.seconds = seconds
    def _build(self, grid):
        self._note("begins")
        time.sleep(self.seconds)
        self._note("is done")
        return tiny_graph(grid)
    def _note(self, what):
        with open(os.environ["NOTES"], "a") as notes:
            notes.write(f"{os.getpid()} {what}\\n")
'''
PROCESS = """
import sys
from wxml.plugins.options.choices import PluginChoice
from wxml.graphs import cache
from wxml.testing import tiny_grid
cache.WORTH_KEEPING = 0.1
choice = PluginChoice.model_validate({"plugin": "slow", "seconds": float(sys.argv[1])})
print(cache.built_graph(choice, tiny_grid()).identity)
"""


class Hall:
    """Processes that want the graph of one builder."""

    def __init__(self, folder: Path, site: Any) -> None:
        site.add("slow", "[wxml.graph_builders]\nslow = slow:Slow", {"slow.py": BUILDER})
        self.cache, self.notes, self.started = folder / "cache", folder / "notes", list[subprocess.Popen[str]]()
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(folder / "site"),
            "WXML_CACHE": str(self.cache),
            "NOTES": str(self.notes),
        }

    def start(self, seconds: float) -> subprocess.Popen[str]:
        """A process of its own; the builder takes so many seconds."""
        command = [sys.executable, "-c", PROCESS, str(seconds)]
        process = subprocess.Popen(
            command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.started.append(process)
        return process

    def noted(self) -> list[str]:
        """What the builders wrote down, without the numbers of their processes."""
        lines = self.notes.read_text().splitlines() if self.notes.exists() else []
        return [line.partition(" ")[2] for line in lines]

    def wait_for(self, notes: int) -> None:
        """Return when there are so many notes."""
        until = time.monotonic() + 60
        while len(self.noted()) < notes:
            assert time.monotonic() < until
            time.sleep(0.02)


@pytest.fixture
def hall(tmp_path: Path, site: Any) -> Iterator[Hall]:
    made = Hall(tmp_path, site)
    yield made
    for process in made.started:
        process.kill()
        process.communicate()


def test_of_several_processes_one_builds_and_the_others_wait(hall: Hall) -> None:
    processes = [hall.start(2.0) for _ in range(5)]
    answers = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0] * 5, answers
    assert {answer.strip() for answer, _ in answers} == {tiny_graph(tiny_grid()).identity}
    assert hall.noted() == ["begins", "is done"]
    assert [path.suffix for path in hall.cache.iterdir()] == [".safetensors"]


def test_a_process_that_is_killed_while_it_builds_keeps_nobody_waiting(hall: Hall) -> None:
    first = hall.start(0.5)
    hall.wait_for(1)
    first.send_signal(signal.SIGSTOP)  # it holds the lock and goes no further
    second = hall.start(0.5)
    time.sleep(1.5)
    assert second.poll() is None
    assert hall.noted() == ["begins"]
    first.kill()
    answer, errors = second.communicate(timeout=60)
    assert answer.strip() == tiny_graph(tiny_grid()).identity, errors
    assert hall.noted() == ["begins", "begins", "is done"]
    third, _ = hall.start(0.5).communicate(timeout=60)
    assert third == answer
    assert len(hall.noted()) == 3  # the third one read what the second one had kept


def test_a_file_that_is_damaged_is_built_again_by_one_of_those_who_find_it(hall: Hall) -> None:
    hall.start(0.5).communicate(timeout=60)
    (file,) = hall.cache.iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:])
    processes = [hall.start(0.5) for _ in range(3)]
    answers = [process.communicate(timeout=120) for process in processes]
    assert {answer.strip() for answer, _ in answers} == {tiny_graph(tiny_grid()).identity}
    assert sum("is damaged" in errors for _, errors in answers) == 1
    assert hall.noted() == ["begins", "is done"] * 2
    assert file.read_bytes() == whole
