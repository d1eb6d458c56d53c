"""What an error of one variable at one step adds to the loss, against the loss itself; `wxml train --explain-loss`."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from click.testing import CliRunner
from wxml.cli.train import command
from wxml.errors import ConfigError
from wxml.experiment.assembling import assemble
from wxml.plugins.create import create
from wxml.training.loss_explanation import explain_experiment, explain_loss, mean_weights

STEPS = 3
TRAINING = {
    "plugin": "losing",
    "steps": STEPS,
    "loss": [
        {"plugin": "off", "share": 3},
        {"plugin": "off-squared", "weights": ["area", "first"], "variables": ["t"]},
    ],
    "loss_weights": {"later": None, "first": {"factors": [2.0, 7.0]}},
}


def test_the_weights_are_what_an_error_of_one_adds_to_the_loss(tiny: Any) -> None:
    """Brute force: an error of 1 at every node, of one variable at one step, times the number of both."""
    experiment = assemble(tiny({"training": TRAINING}))
    choice = experiment.config.training
    trainer = create("trainer", choice.plugin, choice.options)
    loss, names = trainer.combined_loss(experiment), experiment.roles.output
    truth = torch.zeros(1, STEPS, len(experiment.source.header.grid), len(names))
    explained = explain_experiment(experiment, trainer)
    for part, of in zip(loss.chosen, explained, strict=True):
        assert [(row.variable, row.step) for row in of.rows] == [
            (name, step) for name in part.loss.space.names for step in range(1, STEPS + 1)
        ]
        for row in of.rows:
            forecast = truth.clone()
            forecast[:, row.step - 1, :, names.index(row.variable)] = 1.0
            alone = float(part.loss.value(part(forecast[:, None], truth)))
            expected = part.share / 4 * alone * len(of.rows)
            assert row.weight == pytest.approx(expected, rel=1e-5)
    assert [of.weights for of in explained] == [("area", "tendency", "later", "first"), ("area", "first")]
    assert [of.share for of in explained] == [0.75, 0.25]
    assert [row.lead_time for row in explained[1].rows] == ["6h", "12h", "18h"]


def test_a_node_counts_as_its_measure_says() -> None:
    """Measures ¾ and ¼, factors 2 and 10: 1.5 + 2.5. What is not measured at all counts nothing."""
    measure = np.array([0.75, 0.25])[None, :, None] * np.array([1.0, 0.0])
    factor = np.array([2.0, 10.0])[None, :, None]
    np.testing.assert_allclose(mean_weights(measure * factor, measure), [[4.0, 0.0]])


@pytest.mark.carries_out("choose another trainer, such as lightning")
def test_a_trainer_without_losses_says_so(tiny: Any) -> None:
    experiment = assemble(tiny())
    with pytest.raises(ConfigError, match=r"'none' cannot explain its loss.*training\.plugin"):
        explain_experiment(experiment, create("trainer", "none", {}))
    assert explain_experiment(experiment, create("trainer", "losing", {}))


@pytest.fixture
def written(tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    config = tiny({"training": TRAINING}).config.model_dump(mode="json")
    (folder / "experiment.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    return folder


def test_the_table_has_a_row_for_each_variable_and_a_column_for_each_step(written: Path) -> None:
    done = CliRunner().invoke(command, ["experiment.yaml", "--explain-loss"])
    assert done.exit_code == 0, done.output
    first, second = done.output.split("\n\n")
    assert first.splitlines()[0] == "loss 1 of 2: off, share 0.75, weights: area × tendency × later × first"
    assert [line.split()[0] for line in first.splitlines()[2:]] == ["t", "q"]
    assert first.splitlines()[1].split() == ["variable", "level", "+6h", "+12h", "+18h"]
    assert second.splitlines()[1].split() == ["variable", "level", "every", "step"]
    assert second.splitlines()[2].split() == ["t", "–", "0.5"]  # a quarter of 2
    assert [path.name for path in written.iterdir()] == ["experiment.yaml"]


def test_json_has_the_same_numbers(written: Path) -> None:
    done = CliRunner().invoke(command, ["experiment.yaml", "training.steps=1", "--explain-loss", "--json"])
    assert json.loads(done.stdout)["losses"] == [
        json.loads(json.dumps(of.to_dict())) for of in explain_loss(Path("experiment.yaml"), ["training.steps=1"])
    ]
    refused = CliRunner().invoke(command, ["experiment.yaml", "--plan", "--explain-loss"])
    assert (refused.exit_code, "exclude each other" in refused.output) == (2, True)
