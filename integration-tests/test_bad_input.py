"""What bad input gets, on the real command line: a sentence with a name and a fix, exit code 2, nothing left behind."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

TRAIN = ("train", "experiment.yaml", "--run-dir", "new")
FORECAST = ("forecast", "run/checkpoint.safetensors", "-o", "new.nc")
FULL_KIB = 24


@dataclass(frozen=True)
class Case:
    """One mistake: what is wrong in the folder, the command, and what the message must hold."""

    command: tuple[str, ...]
    names: str
    """The thing that is wrong."""
    fix: str
    prepare: Callable[[Path], None] = field(default=lambda folder: None)


def cut(name: str, share: float) -> Callable[[Path], None]:
    """Keeps the first part of a file."""

    def prepare(folder: Path) -> None:
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[: int(share * len(whole))])

    return prepare


def rewrite(name: str, old: str, new: str) -> Callable[[Path], None]:
    """Replaces some text."""

    def prepare(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new))

    return prepare


def punch(time: str) -> Callable[[Path], None]:
    """Takes three values of t away at one time."""

    def prepare(folder: Path) -> None:
        with xr.open_dataset(folder / "world.nc") as opened:
            world = opened.load()
        world["t"].loc[{"time": time}][2, :3] = np.nan
        world.to_netcdf(folder / "world.nc")

    return prepare


def classic(folder: Path) -> None:
    """The same data as NetCDF 3, cut short."""
    with xr.open_dataset(folder / "world.nc") as opened:
        world = opened.load()
    world.to_netcdf(folder / "world.nc", format="NETCDF3_64BIT")
    cut("world.nc", 0.7)(folder)


def foreign(folder: Path) -> None:
    """A safetensors file of somebody else's."""
    from safetensors.numpy import save_file

    save_file({"x": np.zeros(3)}, folder / "foreign.safetensors")


def text(folder: Path) -> None:
    """A file that has a checkpoint's name and nothing else of it."""
    (folder / "text.safetensors").write_text("weights of a model, honestly\n" * 20)


def make(*names: str) -> Callable[[Path], None]:
    """Files that exist already."""

    def prepare(folder: Path) -> None:
        for name in names:
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text("somebody's work")

    return prepare


CASES = {
    "misspelt plugin": Case((*TRAIN, "model.processor.plugin=gnm"), "'gnm'", "did you mean 'gnn'"),
    "misspelt plugin in the file": Case(
        TRAIN,
        "experiment.yaml:9",
        "did you mean 'icosahedral'",
        rewrite("experiment.yaml", "icosahedral", "icosahedron"),
    ),
    "plugin that is not installed": Case((*TRAIN, "model.processor.plugin=fourier"), "'fourier'", "gnn"),
    "misspelt option": Case((*TRAIN, "model.processor.num_layer=2"), "num_layer", "num_layers"),
    "misspelt option in the file": Case(
        TRAIN, "`max_step`", "did you mean 'max_steps'", rewrite("experiment.yaml", "max_steps", "max_step")
    ),
    "option out of bounds": Case((*TRAIN, "training.max_steps=0"), "training.max_steps", "greater than 0"),
    "misspelt key": Case((*TRAIN, "data.timestp=6h"), "timestp", "timestep"),
    "misspelt key in the file": Case(
        TRAIN, "`timestp`", "did you mean 'timestep'", rewrite("experiment.yaml", "timestep", "timestp")
    ),
    "import path": Case((*TRAIN, "model.processor.plugin=os.path:Join"), "os.path:Join", "by name"),
    "no experiment": Case(("train", "experimnt.yaml", "--run-dir", "new"), "'experimnt.yaml'", "check the path"),
    "no data": Case((*TRAIN, "data.source.path=wrld.nc"), "`wrld.nc`", "did you mean `world.nc`?"),
    "no data to forecast from": Case(
        (*FORECAST, "data.source.path=elsewhere/world.nc"), "`elsewhere/world.nc`", "no folder `elsewhere`"
    ),
    "truncated NetCDF 4": Case(TRAIN, "`world.nc`", "fetch or write it again", cut("world.nc", 0.6)),
    "truncated NetCDF 4, almost whole": Case(TRAIN, "`world.nc`", "fetch or write it again", cut("world.nc", 0.98)),
    "truncated NetCDF 3": Case(TRAIN, "`world.nc`", "fetch or write the file again", classic),
    "truncated forecast": Case(
        ("verify", "forecast.nc", "-o", "new"), "`forecast.nc`", "again", cut("forecast.nc", 0.5)
    ),
    "empty NetCDF": Case(TRAIN, "`world.nc`", "again", cut("world.nc", 0)),
    "date before the data": Case(
        (*FORECAST, "--start", "1999-12-01"), "1999-12-01T00", "2000-01-01T00 to 2000-01-10T18"
    ),
    "date after the data": Case(
        (*FORECAST, "--start", "2000-01-09", "--end", "2000-02-09"), "2000-01-11T00", "2000-01-01T00 to 2000-01-10T18"
    ),
    "date between two steps": Case((*FORECAST, "--start", "2000-01-08T03"), "2000-01-08T03", "choose among these"),
    "no date": Case((*FORECAST, "--start", "tomorrow"), "'tomorrow'", "2000-01-01T06"),
    "end before start": Case((*FORECAST, "--start", "2000-01-09", "--end", "2000-01-08"), "`end`", "exchange the two"),
    "lead time between two steps": Case((*FORECAST, "--lead-time", "9h"), "'9h'", "choose 6h"),
    "training without data": Case(
        (*TRAIN, "data.split.training=[1990-01-01,1990-12-31]"), "data.split.training", "2000-01-01"
    ),
    "unknown variable": Case((*TRAIN, "data.variables.prognostic=[t,zz]"), "'zz'", "known: t, z"),
    "unknown forcing": Case(
        (*TRAIN, "data.variables.forcing=[insolatoin]"), "'insolatoin'", "did you mean 'insolation'"
    ),
    "NaN in the training": Case(TRAIN, "samples lack an input: 't' at 2000-01-03T12", "impute", punch("2000-01-03T12")),
    "NaN in the initial state": Case(
        FORECAST, "'t' is missing at 2000-01-08T06 on 3 of 48", "impute", punch("2000-01-08T06")
    ),
    "no checkpoint": Case(("forecast", "no.safetensors", "-o", "new.nc"), "`no.safetensors`", "checkpoint.safetensors"),
    "text for a checkpoint": Case(
        ("forecast", "text.safetensors", "-o", "new.nc"),
        "`text.safetensors` is not a checkpoint",
        "copy it again",
        text,
    ),
    "data for a checkpoint": Case(("forecast", "world.nc", "-o", "new.nc"), "`world.nc` is not a checkpoint", "copy"),
    "folder without a run": Case(
        ("forecast", "work", "-o", "new.nc"),
        "`work` holds no checkpoint",
        "the folder of a run",
        make("work/thesis.tex"),
    ),
    "somebody else's safetensors": Case(
        ("forecast", "foreign.safetensors", "-o", "new.nc"), "`foreign.safetensors`", "wxml wrote", foreign
    ),
    "a state for a checkpoint": Case(("forecast", "run/state.safetensors", "-o", "new.nc"), "`run/state", "wxml wrote"),
    "checkpoint cut in the weights": Case(
        FORECAST, "`run/checkpoint.safetensors`", "copy it again", cut("run/checkpoint.safetensors", 0.9)
    ),
    "checkpoint cut in the header": Case(
        FORECAST, "`run/checkpoint.safetensors`", "copy it again", cut("run/checkpoint.safetensors", 0.05)
    ),
    "empty checkpoint": Case(
        FORECAST, "`run/checkpoint.safetensors`", "copy it again", cut("run/checkpoint.safetensors", 0)
    ),
    "checkpoint cut, inspected": Case(
        ("inspect", "run/checkpoint.safetensors"), "`run/ch", "copy it again", cut("run/checkpoint.safetensors", 0.9)
    ),
    "forecast exists": Case(FORECAST, "`new.nc` exists", "--overwrite", make("new.nc")),
    "scores exist": Case(("verify", "forecast.nc", "-o", "new"), "`new` exists", "--overwrite", make("new/scores.nc")),
    "run exists": Case(TRAIN, "`new` holds a run already", "--resume", make("new/state.safetensors")),
    "run is a file": Case(TRAIN, "`new` is a file", "--run-dir", make("new")),
    "demo exists": Case(("demo", "--directory", "new"), "`new` is not empty", "--directory", make("new/x")),
    "no folder for the forecast": Case((*FORECAST[:3], "no/where.nc"), "folder `no`", "make it first"),
    "no format": Case((*FORECAST[:3], "forecast.doc"), "'doc'", "zarr"),
    "nothing to resume": Case((*TRAIN, "--resume"), "`new` holds no run", "leave --resume out"),
    "a checkpoint to verify": Case(
        ("verify", "run/checkpoint.safetensors", "-o", "new"), "is no forecast", "wxml forecast"
    ),
}


@pytest.fixture
def folder(trained: Path, forecast_file: Path, tmp_path: Path) -> Path:
    """A copy of everything that went well."""
    return Path(shutil.copytree(trained, tmp_path / "world"))


def is_refused(done: "subprocess.CompletedProcess[str]", names: str, fix: str) -> None:
    """One error with these words, at the end of stderr, and exit code 2."""
    assert done.returncode == 2, done.stderr
    lines = done.stderr.splitlines()
    assert [line.startswith("error: ") for line in lines].count(True) == 1, done.stderr
    start = next(number for number, line in enumerate(lines) if line.startswith("error: "))
    message = "\n".join(lines[start:])
    assert names in message
    assert fix in message
    assert "Traceback" not in done.stdout + done.stderr
    assert "unexpected" not in message
    assert len(message) < 900, "a sentence, not a dump"


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_bad_input(case: Case, folder: Path, quickly, contents) -> None:
    case.prepare(folder)
    before = contents(folder)
    done = quickly(*case.command, folder=folder)
    is_refused(done, case.names, case.fix)
    assert contents(folder) == before


VERIFY = ("verify", "forecast.nc", "-o", "new")
READERS = {"training": TRAIN, "initial state": FORECAST, "truth": VERIFY}
OPENERS = {"forecast": VERIFY, "inspected forecast": ("inspect", "forecast.nc")}


@pytest.mark.parametrize("place", ["/", "inner/group"])
@pytest.mark.parametrize("kind", ["external storage", "external link", "virtual variable"])
@pytest.mark.parametrize("reader", [*READERS, *OPENERS])
def test_a_file_that_leads_to_another(
    reader: str, kind: str, place: str, folder: Path, quickly, contents, lead_elsewhere
) -> None:
    name = "world.nc" if reader in READERS else "forecast.nc"
    (folder / "other").write_text("somebody's secret")
    lead_elsewhere(folder / name, kind, place, folder / "other")
    before = contents(folder)
    done = quickly(*(READERS | OPENERS)[reader], folder=folder)
    is_refused(done, f"`{name}` ", "into one file without links")
    assert ("`x`" if place == "/" else f"`{place}/x`") in done.stderr
    assert contents(folder) == before


@pytest.mark.parametrize("name", ["misspelt key in the file", "no experiment", "empty checkpoint"])
def test_the_console_script_says_the_same(name: str, folder: Path, run, quickly) -> None:
    CASES[name].prepare(folder)
    done, same = run(*CASES[name].command, folder=folder), quickly(*CASES[name].command, folder=folder)
    assert (done.returncode, done.stdout, done.stderr) == (same.returncode, same.stdout, same.stderr)


def test_all_faults_of_a_file_come_at_once(folder: Path, quickly) -> None:
    rewrite("experiment.yaml", "timestep", "timestp")(folder)
    rewrite("experiment.yaml", "num_layers", "num_layer")(folder)
    done = quickly(*TRAIN, "graph.plugin=icosahedron", folder=folder)
    for words in ("did you mean 'timestep'", "did you mean 'num_layers'", "did you mean 'icosahedral'"):
        is_refused(done, words, "experiment.yaml:")


# A full disk


@pytest.fixture
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system inside of the folder that holds next to nothing."""
    disk = folder / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={FULL_KIB}k", "tmpfs", disk]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no command `mount`")
    if done.returncode:
        pytest.skip(f"mounting a small disk is not permitted here: {done.stderr.strip()}")
    yield disk
    subprocess.run(["umount", disk], check=True)


@pytest.mark.parametrize(
    ("command", "names"),
    [
        ((*FORECAST[:3], "disk/new.nc"), "disk/new.nc"),
        ((*FORECAST[:3], "disk/new.zarr"), "disk/new.zarr"),
        (("verify", "forecast.nc", "-o", "disk/new"), "disk/new"),
        (("train", "experiment.yaml", "--run-dir", "disk/new"), "disk/new"),
    ],
    ids=["NetCDF", "zarr", "scores", "training"],
)
def test_a_full_disk(command: tuple[str, ...], names: str, folder: Path, small_disk: Path, quickly, contents) -> None:
    (small_disk / "ballast").write_bytes(b"\0" * 2**10 * (FULL_KIB - 8))
    before = contents(folder)
    done = quickly(*command, folder=folder)
    is_refused(done, names, "space")
    assert "No space left" in done.stderr or "full" in done.stderr
    assert contents(folder) == before
