"""What errors of the commands propose, carried out: the same command, changed as the error says, succeeds."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from safetensors.numpy import save_file
from wxml.cli import group

carries_out = pytest.mark.carries_out
Step = str | Callable[[Path], object]
"""A command line, or what is done to the folder; both begin in the folder."""

CHECKPOINT = "run/checkpoint.safetensors"
FORECAST = f"forecast {CHECKPOINT} -o new.nc"
VERIFY = "verify forecast.nc verification.maps=0 -o scores"
TRAIN = "train experiment.yaml --run-dir new"


def write(name: str, text: str = "mine\n") -> Step:
    return lambda folder: (folder / name).write_text(text)


def make(name: str) -> Step:
    return lambda folder: (folder / name).mkdir()


def remove(name: str) -> Step:
    return lambda folder: shutil.rmtree(folder / name) if (folder / name).is_dir() else (folder / name).unlink()


def move(name: str, to: str) -> Step:
    return lambda folder: (folder / name).rename(folder / to)


def copy(name: str, to: str) -> Step:
    return lambda folder: shutil.copy(folder / name, folder / to)


def link(name: str, to: str) -> Step:
    return lambda folder: (folder / name).symlink_to(to)


def cut(name: str) -> Step:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:100])


def flip_last_byte(name: str) -> Step:
    def step(folder: Path) -> None:
        content = bytearray((folder / name).read_bytes())
        content[-1] ^= 1
        (folder / name).write_bytes(content)

    return step


RELEASE = Path(__file__).parents[1] / "release-manifest.toml"


def foreign(folder: Path) -> None:
    """A safetensors file of somebody else."""
    save_file({"weight": np.ones(2, "f4")}, folder / "foreign.safetensors")


def copied_from_release(folder: Path) -> None:
    shutil.copy(RELEASE, folder / "manifest.toml")
    compared(folder, folder / "manifest.toml")


def compared(folder: Path, manifest: Path = RELEASE) -> None:
    """Compare with the manifest of this repository; this environment may differ from it."""
    done = CliRunner().invoke(group, ["doctor", "--json", "--manifest", str(manifest)])
    assert done.exit_code in (0, 1)
    assert "checks" in json.loads(done.stdout)


def case(fix: pytest.MarkDecorator, before: tuple[Step, ...], broken: str, *ways: tuple[Step, ...]) -> object:
    """One fix: what comes before, the command that meets the error, and each way to follow the advice."""
    return pytest.param(before, broken, ways, marks=fix, id=fix.args[0])


CASES = [
    # Where a command writes
    case(
        carries_out("make it first"),
        (),
        f"forecast {CHECKPOINT} -o a/new.nc",
        (make("a"), f"forecast {CHECKPOINT} -o a/new.nc"),
    ),
    case(
        carries_out("choose another path, or pass --overwrite to replace it"),
        (),
        f"forecast {CHECKPOINT} -o forecast.nc",
        (FORECAST,),
        (f"forecast {CHECKPOINT} -o forecast.nc --overwrite",),
    ),
    case(carries_out("choose another path"), (), f"forecast {CHECKPOINT} -o world.nc --overwrite", (FORECAST,)),
    case(
        carries_out("choose another path, or remove it first"),
        (write("mine.nc"),),
        f"forecast {CHECKPOINT} -o mine.nc --overwrite",
        (FORECAST,),
        (remove("mine.nc"), f"forecast {CHECKPOINT} -o mine.nc --overwrite"),
    ),
    case(
        carries_out("move them elsewhere, or choose another path"),
        (VERIFY, write("scores/mine.txt")),
        f"{VERIFY} --overwrite",
        ("verify forecast.nc verification.maps=0 -o others",),
        (move("scores/mine.txt", "mine.txt"), f"{VERIFY} --overwrite"),
    ),
    case(
        carries_out("name the file or folder itself, or choose another path"),
        (link("link.nc", "forecast.nc"),),
        f"forecast {CHECKPOINT} -o link.nc --overwrite",
        (FORECAST,),
        (f"forecast {CHECKPOINT} -o forecast.nc --overwrite",),
    ),
    # What a command reads
    case(
        carries_out("name the checkpoint.safetensors of a training run"),
        (),
        "forecast run/checkpoint -o new.nc",
        (FORECAST,),
    ),
    case(
        carries_out("copy it again from where it was made, or train again with --resume"),
        (copy(CHECKPOINT, "whole"), cut(CHECKPOINT)),
        FORECAST,
        (copy("whole", CHECKPOINT), FORECAST),
        (remove(CHECKPOINT), "train experiment.yaml --run-dir run --resume", FORECAST),
    ),
    case(
        carries_out("copy it again from where it was made"),
        (copy(CHECKPOINT, "whole"), flip_last_byte(CHECKPOINT)),
        FORECAST,
        (copy("whole", CHECKPOINT), FORECAST),
    ),
    case(
        carries_out("name one that wxml wrote"),
        (foreign,),
        "forecast foreign.safetensors -o new.nc",
        (FORECAST,),
    ),
    case(
        carries_out("name it like forecast.zarr or forecast.nc"),
        (move("forecast.nc", "forecast"),),
        "verify forecast -o scores",
        (move("forecast", "forecast.nc"), VERIFY),
    ),
    case(
        carries_out("name it like forecast.zarr or forecast.nc"),
        (),
        f"forecast {CHECKPOINT} -o new",
        (FORECAST,),
        (f"forecast {CHECKPOINT} -o new.zarr",),
    ),
    case(
        carries_out("name a checkpoint, a forecast, or a folder of scores"),
        (),
        "inspect run.nc",
        (f"inspect {CHECKPOINT}",),
        ("inspect forecast.nc",),
        (VERIFY, "inspect scores"),
    ),
    case(
        carries_out("name a checkpoint, a forecast, or a folder of scores"),
        (link("link", "/dev/null"),),
        "inspect link",
        ("inspect forecast.nc",),
    ),
    case(
        carries_out("name a file that `wxml forecast` wrote"),
        (VERIFY,),
        f"verify {CHECKPOINT} -o others",
        ("verify forecast.nc verification.maps=0 -o others",),
    ),
    # Which times
    case(
        carries_out("pass --start and --end, or a shorter --lead-time"),
        (),
        f"{FORECAST} --lead-time 20d",
        (f"{FORECAST} --start 2000-01-08 --end 2000-01-08 --lead-time 12h",),
        (FORECAST,),
    ),
    case(
        carries_out("exchange the two"),
        (),
        f"{FORECAST} --start 2000-01-08T06 --end 2000-01-08",
        (f"{FORECAST} --start 2000-01-08 --end 2000-01-08T06",),
    ),
    case(carries_out("choose {}"), (), f"{FORECAST} --lead-time 7h", (f"{FORECAST} --lead-time 6h",)),
    # Where a training goes on
    case(carries_out("leave --resume out to start one"), (), f"{TRAIN} --resume", (TRAIN,)),
    case(carries_out("choose another --run-dir"), (write("file"),), "train experiment.yaml --run-dir file", (TRAIN,)),
    case(
        carries_out("pass --resume to go on, or choose another --run-dir"),
        (),
        "train experiment.yaml --run-dir run",
        ("train experiment.yaml --run-dir run --resume",),
        (TRAIN,),
    ),
    case(
        carries_out("write 'auto', or one of: {}"),
        (),
        f"{TRAIN} training.accelerator=mps",
        (f"{TRAIN} training.accelerator=auto",),
        (f"{TRAIN} training.accelerator=cpu",),
    ),
    case(
        carries_out("raise `training.batch_size`"),
        (),
        f"{TRAIN} training.devices=2 training.batch_size=1",
        (f"{TRAIN} training.devices=2 training.batch_size=2",),
    ),
    case(
        carries_out("start the training by torchrun or srun"),
        (),
        f"{TRAIN} training.nodes=2",
        (TRAIN,),
    ),
    case(
        carries_out("choose a longer period (`data.split`), fewer steps, or a `data.timestep` that the source has"),
        (),
        f"{TRAIN} data.split.training=[2000-01-01,2000-01-01T06]",
        (f"{TRAIN} data.split.training=[2000-01-01,2000-01-03]",),
    ),
    case(
        carries_out("leave at least one variable out of `forcing` and `diagnostic`, or choose the task `diagnose`"),
        (),
        f"{TRAIN} data.variables.diagnostic=[t,z]",
        (f"{TRAIN} data.variables.diagnostic=[t]",),
    ),
    case(
        carries_out("rename it: up to 200 letters, digits and `_.@+-`, beginning with a letter or a digit"),
        (),
        f"{TRAIN} data.source.rename={{t:_t}}",
        (f"{TRAIN} data.source.rename={{t:t_2}}",),
    ),
    case(
        carries_out("name the file like {}{}, or choose another `forecast.writer`"),
        (),
        f"{FORECAST} forecast.writer.plugin=zarr",
        (f"forecast {CHECKPOINT} -o new.zarr forecast.writer.plugin=zarr",),
        (f"{FORECAST} forecast.writer.plugin=netcdf",),
    ),
    # Release manifests and plugins
    case(carries_out("name a release-manifest.toml of wxml"), (), "doctor --manifest absent.toml", (compared,)),
    *(
        case(
            carries_out("copy it again from the release"),
            (write("manifest.toml", content),),
            "doctor --manifest manifest.toml",
            (copied_from_release,),
        )
        for content in ("[release", "[release]\n")
    ),
    case(
        carries_out("choose one such as acme-window-attention: your institute, then what it does"),
        (),
        "new-plugin processor json",
        ("new-plugin processor acme-window-attention",),
    ),
]


def carry_out(folder: Path, step: Step) -> None:
    if callable(step):
        step(folder)
        return
    done = CliRunner().invoke(group, step.split())
    assert done.exit_code == 0, f"wxml {step}\n{done.output}"


@pytest.mark.parametrize(("before", "broken", "ways"), CASES)
def test_the_fix_helps(
    before: tuple[Step, ...],
    broken: str,
    ways: tuple[tuple[Step, ...], ...],
    trained: Path,
    forecast_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shutil.copytree(trained, tmp_path / "met")
    monkeypatch.chdir(tmp_path / "met")
    for step in before:
        carry_out(tmp_path / "met", step)
    assert CliRunner().invoke(group, broken.split()).exit_code == 2
    for number, way in enumerate(ways):
        folder = tmp_path / str(number)
        shutil.copytree(tmp_path / "met", folder, symlinks=True)
        monkeypatch.chdir(folder)
        for step in way:
            carry_out(folder, step)
