"""What earlier releases made, kept in `checkpoints/`: a checkpoint of each model family, and its forecast.

They give the same numbers in every later version, by the migrations of their plugins where those have changed. Those of
0.1.0 have the keys that had other names then. With them is a run of 0.1.0, stopped by Ctrl-C after step 5 of 12.
`keep_checkpoints.py` keeps those of a release.
"""

import hashlib
import json
import shutil
from pathlib import Path

import netCDF4
import pytest
import xarray as xr
from click.testing import CliRunner
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from wxml.artefacts.checkpoint import read_header
from wxml.artefacts.formats import read_provenance
from wxml.cli import group
from wxml.config.schema import ExperimentConfig

OLD = Path(__file__).with_name("checkpoints")
KEPT = sorted(path.stem for path in OLD.glob("*.safetensors"))
MODELS = ("gnn", "graph-transformer")
FILES = "data_read.source.files"


def run(*arguments: object) -> str:
    done = CliRunner().invoke(group, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize("kept", KEPT)
def test_a_checkpoint_forecasts_what_it_forecast(kept: str, tmp_path: Path) -> None:
    """The first initial time, in every version since; a family that is migrated is so by its own package."""
    with xr.open_dataset(OLD / f"{kept}.nc") as every_time:
        old = every_time.isel(time=[0]).load()
    run("forecast", OLD / f"{kept}.safetensors", "--start", str(old.time.values[0]), "-o", tmp_path / "new.nc")
    with xr.open_dataset(tmp_path / "new.nc") as new:
        assert list(new.data_vars) == list(old.data_vars)
        for name in old.data_vars:
            assert new[name].sizes == old[name].sizes
            xr.testing.assert_allclose(new[name], old[name], rtol=1e-5, atol=1e-5 * float(abs(old[name]).max()))


@pytest.mark.parametrize("model", ["gnn", "ensemble"])
def test_a_forecast_can_be_verified_and_inspected(model: str, tmp_path: Path) -> None:
    run("verify", OLD / f"0.1.0-{model}.nc", "verification.maps=1", "-o", tmp_path / "scores")
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


def unpack(folder: Path) -> Path:
    """The stopped run, with its config and its data beside it."""
    shutil.copytree(OLD / "0.1.0-run", folder / "run")
    for name in ("experiment.yaml", "waves.nc"):
        shutil.move(folder / "run" / name, folder / name)
    return folder


def require_the_end(run_dir: Path) -> None:
    """Require what version 0.1.0 wrote after 12 steps without a stop."""
    notes = read_header(run_dir / "checkpoint.safetensors")["training"]
    assert notes["steps"] == notes["weights_of_step"] == 12
    assert notes["training_loss"] == pytest.approx(1.0535557270050049, rel=1e-5)
    assert notes["validation_loss"] == pytest.approx(1.0528554916381836, rel=1e-5)
    rows = (run_dir / "history.csv").read_text().splitlines()
    assert [row.partition(",")[0] for row in rows[1:]] == [str(step) for step in range(1, 13)]


def test_a_stopped_run_goes_on_as_it_would_have_gone_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(unpack(tmp_path))  # the path of the data is a part of the config
    run("train", "experiment.yaml", "--run-dir", "run", "--resume")
    require_the_end(tmp_path / "run")
    assert "the graph was not compared" in caplog.text


def test_a_stopped_run_on_a_changed_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(unpack(tmp_path))
    with netCDF4.Dataset("waves.nc", "a") as file:
        name = next(name for name, variable in file.variables.items() if variable.ndim == 3)
        file[name][3, 1, 1] += 1
    done = CliRunner().invoke(group, ["train", "experiment.yaml", "--run-dir", "run", "--resume"])
    assert done.exit_code == 2
    assert f"{FILES}: was" in done.output


def rewrite_identity(path: Path, **changes: str) -> None:
    """Change values in the identity of a state of version 0.1, which has no checksums."""
    with safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()["wxml_training_state"])
    header["identity"].update(changes)
    save_file(load_file(path), path, {"wxml_training_state": json.dumps(header)})


def hashed_whole(name: str) -> dict[str, object]:
    """The record of a file, or of a zarr store, in version 0.1."""
    root = Path(name)
    files = sorted((path for path in root.rglob("*") if path.is_file()), key=Path.as_posix) if root.is_dir() else [root]
    hashes = {file: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    digest = hashes.get(root)
    if digest is None:
        lines = "".join(f"{one}  {file.relative_to(root).as_posix()}\n" for file, one in hashes.items())
        digest = hashlib.sha256(lines.encode()).hexdigest()
    return {"name": name, "bytes": sum(file.stat().st_size for file in files), "sha256": digest}


@pytest.mark.parametrize("form", ["nc", "zarr"])
def test_a_stopped_run_on_several_files_goes_on(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The identity of a training holds no long list of files, only its hash."""
    monkeypatch.chdir(unpack(tmp_path))
    with xr.open_dataset("waves.nc") as waves:
        variables = list(waves)  # zarr stores have an order of their own
        for number, part in enumerate((waves.isel(time=slice(20)), waves.isel(time=slice(20, None)))):
            path = f"part-{number}.{form}"
            part.to_zarr(path, zarr_format=2) if form == "zarr" else part.to_netcdf(path)
    names = [f"part-{number}.{form}" for number in range(2)]
    text = json.dumps([hashed_whole(name) for name in names], sort_keys=True)
    changes = {"data.source.path": names, "data.variables.prognostic": variables}
    identity = {key: json.dumps(value) for key, value in changes.items()}
    identity[FILES] = f"sha256 {hashlib.sha256(text.encode()).hexdigest()}"
    rewrite_identity(tmp_path / "run" / "state.safetensors", **identity)
    changed = [f"{key}=[{','.join(value)}]" for key, value in changes.items()]
    run("train", "experiment.yaml", *changed, "--run-dir", "run", "--resume")
    require_the_end(tmp_path / "run")
