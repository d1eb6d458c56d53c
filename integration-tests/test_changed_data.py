"""A data file that changes between a training and its `--resume`."""

import os
import shutil
from pathlib import Path

import netCDF4
import numpy as np
import pytest
from click.testing import CliRunner
from wxml.cli import group

TOLD = "no other bytes were compared"


@pytest.fixture
def folder(in_world: Path) -> Path:
    """A world with a megabyte that nothing asks for, in whose folder commands run."""
    with netCDF4.Dataset("world.nc", "a") as file:
        file.createDimension("number", 2**20)
        file.createVariable("noise", "i1", ("number",), contiguous=True)[:] = np.ones(2**20)
    config = (in_world / "experiment.yaml").read_text()
    (in_world / "experiment.yaml").write_text(config.replace("path: world.nc", "path: world.nc, variables: [t, z]"))
    return in_world


def train(*more: str) -> tuple[int, str]:
    """The exit code of a training in the folder `run`, and what it says."""
    done = CliRunner().invoke(group, ["train", "experiment.yaml", "--run-dir", "run", *more])
    return done.exit_code, done.output


def change(offset: int) -> None:
    """Change the byte at a place of the file, which keeps its size."""
    with Path("world.nc").open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)
        file.seek(offset)
        file.write(bytes([byte[0] ^ 1]))


@pytest.fixture
def unsampled(folder: Path) -> int:
    """A place in the noise between two blocks of the sample."""
    content = (folder / "world.nc").read_bytes()
    place = content.index(b"\1" * 2**19) + 2**19
    distance = (len(content) - 2**14) / 15
    while place % distance < 2**15:
        place += 2**14
    return place


def test_a_change_that_is_overlooked_otherwise_is_warned_of(
    folder: Path, unsampled: int, caplog: pytest.LogCaptureFixture
) -> None:
    assert train()[0] == 0
    assert train("--resume")[0] == 0
    assert TOLD not in caplog.text
    change(unsampled)
    assert train("--resume")[0] == 0
    assert TOLD in caplog.text


def test_a_copy_is_warned_of_unless_it_has_the_times_of_its_original(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert train()[0] == 0
    shutil.copy2("world.nc", "copy.nc")
    Path("copy.nc").replace("world.nc")
    assert train("--resume")[0] == 0
    assert TOLD not in caplog.text
    os.utime("world.nc")
    assert train("--resume")[0] == 0
    assert TOLD in caplog.text


@pytest.mark.usefixtures("folder")
def test_with_a_checksum_no_change_escapes(unsampled: int, caplog: pytest.LogCaptureFixture) -> None:
    asked = "data.source.checksum=true"
    assert train(asked)[0] == 0
    os.utime("world.nc")
    assert train(asked, "--resume")[0] == 0
    assert TOLD not in caplog.text
    change(unsampled)
    code, said = train(asked, "--resume")
    assert code == 2
    assert "data_read.source.files: was" in said


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("offset", [-1, 0], ids=["the last byte", "one byte more"])
def test_a_change_that_the_record_tells_is_refused(offset: int) -> None:
    assert train()[0] == 0
    size = Path("world.nc").stat().st_size
    if offset:
        change(size + offset)
    else:
        os.truncate("world.nc", size + 1)
    code, said = train("--resume")
    assert code == 2
    assert "data_read.source.files: was" in said
