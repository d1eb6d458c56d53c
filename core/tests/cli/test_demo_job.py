"""The job of `wxml demo`, with tiny parts in the places of the real ones: everything in one folder."""

import shutil

import numpy as np
import pytest
from click.testing import CliRunner
from wxml import ArtefactError, DataError
from wxml.artefacts.formats import read_provenance
from wxml.cli import group
from wxml.cli.demo_job import demo

TINY = (
    "data.source={plugin: waves}",
    "data.variables.forcing=[]",
    "data.variables.constant=[]",
    "data.variables.diagnostic=[]",
    "data.split.training=[2000-01-01,2000-01-10]",
    "data.split.validation=[2000-01-11,2000-01-15]",
    "data.split.test=[2000-01-16,2000-01-18]",
    "graph={plugin: nearest}",
    "model.channels=8",
    "training={plugin: still}",
    "verification={plugin: rms}",
    "forecast.lead_time=12h",
)


def test_the_demo_trains_forecasts_and_verifies(tiny_files, tmp_path) -> None:
    made = demo(tmp_path / "demo", TINY)
    assert made.checkpoint == tmp_path / "demo" / "run" / "checkpoint.safetensors"
    assert made.report.is_file()
    with np.load(made.forecast) as file:  # every 18 hours of the test period
        assert [str(time)[8:13] for time in file["time"]] == ["16T00", "16T18", "17T12", "18T06"]
    assert made.scores.cases == 4
    assert read_provenance(made.forecast).parents == [read_provenance(made.checkpoint).to_dict()]
    assert sorted(path.name for path in (tmp_path / "demo").iterdir()) == [
        "forecast.zarr",
        "forecast.zarr.wxml.json",
        "run",
        "scores",
    ]


def exit_code(directory) -> int:
    """The exit code of `wxml demo`."""
    return CliRunner().invoke(group, ["demo", "--directory", str(directory), *TINY]).exit_code


@pytest.mark.carries_out("choose another --directory, or remove it")
def test_a_folder_with_something_in_it_is_left_alone(tiny_files, tmp_path) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "precious").write_text("")
    with pytest.raises(ArtefactError, match="is not empty"):
        demo(tmp_path / "demo", TINY)
    assert [path.name for path in (tmp_path / "demo").iterdir()] == ["precious"]
    assert exit_code(tmp_path / "demo") == 2
    assert exit_code(tmp_path / "another") == 0
    shutil.rmtree(tmp_path / "demo")
    assert exit_code(tmp_path / "demo") == 0


@pytest.mark.carries_out("choose another --directory")
def test_a_file_is_left_alone(tiny_files, tmp_path) -> None:
    (tmp_path / "demo").write_text("precious")
    assert exit_code(tmp_path / "demo") == 2
    assert (tmp_path / "demo").read_text() == "precious"
    assert exit_code(tmp_path / "another") == 0


def test_a_failure_keeps_what_was_made_before(tiny_files, tmp_path) -> None:
    with pytest.raises(DataError, match="the truth ends too early"):
        demo(tmp_path / "demo", [*TINY[:-2], "verification={plugin: rms, fails: true}", TINY[-1]])
    assert sorted(path.name for path in (tmp_path / "demo").iterdir()) == [
        "forecast.zarr",
        "forecast.zarr.wxml.json",
        "run",
    ]
