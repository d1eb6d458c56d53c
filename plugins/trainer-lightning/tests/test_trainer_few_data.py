"""The warning of few data for many weights."""

import pytest
import torch
from torch import nn
from wxml_trainer_lightning.few_data import few_data


@pytest.mark.parametrize(
    ("name", "samples", "nodes", "weights"),
    [
        ("the demo", 1218, 2048, 249_862),
        ("two years of North America", 1455, 1325, 262_401),
        ("the preset for a month", 736, 70, 4_822),
    ],
)
def test_the_models_of_the_documentation_have_enough(name: str, samples: int, nodes: int, weights: int) -> None:
    assert few_data(samples, nodes, weights) == ""


def test_a_month_of_a_region_is_few_for_the_default_model() -> None:
    said = few_data(742, 70, 279_241)
    assert said.startswith("few data for this model: 742 samples of 70 grid nodes are 0.19 for each of 279,241 weights")
    assert "experiment=small-data" in said


def test_a_model_without_weights_learns_nothing_by_heart() -> None:
    assert few_data(1, 1, 0) == ""


class Wide(nn.Module):
    """The same model beside weights that do nothing."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model, self.more = model, nn.Parameter(torch.zeros(5000))

    def forward(self, states: torch.Tensor, forcings: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.model(states, forcings) + 0 * self.more.sum()
        return out


def test_a_training_says_it_at_its_start(advection, fit, tmp_path, monkeypatch, caplog) -> None:
    """Two weeks of 6 × 8 nodes are plenty for the few weights of the model, and not for 5,000 more."""
    fit(advection, tmp_path / "few", max_steps=1)
    assert "few data" not in caplog.text
    kind = type(advection)
    make = kind.new_model
    monkeypatch.setattr(kind, "new_model", lambda experiment: Wide(make(experiment)))
    fit(advection, tmp_path / "many", max_steps=1)
    assert caplog.text.count("few data for this model") == 1
