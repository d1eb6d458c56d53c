"""What `wxml train --profile` prints of what a trainer has measured."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from wxml.cli.train import command
from wxml.errors import ArtefactError, ConfigError
from wxml.experiment.assembling import assemble
from wxml.plugins.create import create
from wxml.training.memory_limit import plan_experiment
from wxml.training.training_profile import profile_experiment, profile_lines, profile_training


@pytest.fixture
def written(tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A config of a trainer that measures what it is told: see `Measured` of `conftest.py`."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    config = tiny({"training": {"plugin": "measured"}}).config.model_dump(mode="json")
    (folder / "experiment.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    return folder


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, list(arguments))


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_table_has_a_row_for_each_phase(written: Path) -> None:
    """Ten steps of half a second: 0.5 s of data is a tenth, 50 ms a step."""
    done = run("experiment.yaml", "--profile", "10")
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert lines[0] == "10 steps after 5 to warm up: rollout of 2, device cpu"
    assert [line.split()[:3] for line in lines[3:10]] == [
        ["data", "50.00", "10.0%"],
        ["forward", "100.00", "20.0%"],
        ["backward", "250.00", "50.0%"],
        ["optimiser", "50.00", "10.0%"],
        ["communication", "0.00", "0.0%"],
        ["other", "50.00", "10.0%"],
        ["total", "500.00", "100.0%"],
    ]
    assert lines[5].endswith(" " + "█" * 15)
    assert lines[11] == "16 samples/s"
    assert lines[12].startswith("peak memory: 3.0 MiB measured, ")
    assert left(written) == ["experiment.yaml"]


def test_twenty_steps_are_the_default(written: Path) -> None:
    assert run("experiment.yaml", "--profile").output.startswith("20 steps after")


def test_json_has_the_plan_beside_what_was_measured(written: Path, tiny: Any) -> None:
    found = json.loads(run("experiment.yaml", "--profile=10", "--json").output)
    experiment = assemble(tiny({"training": {"plugin": "measured"}}))
    assert found["planned_memory"] == plan_experiment(experiment, create("trainer", "measured", {})).peak
    assert found["peak_memory"] == 3 * 2**20
    assert found["samples_per_second"] == 16
    assert sum(found["phases"].values()) == pytest.approx(found["seconds"])


def test_memory_has_a_row_for_each_part_beside_the_plan(written: Path, tiny: Any) -> None:
    """Of 3 MiB, 1 MiB are weights and 512 KiB constants, which no plan has; 1.5 MiB are no tensor's."""
    counted = {"weights": 2**20, "constants": 2**19}
    chosen = {"plugin": "measured", "tensors": counted}
    profile = profile_experiment(
        assemble(tiny({"training": chosen})), create("trainer", "measured", {"tensors": counted}), 3
    )
    assert profile.gaps == 3 * 2**19
    found = profile.to_dict()
    assert found["tensors"] == counted
    assert sum(found["planned"].values()) == found["planned_memory"]
    lines = profile_lines(profile)
    table = [re.split(r"\s{2,}", line) for line in lines[lines.index("", -15) + 1 :]]
    assert table[0] == ["", "planned", "measured"]
    measured = {row[0]: row[-1] for row in table[1:]}
    sizes = {"weights": "1.0 MiB", "constants": "512.0 KiB", "gaps between tensors": "1.5 MiB", "total": "3.0 MiB"}
    assert {name: size for name, size in measured.items() if size != "–"} == sizes
    assert next(row[1] for row in table if row[0] == "constants") == "–"


def test_what_the_system_does_not_tell_is_a_dash(tiny: Any) -> None:
    experiment = assemble(tiny({"training": {"plugin": "measured"}}))
    profile = profile_experiment(experiment, create("trainer", "measured", {"peak": None, "ranks": 2}), 3)
    assert profile_lines(profile)[-1].startswith("peak memory: – measured")
    assert profile_lines(profile)[0].endswith(", 2 processes, of which this is the first")


@pytest.mark.carries_out("choose another trainer, such as lightning")
def test_a_trainer_that_cannot_says_so(written: Path) -> None:
    with pytest.raises(ConfigError, match=r"the trainer 'none' cannot profile its steps.*training\.plugin"):
        profile_training(Path("experiment.yaml"), ["training={plugin: none}"], 3, Path("trace.json"))
    assert left(written) == ["experiment.yaml"]
    assert profile_training(Path("experiment.yaml"), [], 3).measured.steps == 3


@pytest.mark.carries_out("remove it, or choose another --trace")
def test_a_trace_is_new(written: Path) -> None:
    before = (written / "experiment.yaml").read_bytes()
    with pytest.raises(ArtefactError, match=r"`experiment\.yaml` exists already"):
        profile_training(Path("experiment.yaml"), [], 3, Path("experiment.yaml"))
    assert (written / "experiment.yaml").read_bytes() == before
    done = run("experiment.yaml", "--profile", "3", "--trace", "trace.json")
    assert done.output.splitlines()[-1] == "trace.json"
    assert json.loads((written / "trace.json").read_text()) == {"traceEvents": []}
    (written / "trace.json").unlink()
    profile_training(Path("experiment.yaml"), [], 3, Path("trace.json"))
    assert left(written) == ["experiment.yaml", "trace.json"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--profile", "experiment.yaml"], "'experiment.yaml' is no number of steps from 1 on; write --profile after"),
        (["experiment.yaml", "--profile=0"], "'0' is no number of steps"),
        (["--trace", "trace.json"], "--trace needs --profile"),
        (["--json"], "--json needs --plan, --explain-loss or --profile"),
        (["--plan", "--profile"], "--plan and --profile exclude each other"),
    ],
)
def test_what_does_not_go_together(arguments: list[str], message: str) -> None:
    done = run(*arguments)
    assert done.exit_code == 2
    assert message in " ".join(done.output.replace("│", " ").split())
