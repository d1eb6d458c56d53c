"""The preset for a month of a region: it forecasts another month better than persistence does."""

import csv
from pathlib import Path

import pytest
from wxml.config.load import load_config
from wxml.experiment.assembling import assemble
from wxml.plugins.create import create

CONFIG = """
defaults: [{experiment: small-data}]
data:
  source: {plugin: xarray, path: SOURCE/SURF_*.nc}
  variables:
    forcing: [z, tisr, cos_local_time, sin_local_time, sun_ahead_1h, sun_ahead_2h, sun_ahead_3h, sun_ahead_4h,
      sun_ahead_5h, sun_ahead_6h]
    constant: [z]
  split: {training: [2018-10-01, 2018-10-31], validation: [2018-11-01, 2018-11-30]}
training: {max_steps: 80, validation_every: 80, validation_samples: 99, tracker: none, threads: 1}
"""


@pytest.fixture
def finse(shared_data: Path) -> Path:
    found = shared_data / "era5-finse"
    if not found.is_dir():
        pytest.skip("the data of Finse are not here")
    return found


def written(folder: Path, source: Path) -> Path:
    path = folder / "finse.yaml"
    path.write_text(CONFIG.replace("SOURCE", str(source)))
    return path


def test_the_preset_is_complete_but_for_the_data(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, tmp_path)).config
    assert (config.data.input_steps, config.data.output_steps, config.model.residual) == (3, 6, "ornstein")
    assert config.model.input_means
    assert config.data.forcings[0].options["standardised_over"] == ["2018-10-01", "2018-10-31"]


def test_it_forecasts_another_month_better_than_persistence(finse: Path, tmp_path: Path) -> None:
    """Trained on October, scored on November; t2m of persistence has an error of 0.51, 1.86 and 2.99 K."""
    experiment = assemble(load_config(written(tmp_path, finse)))
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    choice = experiment.config.training
    create("trainer", choice.plugin, choice.options, where="training").fit(experiment, run_dir)
    with (run_dir / "metrics.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if (row["metric"], row["variable"]) == ("rmse", "t2m")]
    scores = {row["lead"]: (float(row["value"]), float(row["persistence"])) for row in rows if row["region"] == "all"}
    for lead, most in (("1h", 0.85), ("6h", 0.88), ("24h", 0.98)):
        value, persistence = scores[lead]
        assert value < most * persistence
