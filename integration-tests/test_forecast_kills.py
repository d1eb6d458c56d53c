"""Forecasts of many initial times that are killed: what is there is whole or says that it is not, and nothing is lost.

After a kill the same command with `--resume` ends with the bytes of one that was not killed. Of each format
`WXML_KILLS` forecasts are killed at random moments, and as many right before one of the changes to files and folders:
one and one by default, 100 and 100 with `nox -s kills`.
"""

import os
import random
import re
import shutil
import signal
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from wxml import DataError, open_forecast
from wxml.files.leftovers import leftovers, state_path, unfinished_path

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the commands are killed in forks")

KILLS = int(os.environ.get("WXML_KILLS", "1"))
RUNS = count()
GRIB = "forecast.writer={plugin: grib2, parameters: {t: paramId=167, z: paramId=129}}"
FORMATS: dict[str, tuple[str, ...]] = {
    "f.zarr": (),
    "f2.zarr": ("forecast.writer={plugin: zarr, zarr_format: 2}",),
    "states.zarr": ("forecast.save_state_every=1",),
    "f.nc": (),
    "f.grib2": (GRIB,),
}
"""What is made of a forecast, and the settings that it takes."""
CHECKPOINT = "run/checkpoint.safetensors"
MADE = ("forecast.batch_size=4", "--start", "2000-01-03", "--end", "2000-01-06", "--every", "6h", "--lead-time", "24h")
FIRST = (*MADE[:4], "2000-01-03T18", *MADE[5:])
"""The first four of the 13 initial times, which are a batch."""
LATER = (MADE[0], "--start", "2000-01-04", *MADE[3:])

Contents = dict[str, bytes]


def contents(folder: Path) -> Contents:
    """Every file below a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class Work:
    """Folders in which forecasts are made and killed."""

    def __init__(self, folder: Path, listener: Any) -> None:
        self.folder, self.listener = folder, listener
        self.usual: dict[str, dict[str, Any]] = {}
        """Format → what a command that is not killed takes and changes."""
        self.whole: dict[str, Contents] = {}

    def place(self) -> Path:
        """A new folder in that of the model."""
        place = self.folder / f"run{next(RUNS)}"
        place.mkdir()
        return place

    def start(
        self, place: Path, *arguments: str, seconds: float | None = None, change: int | None = None
    ) -> dict[str, Any]:
        """Run `wxml forecast`, and kill it after `seconds` or before a change."""
        files = {name: str(self.folder.parent / name) for name in ("stdout", "stderr")}
        for path in files.values():
            Path(path).write_text("")
        output, *others = arguments
        answer: dict[str, Any] = self.listener.ask(
            arguments=["forecast", CHECKPOINT, "-o", f"{place.name}/{output}", *others],
            folder=str(self.folder),
            variables={},
            seconds=seconds,
            change=change,
            group=False,
            **files,
        )
        return answer

    @property
    def stderr(self) -> str:
        """What the last command has written there."""
        return (self.folder.parent / "stderr").read_text()

    def run(self, place: Path, *arguments: str) -> dict[str, Any]:
        """Run it to its end."""
        done = self.start(place, *arguments)
        assert done["code"] == 0, (arguments, (self.folder.parent / "stderr").read_text())
        return done


@pytest.fixture(scope="module")
def work(tmp_path_factory, make_world: Callable[..., Path], listener, quick_wxml) -> Work:
    """A model, and what each format is of a forecast that was not killed."""
    folder = make_world(tmp_path_factory.mktemp("kills") / "work")
    quick_wxml("train", "experiment.yaml", "--run-dir", "run", folder=folder)
    made = Work(folder, listener)
    for name, options in FORMATS.items():
        place = made.place()
        made.usual[name] = made.run(place, name, *options, *MADE)
        made.whole[name] = contents(place)
    return made


def check_left(work: Work, place: Path, name: str, before: Contents) -> None:
    """Check that a kill has left what was there or a whole forecast, and beside it what is named."""
    target, found = place / name, sorted(path.name for path in place.iterdir())
    named = {one.path.name for one in leftovers(place, [target])}
    of_target = {path.split("/")[0] for path in work.whole[name]}
    assert set(found) <= of_target | named
    of_name = {path: data for path, data in contents(place).items() if path == name or path.startswith(f"{name}/")}
    if target.exists():
        whole = {path: data for path, data in work.whole[name].items() if not path.endswith(".wxml.json")}
        assert of_name in (before, whole)
    else:
        with pytest.raises(DataError, match="there is no forecast file"):
            open_forecast(target)
    unfinished = unfinished_path(target)
    if unfinished.exists():
        with pytest.raises(DataError, match="is not whole"):
            open_forecast(unfinished)


def complete_steps(path: Path) -> int:
    """Check that the steps that are said to be complete are those of the whole forecast; return their number."""
    with open_forecast(unfinished_path(path), unfinished=True) as part, open_forecast(path) as whole:
        assert part.complete is not None
        for case, variable in ((case, one.name) for case in range(13) for one in whole.header.variables):
            there = part.complete[case]
            np.testing.assert_array_equal(part.read(case, variable)[there], whole.read(case, variable)[there])
        return int(part.complete.sum())


def check_resumed(work: Work, name: str, kill: dict[str, Any]) -> None:
    place, options = work.place(), (name, *FORMATS[name], *MADE, "--resume")
    killed = work.start(place, *options, **kill)
    check_left(work, place, name, {})
    work.run(place, *options)
    assert contents(place) == work.whole[name], killed
    assert not leftovers(place)
    shutil.rmtree(place)


def test_a_killed_forecast_of_many_steps_does_not_begin_at_the_first(work: Work) -> None:
    """One batch of 16 steps, with a state at each; most of the changes are those of steps."""
    options = ("long.zarr", "forecast.save_state_every=1", "--start", "2000-01-03", "--lead-time", "96h")
    whole, place = work.place(), work.place()
    changes = len(work.run(whole, *options)["changes"])
    assert work.start(place, *options, change=changes * 17 // 20)["code"] == -signal.SIGKILL
    assert state_path(place / "long.zarr") in {one.path for one in leftovers(place, [place / "long.zarr"])}
    work.run(place, *options, "--resume")
    told = re.search(r"the first (\d+) steps of the forecasts from 2000-01-03T00 are kept", work.stderr)
    assert told is not None
    assert 0 < int(told[1]) < 16
    assert contents(place) == contents(whole)
    assert not leftovers(place)


def moments(seed: int) -> list[float]:
    """From 0, the beginning, to 1, the end."""
    chance = random.Random(seed)  # noqa: S311  # no secret
    return [chance.random() for _ in range(KILLS)]


@pytest.mark.parametrize("moment", moments(0))
@pytest.mark.parametrize("name", FORMATS)
def test_a_forecast_that_is_killed_is_gone_on_with(work: Work, name: str, moment: float) -> None:
    check_resumed(work, name, {"seconds": moment * work.usual[name]["seconds"]})


@pytest.mark.parametrize("moment", moments(1))
@pytest.mark.parametrize("name", FORMATS)
def test_a_kill_before_any_change_loses_nothing(work: Work, name: str, moment: float) -> None:
    changes = len(work.usual[name]["changes"])
    check_resumed(work, name, {"change": 1 + int(moment * changes)})


@pytest.mark.parametrize("moment", moments(2)[: max(1, KILLS // 4)])
@pytest.mark.parametrize("name", ["f.zarr", "f2.zarr"])
def test_an_append_that_is_killed_leaves_the_old_forecast_or_the_new_one(work: Work, name: str, moment: float) -> None:
    place, options = work.place(), (name, *FORMATS[name])
    work.run(place, *options, *FIRST)
    before = contents(place)
    changes = len(work.usual[name]["changes"])
    killed = work.start(place, *options, *LATER, "--append", "--resume", change=1 + int(moment * changes))
    check_left(work, place, name, before)
    work.run(place, *options, *LATER, "--append", "--resume")
    assert contents(place) == work.whole[name], killed
    assert not leftovers(place)


def test_complete_steps_are_those_of_the_whole_forecast(work: Work) -> None:
    """A kill stands for a moment in between: four in five of the changes are made."""
    place, options = work.place(), ("f.zarr", *MADE)
    assert work.start(place, *options, change=len(work.usual["f.zarr"]["changes"]) * 4 // 5)["code"] == -signal.SIGKILL
    for path, data in work.whole["f.zarr"].items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_bytes(data)
    assert 0 < complete_steps(place / "f.zarr") < 13 * 4


def test_what_was_left_is_named_and_cleaned(work: Work) -> None:
    place, options = work.place(), ("f.zarr", *MADE)
    work.start(place, *options, change=100)
    assert work.start(place, *options)["code"] == 2
    told = (work.folder.parent / "stderr").read_text()
    assert "was left by a command that has ended" in told
    assert "pass --resume to go on with it, or --clean to remove it" in told
    work.run(place, *options, "--clean")
    assert contents(place) == work.whole["f.zarr"]
