"""Commands that are killed: a file is the old one or the new one, whole, and a training goes on bit for bit.

`WXML_KILLS` is the number of kills at random moments, four by default; `nox -s kills` makes 100. Three tenths as many
kills of each command come at chosen moments: right before one of the changes that it makes to files and folders.
"""

import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the commands are killed in forks")

KILLS = int(os.environ.get("WXML_KILLS", "4"))
CHOSEN = KILLS * 3 // 10
RUNS = count()
LIMIT = 600  # seconds: ends what hangs
COMMANDS = ("train", "forecast.zarr", "forecast.nc", "scores")
"""A training, or what a command replaces."""
TRAIN = ("train", "experiment.yaml", "training.max_steps=12", "training.checkpoint_every=2", "--run-dir")
MAKE = {
    "forecast.zarr": ("forecast", "whole/checkpoint.safetensors", "--overwrite", "-o", "forecast.zarr", "--start"),
    "forecast.nc": ("forecast", "whole/checkpoint.safetensors", "--overwrite", "-o", "forecast.nc", "--start"),
    "scores": ("verify", "--overwrite", "-o", "scores"),
}
"""Target → the command that makes it, without its last argument."""
LAST = dict.fromkeys(("forecast.zarr", "forecast.nc"), ("2000-01-08", "2000-01-09")) | {"scores": ("1.nc", "2.nc")}
"""Target → the last arguments, by which an old and a new target differ."""

Answer = dict[str, Any]
Contents = dict[str, bytes]


class Work:
    """A folder in which commands run and are killed, and how long each takes."""

    def __init__(self, folder: Path, listener: Any) -> None:
        self.folder = folder
        self.listener = listener
        self.usual: dict[str, Answer] = {}
        """Command → what a run that is not killed takes and changes."""
        self.whole: dict[tuple[str, str], Contents] = {}
        """Target and last argument → the files."""

    def start(self, *arguments: str, seconds: float | None = None, change: int | None = None, group: bool) -> Answer:
        """Run a command, and kill it after `seconds` or before a change."""
        files = {name: str(self.folder.parent / name) for name in ("stdout", "stderr")}
        for path in files.values():
            Path(path).write_text("")
        place = {"arguments": arguments, "folder": str(self.folder), "variables": {}, **files}
        answer: Answer = self.listener.ask(**place, seconds=seconds, change=change, group=group)
        return answer

    def run(self, *arguments: str) -> Answer:
        """Run a command to its end."""
        done = self.start(*arguments, group=False)
        assert done["code"] == 0, (arguments, (self.folder.parent / "stderr").read_text())
        return done


def contents(target: Path) -> Contents:
    """The bytes of a file, or of every file below a folder."""
    files = [target] if target.is_file() else [path for path in target.rglob("*") if path.is_file()]
    return {path.relative_to(target).as_posix(): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory, make_world: Callable[..., Path], listener: Any) -> Work:
    """A folder with a whole run, and with an old and a new state of everything that is replaced."""
    folder = make_world(tmp_path_factory.mktemp("kills") / "work")
    made = Work(folder, listener)
    made.run(*TRAIN, "first")  # fills the cache
    made.usual["train"] = made.run(*TRAIN, "whole")
    for name, start in zip(LAST["scores"], LAST["forecast.nc"], strict=True):
        made.run("forecast", "whole/checkpoint.safetensors", "-o", name, "--start", start)
    for target, command in MAKE.items():
        for last in LAST[target]:
            made.usual[target] = made.run(*command, last)
            made.whole[target, last] = contents(folder / target)
    return made


def running(group: int) -> list[str]:
    """The processes of a group that are at work, as far as the system lists them in `/proc`."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended
            name, _, rest = status.read_text(encoding="utf-8").rpartition(")")
            state, _, number = rest.split()[:3]
            if int(number) == group and state != "Z":
                found.append(name)
    return found


def check_training(work: Work, kill: dict[str, Any], whole: str = "whole", *changes: str) -> Answer:
    """Kill a new training; the same command, with `--resume` if there is a folder, then ends like the whole one."""
    run_dir, reference = work.folder / f"killed{next(RUNS)}", work.folder / whole
    killed = work.start(*TRAIN, run_dir.name, *changes, **kill)
    work.run(*TRAIN, run_dir.name, *changes, *(["--resume"] if run_dir.exists() else []))
    for name in ("checkpoint.safetensors", "history.csv"):
        assert (run_dir / name).read_bytes() == (reference / name).read_bytes(), (name, killed)
    assert contents(run_dir).keys() == contents(reference).keys(), killed
    shutil.rmtree(run_dir)
    return killed


def check_replaced(work: Work, target: str, kill: dict[str, Any]) -> None:
    """Kill a command that replaces a file or folder: the old one or the new one is there; then do it again."""
    path = work.folder / target
    before = contents(path)
    old, new = LAST[target] if work.whole[target, LAST[target][0]] == before else LAST[target][::-1]
    assert before == work.whole[target, old]
    killed = work.start(*MAKE[target], new, **kill)
    found = path if path.exists() else next(work.folder.glob(f".{target}.*.old"))
    assert contents(found) in (before, work.whole[target, new]), killed
    assert path.exists() or path.suffix != ".nc", "a file is replaced in one step"
    work.run(*MAKE[target], new)
    assert contents(path) == work.whole[target, new], killed
    assert not list(work.folder.glob(".*")), killed


def check(work: Work, command: str, kill: dict[str, Any]) -> None:
    if command == "train":
        check_training(work, kill)
    else:
        check_replaced(work, command, kill)


def moments() -> list[tuple[str, float, bool]]:
    """Commands, moments from 0, the beginning, to 1, the end, and whether the whole group is killed."""
    chance = random.Random(0)  # noqa: S311  # no secret
    return [(COMMANDS[number % len(COMMANDS)], chance.random(), chance.random() < 0.5) for number in range(KILLS)]


@pytest.mark.parametrize(("command", "moment", "group"), moments())
def test_a_kill_at_any_moment_loses_nothing(work: Work, command: str, moment: float, group: bool) -> None:
    check(work, command, {"seconds": moment * work.usual[command]["seconds"], "group": group})


@pytest.mark.parametrize("number", range(CHOSEN))
@pytest.mark.parametrize("command", COMMANDS)
def test_a_kill_before_any_change_loses_nothing(work: Work, command: str, number: int) -> None:
    changes = len(work.usual[command]["changes"])  # some come twice if there are fewer than `CHOSEN`
    check(work, command, {"change": 1 + number * changes // CHOSEN, "group": number % 2 == 0})


@pytest.mark.parametrize("group", [False, pytest.param(True, marks=pytest.mark.long())])
def test_processes_that_read_samples_end_with_a_killed_training(work: Work, group: bool) -> None:
    changes, whole = "training.workers=1", f"whole-{group}"
    made = work.run(*TRAIN, whole, changes)["changes"]
    killed = check_training(work, {"change": len(made) // 2, "group": group}, whole, changes)
    end = time.monotonic() + LIMIT
    while processes := running(killed["process"]):
        assert time.monotonic() < end, processes
        time.sleep(0.1)


def test_the_kills_do_kill(work: Work) -> None:
    killed = work.start(*MAKE["forecast.nc"], LAST["forecast.nc"][0], change=1, group=False)
    assert (killed["code"], len(killed["changes"])) == (-signal.SIGKILL, 1)
    work.run(*MAKE["forecast.nc"], LAST["forecast.nc"][0])
