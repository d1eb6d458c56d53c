"""No command reads all of the data: a world beside 64 GiB that nothing asks for."""

import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path

import netCDF4
import pytest
from click.testing import CliRunner
from wxml.artefacts.formats import read_provenance
from wxml.cli import group

GIB = 2**30
CHECKPOINT = "run/checkpoint.safetensors"
COMMANDS = (
    ("train", "experiment.yaml", "--plan"),
    ("train", "experiment.yaml", "--run-dir", "run"),
    ("train", "experiment.yaml", "--run-dir", "run", "--resume"),
    ("forecast", CHECKPOINT, "-o", "forecast.nc"),
    ("verify", "forecast.nc", "-o", "scores"),
)


def bytes_read() -> int:
    """The bytes that this process has read from files so far."""
    return int(Path("/proc/self/io").read_text().split()[1])


@pytest.mark.skipif(not os.path.exists("/proc/self/io"), reason="the system does not count what is read")
def test_no_command_reads_all_of_the_data(in_world: Path, in_process: Callable[..., str]) -> None:
    with netCDF4.Dataset("world.nc", "a") as file:
        file.createDimension("number", 16 * GIB)
        file.createVariable("vast", "f4", ("number",), fill_value=False, contiguous=True)[-1] = 1.0
    size = (in_world / "world.nc").stat().st_size
    assert size > 64 * GIB
    config = (in_world / "experiment.yaml").read_text()
    (in_world / "experiment.yaml").write_text(config.replace("path: world.nc", "path: world.nc, variables: [t, z]"))
    for command in COMMANDS:
        before = bytes_read()
        in_process(*command)
        assert bytes_read() - before < GIB, " ".join(command)
    (record,) = read_provenance(in_world / "forecast.nc").data["source"]["files"]
    assert record.keys() == {"name", "bytes", "sample_sha256"}
    assert record["bytes"] == size


def test_a_checksum_on_request_is_in_every_record(in_world: Path, in_process: Callable[..., str]) -> None:
    expected = hashlib.sha256((in_world / "world.nc").read_bytes()).hexdigest()
    in_process("train", "experiment.yaml", "data.source.checksum=true", "--run-dir", "run")
    in_process("forecast", CHECKPOINT, "-o", "forecast.nc")
    for artefact in (CHECKPOINT, "forecast.nc"):
        (record,) = read_provenance(in_world / artefact).data["source"]["files"]
        assert record["sha256"] == expected


def test_show_plugin_tells_the_option() -> None:
    done = CliRunner().invoke(group, ["show-plugin", "data-source", "xarray"])
    assert re.search(r"checksum.*Record the SHA-256 of all bytes", done.output, re.DOTALL)
