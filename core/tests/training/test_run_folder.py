"""The job of a training: what it writes into the folder of the run, and which folders it refuses."""

from collections.abc import Callable
from pathlib import Path

import pytest
from wxml import ArtefactError
from wxml.artefacts.checkpoint import read_header
from wxml.config.load import LoadedConfig
from wxml.errors import WxmlError
from wxml.files.lock import locked
from wxml.files.yaml_loader import yaml_text
from wxml.training.job import train


@pytest.fixture
def experiment(tiny_files: Callable[[], LoadedConfig], tmp_path: Path) -> Path:
    """The config file of an experiment whose trainer writes a checkpoint at once."""
    path = tmp_path / "experiment.yaml"
    path.write_text(yaml_text(tiny_files().config.model_dump(mode="json", exclude_unset=True)))
    return path


def test_a_training_leaves_its_config_and_its_checkpoint(experiment: Path, tmp_path: Path) -> None:
    checkpoint = train(experiment, ["seed=3"], tmp_path / "run")
    assert checkpoint == tmp_path / "run" / "checkpoint.safetensors"
    assert read_header(checkpoint)["config"]["seed"] == 3
    assert "seed: 3\n" in (tmp_path / "run" / "config.yaml").read_text()
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["checkpoint.safetensors", "config.yaml"]


@pytest.mark.parametrize(
    ("name", "resume", "message", "fix"),
    [
        ("experiment.yaml", False, "is a file, not a folder", "choose another --run-dir"),
        ("begun", False, "holds a run already", "pass --resume to go on, or choose another --run-dir"),
        ("new", True, "holds no run to resume", "leave --resume out to start one"),
    ],
)
def test_a_folder_that_does_not_fit_is_refused(
    experiment: Path, tmp_path: Path, name: str, resume: bool, message: str, fix: str
) -> None:
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / "history.csv").touch()
    with pytest.raises(ArtefactError) as caught:
        train(experiment, [], tmp_path / name, resume=resume)
    assert (caught.value.message, caught.value.fix) == (f"`{tmp_path / name}` {message}", fix)
    assert [path.name for path in (tmp_path / "begun").iterdir()] == ["history.csv"]
    assert not (tmp_path / "new").exists()


def test_the_second_training_in_a_folder_is_refused_and_leaves_it_as_it_is(experiment: Path, tmp_path: Path) -> None:
    run_dir = tmp_path / "first"
    run_dir.mkdir()
    (run_dir / "history.csv").touch()
    with (
        locked(run_dir / ".lock"),
        pytest.raises(ArtefactError, match=r"`.*first` is in use by another process\n"),
    ):
        train(experiment, [], run_dir, resume=True)
    assert [path.name for path in run_dir.iterdir()] == ["history.csv"]


@pytest.mark.parametrize("made_by_user", [False, True])
@pytest.mark.parametrize("override", ["training.plugin=nothing", "model.channels=-1", "training.fails=true"])
def test_a_training_that_fails_before_its_first_state_leaves_the_folder_as_it_was(
    experiment: Path, tmp_path: Path, override: str, made_by_user: bool
) -> None:
    run_dir = tmp_path / "run"
    if made_by_user:
        run_dir.mkdir()
        (run_dir / ".config.yaml.12ab.partial").touch()  # what a killed run left
    with pytest.raises(WxmlError):
        train(experiment, [override], run_dir)
    assert run_dir.exists() == made_by_user
    assert [path.name for path in run_dir.glob("*")] == ([".config.yaml.12ab.partial"] if made_by_user else [])


@pytest.mark.parametrize("left", [[], [".lock"], ["config.yaml"], [".lock", ".config.12ab.partial.yaml"]])
def test_a_run_that_was_killed_before_its_first_state_is_begun_again_by_resume(
    experiment: Path, tmp_path: Path, left: list[str]
) -> None:
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    for name in left:
        (run_dir / name).touch()
    assert train(experiment, [], run_dir, resume=True).is_file()
