"""A model that forecasts a standard deviation beside each value: the formula, its rollout, and what stays as it was."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch.nn.functional import softplus
from wxml.errors import DataError
from wxml.experiment.assembling import assemble
from wxml.forecasting.rollout import rollout
from wxml.model.spread import Spread
from wxml.model.unroll import unroll

SPREAD = {"model.spread": {"floor": 0.25}}


def inputs(batch: int = 2, nodes: int = 48) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(batch, 2, nodes, 2, generator=generator), torch.zeros(batch, 2, nodes, 0)


def decoded(model: torch.nn.Module, *arguments: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """What the decoder returns, and the output of the model."""
    heard = []
    handle = model.decoder.register_forward_hook(lambda part, inside, output: heard.append(output[1]))
    output = model(*arguments)
    handle.remove()
    return heard[0], output


@pytest.mark.parametrize("steps", [1, 3])
def test_the_formula(tiny, steps: int) -> None:
    """The decoder gives the values of all steps, then r of all steps; σ = s (ln(1 + eʳ) + floor)."""
    experiment = assemble(tiny({**SPREAD, "data.output_steps": steps}))
    model, scale = experiment.new_model(), torch.from_numpy(experiment.tendency_scale)
    states, forcings = inputs()
    raw, output = decoded(model, states, forcings)
    assert raw.shape == (2, 48, 2 * steps * 2)
    assert output.shape == (2, steps, 48, 4)
    for step in range(steps):
        first, second = 2 * step, 2 * (steps + step)
        torch.testing.assert_close(output[:, step, :, :2], states[:, -1] + scale * raw[..., first : first + 2])
        expected = scale * (softplus(raw[..., second : second + 2]) + 0.25)
        torch.testing.assert_close(output[:, step, :, 2:], expected)


BOUND = {"model.bounding": {"t": {"maximum": 280.0}}}


def test_bounds_hold_for_the_means_alone(tiny) -> None:
    """t is kept at 280 K, and its deviation is that of the model without bounds."""
    free, bound = (assemble(tiny({**SPREAD, **more})) for more in ({}, BOUND))
    output, kept = free.new_model()(*inputs()), bound.new_model()(*inputs())
    assert torch.equal(output[..., 2:], kept[..., 2:])
    value = bound.preprocessing.forward(np.float32([[280.0]]), ("t",)).item()
    assert kept[..., 0].max() <= value + 1e-6 < output[..., 0].max()
    assert torch.equal(output[..., 1], kept[..., 1])


def test_the_means_are_fed_back(tiny) -> None:
    model, (states, forcings) = assemble(tiny(SPREAD)).new_model(), inputs()
    first, second = unroll(model, states, forcings[:, :1].expand(-1, 3, -1, -1))
    by_hand = model(torch.stack((states[:, -1], first[..., :2]), 1), forcings)[:, 0]
    torch.testing.assert_close(second, by_hand)


def test_several_grids_have_the_spread_of_their_own_variables(tiny) -> None:
    changes = {**SPREAD, "data.source": {"plugin": "two-grids"}, "graph": {"plugin": "per-grid"}}
    experiment = assemble(tiny(changes))
    model = experiment.new_model()
    nodes = len(experiment.preprocessing.places)
    output = model(*inputs(nodes=nodes))
    assert output.shape == (2, 1, nodes, 4)
    assert (output[..., 2:] > 0).all()
    for decoder, part in zip(model.decoder.decoders, experiment.preprocessing.places.parts, strict=True):
        assert decoder.channels.out == 2 * (2 - len(part.lacks))


def test_a_model_without_spread_is_as_it_was(tiny) -> None:
    """Its decoder has as many outputs as variables, and no name of a weight is another one."""
    plain, other = (assemble(tiny(changes)).new_model() for changes in ({}, SPREAD))
    assert plain.decoder.channels.out == 2
    assert plain(*inputs()).shape == (2, 1, 48, 2)
    assert plain.state_dict().keys() == other.state_dict().keys()


def test_the_floor_is_left_of_what_is_far_below_0() -> None:
    torch.testing.assert_close(Spread(1e-3)(torch.tensor([-60.0, 60.0])), torch.tensor([1e-3, 60.001]))


@pytest.mark.parametrize("floor", [0.0, -1.0, 2.0])
def test_a_floor_is_positive(tiny, floor: float) -> None:
    with pytest.raises(ValidationError, match=r"model\.spread\.floor"):
        tiny({"model.spread": {"floor": floor}})


def test_a_forecast_has_the_spread_in_physical_units(tiny) -> None:
    """A deviation is scaled as a difference is: by the standard deviation of the normalisation."""
    experiment = assemble(tiny(SPREAD))
    model, times = experiment.new_model(), experiment.source.header.times[[5, 9]]
    steps = list(rollout(experiment, model, times, 2, spread=True))
    plain = list(rollout(experiment, model, times, 2))
    assert len(steps) == len(plain) == 4
    scale = dict(zip(experiment.statistics.variables, experiment.statistics.std, strict=True))
    states, _ = experiment.preprocessing.states(times[0] - np.timedelta64(6, "h") * np.arange(1, -1, -1))
    inside = torch.from_numpy(np.ascontiguousarray(np.swapaxes(states[:, 0], -1, -2)))[None]
    with torch.no_grad():
        output = model(inside, torch.zeros(1, 2, 48, 0))[0, 0].numpy()
    for (_, fields), (_, without) in zip(steps, plain, strict=True):
        assert fields.variables == ("t", "q", "t_spread", "q_spread")
        assert without.variables == ("t", "q")
        assert np.array_equal(fields.values[:, :2], without.values)
    for place, name in enumerate(("t", "q")):
        found = steps[0][1][f"{name}_spread"][0]
        np.testing.assert_allclose(found, scale[name] * output[:, 2 + place], rtol=1e-3)


def test_a_spread_through_a_logarithm_is_half_the_width_of_the_middle(tiny) -> None:
    """x = eᵐ − 1: between m − σ and m + σ lies eᵐ (e^σ − e^−σ) = 2 eᵐ sinh σ."""
    experiment = assemble(tiny({"data.transforms": [{"plugin": "log1p"}]}))
    mean, deviation = np.float32([[0.5, 1.0], [2.0, 0.0]]), np.float32([[0.1, 0.2], [0.3, 1.0]])
    found = experiment.preprocessing.inverse_spread(mean, deviation, ("t", "q"))
    np.testing.assert_allclose(found, np.exp(mean) * np.sinh(deviation), rtol=1e-5)


@pytest.mark.carries_out(
    "leave `spread` out, or train a model with `model.spread: {}` and a loss such as gaussian-crps"
)
def test_a_spread_that_there_is_not_is_not_written(tiny) -> None:
    experiment = assemble(tiny())
    with pytest.raises(DataError, match="this one forecasts values alone"):
        next(rollout(experiment, experiment.new_model(), experiment.source.header.times[4:5], 1, spread=True))
    with pytest.raises(ValidationError, match="this one forecasts values alone"):
        tiny({"forecast.spread": True})
    assert tiny({"forecast.spread": True, "model.spread": {}}).config.forecast.spread
