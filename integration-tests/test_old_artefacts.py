"""Checkpoints, forecasts and a stopped run of version 0.1.0, kept in `checkpoints/`: they give the same numbers.

They were made with wxml-core 0.1.0 from simulated data, with the keys that had other names then. The run was stopped by
Ctrl-C after step 5 of 12.
"""

import json
import shutil
from pathlib import Path

import pytest
import xarray as xr
from click.testing import CliRunner
from wxml.artefacts.checkpoint import read_header
from wxml.artefacts.formats import read_provenance
from wxml.cli import group
from wxml.config.schema import ExperimentConfig

OLD = Path(__file__).with_name("checkpoints")
MODELS = ("gnn", "graph-transformer")


def run(*arguments: object) -> str:
    done = CliRunner().invoke(group, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize("model", MODELS)
def test_a_checkpoint_forecasts_what_it_forecast(model: str, tmp_path: Path) -> None:
    run("forecast", OLD / f"0.1.0-{model}.safetensors", "-o", tmp_path / "new.nc")
    with xr.open_dataset(OLD / f"0.1.0-{model}.nc") as old, xr.open_dataset(tmp_path / "new.nc") as new:
        assert list(new.data_vars) == list(old.data_vars)
        for name in old.data_vars:
            xr.testing.assert_allclose(new[name], old[name], rtol=1e-5, atol=1e-5 * float(abs(old[name]).max()))


@pytest.mark.parametrize("model", MODELS)
def test_a_forecast_can_be_verified_and_inspected(model: str, tmp_path: Path) -> None:
    run("verify", OLD / f"0.1.0-{model}.nc", "-o", tmp_path / "scores")
    assert (tmp_path / "scores" / "report.html").is_file()
    for artefact in (OLD / f"0.1.0-{model}.nc", OLD / f"0.1.0-{model}.safetensors", tmp_path / "scores"):
        assert "wxml-core 0.1.0" in run("inspect", artefact)


@pytest.mark.parametrize("model", MODELS)
def test_the_config_speaks_todays_words(model: str) -> None:
    header = read_header(OLD / f"0.1.0-{model}.safetensors")
    record = read_provenance(OLD / f"0.1.0-{model}.nc")
    for config in (header["config"], header["provenance"]["config"], record.parents[0]["config"]):
        assert ExperimentConfig.model_validate(config).model.activation_checkpointing.processor == 1
        assert config["model"]["input_tendencies"] is True
        assert config["model"]["residual"] == "persistence"
        assert not {"checkpointing", "earlier_states"} & set(config["model"])
    assert "model.activation_checkpointing.processor" in header["provenance"]["origins"]
    assert "last-state" not in json.dumps(header)


def test_a_stopped_run_goes_on_as_it_would_have_gone_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(OLD / "0.1.0-run", tmp_path / "run")
    for name in ("experiment.yaml", "waves.nc"):
        shutil.move(tmp_path / "run" / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)  # the path of the data is a part of the config
    run("train", "experiment.yaml", "--run-dir", "run", "--resume")
    notes = read_header(tmp_path / "run" / "checkpoint.safetensors")["training"]
    assert notes["steps"] == notes["weights_of_step"] == 12
    # what version 0.1.0 wrote after 12 steps without a stop
    assert notes["training_loss"] == pytest.approx(1.0535557270050049, rel=1e-5)
    assert notes["validation_loss"] == pytest.approx(1.0528554916381836, rel=1e-5)
    rows = (tmp_path / "run" / "history.csv").read_text().splitlines()
    assert [row.partition(",")[0] for row in rows[1:]] == [str(step) for step in range(1, 13)]
