"""A disk that is full at any point of a command: one sentence, nothing half-written, and the old files stay."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from wxml.files.staging import remove

ROOM = [0.3, 0.95, *(pytest.param(room, marks=pytest.mark.long()) for room in (0.0, 0.7))]
"""Shares of what a command writes: as much is free."""
TRAIN = ("train", "experiment.yaml", "training.max_steps=6", "training.checkpoint_every=1", "--run-dir")
REPLACE = {
    "old.nc": ("forecast", "run/checkpoint.safetensors", "--overwrite", "-o"),
    "old.zarr": ("forecast", "run/checkpoint.safetensors", "--overwrite", "-o"),
    "scores": ("verify", "forecast.nc", "verification.maps=0", "--overwrite", "-o"),
}
BATCHES = ("forecast.batch_size=1", "--resume")
"""Makes one initial time after the other, and lets what is finished outlive a failure."""
WRITERS = {"old.nc": "{plugin: netcdf}", "old.zarr": "{plugin: zarr, zarr_format: 2}"}
"""The second has a file for each step, so that the disk is full in the midst of them."""
PAGE = 4096


def pages(path: Path) -> int:
    """How many pages a file or everything in a folder takes."""
    files = [path] if path.is_file() else [inner for inner in path.rglob("*") if inner.is_file()]
    return sum(-(-file.stat().st_size // PAGE) for file in files)


class Disk:
    """A small file system at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def leave(self, room: int) -> None:
        """Have so many pages free."""
        used = shutil.disk_usage(self.path).used // PAGE
        self.mount(f"remount,size={max(1, used + room) * PAGE}")

    def mount(self, options: str) -> "subprocess.CompletedProcess[str]":
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", self.path]
        return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A disk of 64 MiB, which can be made smaller."""
    made = Disk(tmp_path / "disk")
    made.path.mkdir()
    try:
        done = made.mount("size=64M")
    except FileNotFoundError:
        pytest.skip("there is no command `mount`")
    if done.returncode:
        pytest.skip(f"mounting a small disk is not permitted here: {done.stderr.strip()}")
    yield made
    subprocess.run(["umount", made.path], check=True)


@pytest.fixture(scope="module")
def whole(
    trained: Path, forecast_file: Path, quick_wxml: Callable[..., object], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder with what each command makes on a large disk."""
    made = tmp_path_factory.mktemp("whole")
    for name, command in {**REPLACE, "run": TRAIN}.items():
        quick_wxml(*command, str(made / name), folder=trained)
    return made


def refusal(done: "subprocess.CompletedProcess[str]") -> str:
    """The sentence of a refusal."""
    assert done.returncode == 2, done.stderr
    start = done.stderr.index("error: ")
    assert "No space left" in done.stderr[start:] or "disk is full" in done.stderr[start:]
    return done.stderr[start:]


@pytest.mark.parametrize("room", ROOM)
@pytest.mark.parametrize("name", REPLACE)
def test_what_cannot_be_replaced_stays(
    name: str,
    room: float,
    trained: Path,
    whole: Path,
    disk: Disk,
    quickly: Callable[..., "subprocess.CompletedProcess[str]"],
    contents: Callable[[Path], dict[str, str]],
) -> None:
    target = disk.path / name
    shutil.copytree(whole / name, target) if (whole / name).is_dir() else shutil.copy(whole / name, target)
    before = contents(disk.path)
    disk.leave(int(room * pages(whole / name)))
    done = quickly(*REPLACE[name], str(target), folder=trained)
    assert name in refusal(done)
    assert contents(disk.path) == before


@pytest.mark.parametrize("room", ROOM)
@pytest.mark.parametrize("name", WRITERS)
def test_a_forecast_goes_on_when_there_is_room_again(
    name: str,
    room: float,
    trained: Path,
    whole: Path,
    disk: Disk,
    quickly: Callable[..., "subprocess.CompletedProcess[str]"],
    quick_wxml: Callable[..., object],
    contents: Callable[[Path], dict[str, str]],
) -> None:
    """What stays is a part that `--resume` goes on with, and the error names it; NetCDF has no such part."""
    target = disk.path / name
    command = (*REPLACE[name], str(target), f"forecast.writer={WRITERS[name]}", *BATCHES)
    quick_wxml(*command, folder=trained)
    made, size = contents(disk.path), pages(target)
    remove(target)
    shutil.copytree(whole / name, target) if (whole / name).is_dir() else shutil.copy(whole / name, target)
    before = contents(disk.path)
    disk.leave(int(room * size))
    told = refusal(quickly(*command, folder=trained))
    after = contents(disk.path)
    left = after.keys() - before.keys()
    unfinished = f"{target.stem}.unfinished{target.suffix}"
    assert {path: after[path] for path in before} == before
    assert {path.split("/")[0] for path in left} in (set(), {unfinished, f"{unfinished}.jsonl"})
    assert bool(left) == (name == "old.zarr" and room > 0.3)
    assert (f"--resume goes on with `{disk.path / unfinished}`" in told) == bool(left)
    assert ("nothing was left behind" in told) == (not left)
    disk.leave(2**14)
    quick_wxml(*command, folder=trained)
    assert contents(disk.path) == made


@pytest.mark.parametrize("room", ROOM)
def test_a_training_goes_on_when_there_is_room_again(
    room: float,
    trained: Path,
    whole: Path,
    disk: Disk,
    quickly: Callable[..., "subprocess.CompletedProcess[str]"],
    quick_wxml: Callable[..., object],
    contents: Callable[[Path], dict[str, str]],
) -> None:
    run_dir = disk.path / "run"
    disk.leave(int(room * pages(whole / "run")))
    refusal(quickly(*TRAIN, str(run_dir), folder=trained))
    begun = (run_dir / "state.safetensors").exists()
    assert begun == run_dir.exists(), "without a state nothing is left"
    disk.leave(2**14)
    quick_wxml(*TRAIN, str(run_dir), *(["--resume"] if begun else []), folder=trained)
    for file in ("checkpoint.safetensors", "history.csv"):
        assert (run_dir / file).read_bytes() == (whole / "run" / file).read_bytes()
    assert contents(run_dir).keys() == contents(whole / "run").keys()
