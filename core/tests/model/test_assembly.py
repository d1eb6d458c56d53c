"""The model that a config describes: edge features that are learned, residuals, skips, several output steps."""

from pathlib import Path

import numpy as np
import pytest
import torch
from wxml import ConfigError
from wxml.errors import ContractError
from wxml.experiment.assembling import assemble
from wxml.experiment.restoring import restore
from wxml.forecasting.rollout import rollout
from wxml.model.residual import TruncatedState

LEARNING = {
    "model.encoder": {"plugin": "edges"},
    "model.processor": {"plugin": "conditioned"},
    "model.decoder": {"plugin": "edges"},
}


def inputs(batch: int = 2, time: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(batch, time, 48, 2, generator=generator), torch.zeros(batch, time, 48, 0)


def test_edge_features_are_learned_where_they_are_wanted(tiny) -> None:
    wanted = {"encoder": 1, "processor": 2, "decoder": 3}
    experiment = assemble(tiny({**LEARNING, "model.trainable_features": wanted}))
    model, edges = experiment.new_model(), experiment.graph.edges
    pairs = {"encoder": ("grid", "mesh"), "processor": ("mesh", "mesh"), "decoder": ("mesh", "grid")}
    model(*inputs()).square().sum().backward()
    for name, pair in pairs.items():
        features = getattr(model, name).features.trainable
        assert features.shape == (len(edges[pair]), wanted[name])
        assert not features.detach().any(), "they are zero at first"
        assert features.grad.any()


def test_edge_features_that_nobody_would_learn_are_refused(tiny) -> None:
    for name in ("encoder", "processor", "decoder"):
        experiment = assemble(tiny({"model.trainable_features": {name: 2}}))
        with pytest.raises(
            ConfigError, match=f"`model.trainable_features.{name}` is 2, but this {name} ignores edge"
        ) as e:
            experiment.new_model()
        assert "set it to 0" in str(e.value)


def test_a_default_model_has_the_weights_of_its_parts_alone(tiny) -> None:
    names = {name.split(".")[0] for name in assemble(tiny()).new_model().state_dict()}
    assert names == {"encoder", "processor", "decoder"}


def test_the_truncated_residual_is_the_large_scales_of_the_last_state(tiny) -> None:
    experiment = assemble(tiny({"model.residual": "truncated", "model.truncation_width": 0.5}))
    model, graph, (states, forcings) = experiment.new_model(), experiment.graph, inputs()
    truncated = TruncatedState(graph.route("grid", "mesh"), graph.route("mesh", "grid"), 0.5, 0)(states)
    without = assemble(tiny({"model.residual": "none"})).new_model()
    torch.testing.assert_close(model(states, forcings) - without(states, forcings), truncated)


def test_the_latent_skip_is_an_option(tiny) -> None:
    model = assemble(tiny({"model.latent_skip": False})).new_model()
    with torch.no_grad():
        model.processor.mix.weight.zero_()
        model.processor.mix.bias.zero_()
        states, forcings = inputs()
        _, decoded = model.decoder(torch.zeros(2, 12, 8), model.encoder.source(model.grid_features(states, forcings)))
        expected = states[:, -1] + model.increment_scale * decoded
        torch.testing.assert_close(model(states, forcings)[:, 0], expected)


@pytest.mark.parametrize("input_steps", [1, 2, 3])
def test_a_model_of_several_steps_from_config_to_forecast(tiny, tmp_path: Path, input_steps: int) -> None:
    """With its last layer at zero but for a bias, each of its three steps is the last state plus its own bias."""
    config = tiny({"data.output_steps": 3, "data.input_steps": input_steps, "model.increment_scale": "unit"})
    experiment = assemble(config)
    model = experiment.new_model()
    with torch.no_grad():
        model.decoder.out.weight.zero_()
        model.decoder.out.bias.copy_(torch.tensor([1.0, 10, 2, 20, 4, 40]))  # t and q of one step after the other
    experiment.save(tmp_path / "c.safetensors", model.state_dict(), {})
    again, restored = restore(tmp_path / "c.safetensors")
    assert restored(*inputs(time=input_steps)).shape == (2, 3, 48, 2)
    start = again.source.header.times[[6]]
    initial = again.preprocessing.states(start)[0][0, 0]
    lead_times = []
    for number, (lead_time, fields) in enumerate(rollout(again, restored, start, 8)):
        t = [1, 2, 4, 5, 6, 8, 9, 10][number]  # from the third state on it starts from that one
        expected = again.preprocessing.inverse(initial + np.array([[t], [10 * t]], np.float32), ("t", "q"))
        np.testing.assert_allclose(fields.values[0], expected, rtol=1e-5)
        lead_times.append(int(lead_time / np.timedelta64(6, "h")))
    assert lead_times == list(range(1, 9))


@pytest.mark.parametrize("what", ["weight", "layer", "buffer"])
def test_tied_weights_are_refused(tiny, what) -> None:
    experiment = assemble(tiny({"model.processor": {"plugin": "tied", "what": what}}))
    with pytest.raises(ContractError, match=r"`processor\.[a-z.]+` and `processor\.again.*` are one tensor"):
        experiment.new_model()
