"""The rollout: physical fields, valid times and members of models whose forecasts are known in closed form."""

import importlib
import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from wxml import DataError, hookimpl
from wxml.artefacts.checkpoint import load_checkpoint, save_checkpoint
from wxml.data.forcings import compute_forcings
from wxml.experiment.assembling import assemble
from wxml.experiment.parts import Experiment
from wxml.experiment.restoring import restore
from wxml.forecasting.ensemble import Ensemble
from wxml.forecasting.execution import Execution
from wxml.forecasting.rollout import rollout
from wxml.model.noise import seeded_noise
from wxml.testing import TravellingWaves

SIX_HOURS = np.timedelta64(6 * 3600, "s")


class Rotation(nn.Module):
    """Moves t by one grid step from the last state, and q by one from the state before: as the waves travel."""

    def forward(self, states: Tensor, forcings: Tensor) -> Tensor:
        before, last = states.unflatten(2, (6, 8)).roll(1, dims=3).flatten(2, 3).unbind(1)
        return torch.stack([last[..., 0], before[..., 1]], dim=-1)[:, None]


class Persistence(nn.Module):
    def forward(self, states: Tensor, forcings: Tensor) -> Tensor:
        return states[:, -1:]


class Echo(nn.Module):
    """Forecasts the forcing that it reads at the last input time, for every variable."""

    def forward(self, states: Tensor, forcings: Tensor) -> Tensor:
        return forcings[:, -1:, :, :1].expand(-1, -1, -1, 2)


def run(experiment: Experiment, model: nn.Module, indices: list[int], steps: int, **options: object) -> list:
    """From these times of the source."""
    return list(rollout(experiment, model, experiment.source.header.times[indices], steps, **options))


@pytest.mark.parametrize("members", [1, 3])
def test_a_model_that_moves_the_waves_forecasts_them(tiny, members: int) -> None:
    experiment = assemble(tiny({"data.source": {"plugin": "waves", "members": members}}))
    waves = TravellingWaves(members=members)
    for (lead_time, fields), (steps, start) in zip(
        run(experiment, Rotation(), [4, 10], 12), itertools.product(range(1, 13), (4, 10)), strict=True
    ):
        assert lead_time == steps * SIX_HOURS
        assert fields.valid_time == waves.header.times[start] + lead_time
        assert fields.variables == ("t", "q")
        assert fields.values.shape == (members, 2, 48)
        for member, name in itertools.product(range(members), ("t", "q")):
            expected = waves.wave(name, 6.0 * (start + steps), member)
            np.testing.assert_allclose(fields[name][member], expected, rtol=2e-6)


def test_persistence_is_the_initial_state_at_every_lead_time(tiny) -> None:
    experiment = assemble(tiny({"data.transforms": [{"plugin": "normalise", "default": "min-max"}]}))
    initial = experiment.source.read(experiment.source.header.times[7:8], ("t", "q"))[0]
    for lead_time, fields in run(experiment, Persistence(), [7], 5):
        np.testing.assert_allclose(fields.values, initial, rtol=1e-6)
        assert fields.valid_time - lead_time == experiment.source.header.times[7]


def test_the_batch_size_changes_nothing_but_the_order(tiny) -> None:
    experiment = assemble(tiny({"data.source": {"plugin": "waves", "members": 2}}))
    model = experiment.new_model()
    results = []
    for batch_size in (1, 2, 5, 100):
        steps = run(experiment, model, [3, 4, 9, 20, 21], 3, batch_size=batch_size)
        results.append({(str(fields.valid_time), str(lead)): fields.values for lead, fields in steps})
    assert len(results[0]) == 15
    for other in results[1:]:
        assert other.keys() == results[0].keys()
        for key, values in other.items():
            np.testing.assert_array_equal(values, results[0][key])


def test_forcings_are_those_of_each_step(tiny) -> None:
    """Step n reads the forcings up to n − 1 steps after the initial time; the model's values are the physical ones."""
    changes = {"data.variables": {"forcing": ["insolation"]}, "data.transforms": []}
    experiment = assemble(tiny(changes))
    for lead_time, fields in run(experiment, Echo(), [5], 6):
        read_at = [fields.valid_time - SIX_HOURS]
        expected = compute_forcings(["insolation"], experiment.source.header.grid, read_at)[0, 0]
        np.testing.assert_allclose(fields["q"][0], expected, atol=1e-6)
        assert lead_time > np.timedelta64(0, "s")


def test_forecasts_go_beyond_the_data_where_forcings_are_computed(tiny) -> None:
    """The last analysis is where operational forecasts start."""
    experiment = assemble(tiny({"data.variables": {"forcing": ["cos_local_time"]}}))
    last = len(experiment.source.header.times) - 1
    waves = TravellingWaves(days=30)
    steps = run(experiment, Rotation(), [last], 8)
    np.testing.assert_allclose(steps[-1][1]["t"][0], waves.wave("t", 6.0 * (last + 8), 0), rtol=2e-6)


def test_forecasts_go_beyond_the_data_without_forcings(tiny) -> None:
    experiment = assemble(tiny())
    last = len(experiment.source.header.times) - 1
    assert len(run(experiment, Rotation(), [last], 8)) == 8


def test_forecasts_go_beyond_the_data_where_forcings_never_change(tiny) -> None:
    variables = {"forcing": ["q"], "constant": ["q"]}
    changes = {"data.source": {"plugin": "still"}, "data.variables": variables, "data.transforms": []}
    experiment = assemble(tiny(changes))

    class One(nn.Module):
        def forward(self, states: Tensor, forcings: Tensor) -> Tensor:
            return forcings[:, -1:]

    steps = run(experiment, One(), [len(experiment.source.header.times) - 1], 3)
    for _, fields in steps:
        np.testing.assert_allclose(fields["t"][0], TravellingWaves().wave("q", 0.0, 0), rtol=1e-6)


@pytest.mark.parametrize("name", ["still", "wakes"])
def test_a_forcing_that_did_not_change_in_the_training_is_read_at_every_time(tiny, name: str) -> None:
    """`wakes` is `still` in the ten days of the training, and moves afterwards; nobody declared it constant."""
    changes = {"data.source": {"plugin": name}, "data.variables": {"forcing": ["q"]}}
    experiment = assemble(tiny(changes))
    assert experiment.preprocessing.constants == frozenset()
    times = experiment.source.header.times[60:64]
    expected = experiment.source.read(times, ["q"])
    space = experiment.preprocessing
    np.testing.assert_allclose(space.inverse(space.forcings(times), ("q",)), expected, rtol=1e-5)
    assert (np.ptp(expected, axis=0).max() > 0.1) == (name == "wakes")


@pytest.mark.carries_out("take it out of `data.variables.constant`, so that forecasts read it at every time")
def test_a_constant_that_changes_is_refused(tiny) -> None:
    with pytest.raises(DataError, match=r"constant` names 'q', which changes by 0\.448 "):
        assemble(tiny({"data.variables": {"forcing": ["q"], "constant": ["q"]}}))
    experiment = assemble(tiny({"data.variables": {"forcing": ["q"], "constant": []}}))
    space, times = experiment.preprocessing, experiment.source.header.times[60:64]
    expected = experiment.source.read(times, ["q"])
    np.testing.assert_allclose(space.inverse(space.forcings(times), ("q",)), expected, rtol=1e-5)


def test_the_constants_of_a_checkpoint_are_the_declared_ones(tiny, tmp_path, caplog) -> None:
    changes = {"data.source": {"plugin": "still"}, "data.variables": {"forcing": ["q"], "constant": ["q"]}}
    for constant in ([], ["q"]):
        experiment = assemble(tiny({**changes, "data.variables": {"forcing": ["q"], "constant": constant}}))
        experiment.save(tmp_path / "c.safetensors", experiment.new_model().state_dict(), {}, overwrite=True)
        assert restore(tmp_path / "c.safetensors")[0].preprocessing.constants == frozenset(constant)
    assert "version 0.1" not in caplog.text
    new = load_checkpoint(tmp_path / "c.safetensors")
    old = replace(new, header={**new.header, "config": changed_constant(new.header["config"])}, transformed=None)
    save_checkpoint(tmp_path / "c.safetensors", old, overwrite=True)
    assert restore(tmp_path / "c.safetensors")[0].preprocessing.constants == {"q"}  # as version 0.1 guessed
    assert "the checkpoint is of version 0.1: 'q' did not change in its training period" in caplog.text


def changed_constant(config: dict) -> dict:
    """A config as version 0.1 wrote it, without the key `constant`."""
    variables = {name: value for name, value in config["data"]["variables"].items() if name != "constant"}
    return {**config, "data": {**config["data"], "variables": variables}}


def test_forcings_that_are_read_must_be_there(tiny) -> None:
    experiment = assemble(tiny({"data.variables": {"forcing": ["q"]}}))
    last = len(experiment.source.header.times) - 1
    with pytest.raises(
        DataError, match="no data for 2000-01-21T00, at which a forecast reads the forcings 'q'"
    ) as caught:
        run(experiment, Persistence(), [last], 3)
    assert "`data.variables.constant`" in caught.value.fix


def test_an_initial_time_without_its_input_states_is_refused(tiny) -> None:
    with pytest.raises(DataError, match="the source has no data for 1999-12-31T18"):
        run(assemble(tiny()), Rotation(), [0], 1)


@pytest.mark.parametrize("initial", [3, 4])
def test_a_missing_input_is_named(tiny, initial: int) -> None:
    """The temperature is missing on two nodes at the fourth time, 18 UTC."""
    experiment = assemble(tiny({"data.source": {"plugin": "gap"}}))
    with pytest.raises(DataError, match="'t' is missing at 2000-01-01T18 on 2 of 48 nodes"):
        run(experiment, Rotation(), [initial], 1)
    assert len(run(experiment, Rotation(), [2, 5], 1)) == 2  # neither reads it


def test_a_missing_forcing_is_named(tiny) -> None:
    experiment = assemble(tiny({"data.source": {"plugin": "gap"}, "data.variables": {"forcing": ["t"]}}))
    with pytest.raises(DataError, match="'t' is missing at 2000-01-01T18 on 2 of 48 nodes"):
        run(experiment, Persistence(), [2], 2)


class Drifts(nn.Module):
    """Adds one to the last state, and remembers the states that it read."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[Tensor] = []

    def forward(self, states: Tensor, forcings: Tensor) -> Tensor:
        self.read.append(states[:, -1])
        return states[:, -1:] + 1


ORDERS = [
    [{"plugin": "impute", "value": 250.0}, {"plugin": "normalise"}],
    [{"plugin": "normalise"}, {"plugin": "impute"}],
    [{"plugin": "log1p"}, {"plugin": "impute"}, {"plugin": "normalise"}],
]


@pytest.mark.parametrize("transforms", ORDERS, ids=lambda chain: "-".join(one["plugin"] for one in chain))
@pytest.mark.parametrize("initial", [3, 4, 5])
def test_imputed_points_stay_missing_and_are_not_fed_back(tiny, transforms, initial: int) -> None:
    """The temperature lacks nodes 5 and 6 at the fourth time; the model reads the filled-in value at every step."""
    experiment = assemble(tiny({"data.source": {"plugin": "gap"}, "data.transforms": transforms}))
    model, lacks = Drifts(), initial == 3
    fields = [fields for _, fields in run(experiment, model, [initial], 4)]
    for step, field in enumerate(fields):
        assert np.isnan(field["t"][0, 5:7]).all() == np.isnan(field["t"]).any() == lacks
        assert np.isfinite(field["q"]).all()
        own = model.read[step][0, 5:7, 0] - model.read[0][0, 5:7, 0]
        np.testing.assert_allclose(own, 0 if lacks else step, atol=1e-4)
        np.testing.assert_allclose(model.read[step][0, 7:, 0] - model.read[0][0, 7:, 0], step, atol=1e-4)


def test_an_imputed_diagnostic_variable_is_forecast(tiny) -> None:
    """It has no value in the initial state anyway."""
    changes = {"data.source": {"plugin": "gap"}, "data.variables": {"diagnostic": ["t"]}, "data.transforms": ORDERS[0]}

    class One(nn.Module):
        def forward(self, states: Tensor, forcings: Tensor) -> Tensor:
            return torch.ones_like(states[:, -1:]).repeat(1, 1, 1, 2)

    for _, fields in run(assemble(tiny(changes)), One(), [3], 2):
        assert np.isfinite(fields.values).all()


def test_diagnostic_variables_come_out_in_physical_units(tiny) -> None:
    experiment = assemble(tiny({"data.variables": {"diagnostic": ["q"]}}))

    class Zero(nn.Module):
        def forward(self, states: Tensor, forcings: Tensor) -> Tensor:
            return states.new_zeros(len(states), 1, states.shape[2], 2)

    (_, fields), *_ = run(experiment, Zero(), [3], 1)
    for name, mean in zip(("t", "q"), experiment.statistics.select(("t", "q")).mean, strict=True):
        np.testing.assert_allclose(fields[name], mean, rtol=1e-6)


def test_hooks_hear_of_every_step(tiny, heard: list[tuple[object, ...]]) -> None:
    experiment = assemble(tiny())
    steps = run(experiment, Rotation(), [4, 10], 3, batch_size=1)
    assert heard == [("step", fields.valid_time, lead_time) for lead_time, fields in steps]


def test_hooks_cannot_change_the_forecast(tiny, monkeypatch) -> None:
    @hookimpl
    def look(fields, lead_time) -> None:
        writeable.append(fields.values.flags.writeable)

    writeable: list[bool] = []
    configure = tiny()
    monkeypatch.setattr(importlib.import_module("tiny_wxml_hooks"), "wxml_forecast_step", look)
    ((_, fields),) = run(assemble(configure), Persistence(), [4], 1)
    assert writeable == [False]
    assert fields.values.flags.writeable


def test_steps_are_made_only_when_asked_for(tiny, heard: list[tuple[object, ...]]) -> None:
    experiment = assemble(tiny())
    steps = rollout(experiment, Rotation(), experiment.source.header.times[[4]], 50)
    next(steps)
    assert len(heard) == 1


def test_the_model_forecasts_in_evaluation_mode_and_without_gradients(tiny) -> None:
    class Watching(Persistence):
        def forward(self, states: Tensor, forcings: Tensor) -> Tensor:
            modes.append((self.training, torch.is_grad_enabled()))
            return super().forward(states, forcings)

    modes: list[tuple[bool, bool]] = []
    run(assemble(tiny()), Watching().train(), [4], 2)
    assert modes == [(False, False)] * 2
    assert torch.is_grad_enabled()


def test_the_caller_keeps_its_gradients_between_steps(tiny) -> None:
    """A generator that is paused must not leave its modes on in the code that took a value from it."""
    experiment = assemble(tiny())
    steps = rollout(experiment, Persistence(), experiment.source.header.times[[4]], 3)
    next(steps)
    assert torch.is_grad_enabled()
    assert not torch.ones(1).is_inference()


class Listening(Persistence):
    """Persistence that keeps the noise it is given, one tensor for each call."""

    def __init__(self) -> None:
        super().__init__()
        self.noise: list[Tensor] = []

    def forward(self, states: Tensor, forcings: Tensor, noise: Tensor) -> Tensor:
        self.noise.append(noise)
        return super().forward(states, forcings)


@pytest.mark.parametrize("correlation", [0.0, 0.9])
def test_the_noise_of_a_member_follows_from_seed_initial_time_and_number(tiny, correlation: float) -> None:
    """The times are before 1970 and the seed is negative: both count modulo 2⁶⁴."""
    noise = {"channels": 3, "how": "inject", "correlation": correlation}
    changes = {"data.source": {"plugin": "waves", "members": 2}, "model.noise": noise}
    experiment = assemble(tiny({**changes, "seed": -1}))
    waves = TravellingWaves(members=2)
    waves.header = replace(waves.header, times=waves.header.times - np.timedelta64(365 * 50, "D"))
    experiment = replace(experiment, preprocessing=replace(experiment.preprocessing, source=waves))
    times = waves.header.times[[3, 9]].astype("datetime64[h]")
    model = Listening()
    steps = list(rollout(experiment, model, times, 2, ensemble=Ensemble(3, 2)))
    assert [fields.values.shape for _, fields in steps] == [(6, 2, 48)] * 4
    keys = itertools.product(times.astype("datetime64[s]").astype(int).tolist(), range(2), range(3))
    sequences = [np.random.SeedSequence([2**64 - 1, 2**64 + time, *member]) for time, *member in keys]
    seeds = [int(sequence.generate_state(1, np.uint64)[0]) for sequence in sequences]
    drawn = seeded_noise(seeds, len(experiment.graph.nodes["mesh"]), 3, correlation)
    assert len(model.noise) == 2 * 12  # each forecast is a call of its own
    for heard, expected in zip(torch.cat(model.noise).split(12), drawn, strict=False):
        torch.testing.assert_close(heard, expected, rtol=0, atol=0)


def test_the_members_of_a_state_start_from_it(tiny) -> None:
    changes = {"data.source": {"plugin": "waves", "members": 2}, "model.noise": {"channels": 3, "how": "inject"}}
    experiment = assemble(tiny(changes))
    initial = experiment.source.read(experiment.source.header.times[7:8], ("t", "q"))[0]
    for _, fields in run(experiment, Listening(), [7], 2, ensemble=Ensemble(3, 2)):
        np.testing.assert_allclose(fields.values, initial.repeat(3, axis=0), rtol=1e-6)


def test_members_need_noise(tiny) -> None:
    with pytest.raises(DataError, match="`members` must be 1 for a model without noise"):
        run(assemble(tiny()), Persistence(), [4], 1, ensemble=Ensemble(2))


class CountsForecasts(nn.Module):
    """Adds the number of forecasts that it is called for at once, as products round in another way for more rows."""

    def forward(self, states: Tensor, forcings: Tensor) -> Tensor:
        return states[:, -1:] + 0.01 * len(states)


def test_the_model_is_called_for_each_forecast_alone_unless_told_otherwise(tiny) -> None:
    experiment = assemble(tiny({"data.transforms": []}))
    initial = experiment.source.read(experiment.source.header.times[[4, 6]], ("t", "q"))
    for together, added in ((False, 0.01), (True, 0.02)):
        found = run(experiment, CountsForecasts(), [4, 6], 1, execution=Execution(together=together))
        for (_, fields), state in zip(found, initial, strict=True):
            np.testing.assert_allclose(fields.values - state, added, atol=1e-4)


def test_the_control_of_a_model_with_noise_gets_zeros_and_the_others_what_they_get_without_it(tiny) -> None:
    experiment = assemble(tiny({"model.noise": {"channels": 3, "how": "inject"}}))
    plain, control, alone = Listening(), Listening(), Listening()
    run(experiment, plain, [4], 2, ensemble=Ensemble(3))
    run(experiment, control, [4], 2, ensemble=Ensemble(3, control=True))
    run(experiment, alone, [4], 2, ensemble=Ensemble(3, control=True, chosen=(2,)))
    heard, without, of_two = (torch.cat(model.noise).unflatten(0, (2, -1)) for model in (control, plain, alone))
    assert not heard[:, 0].any()
    assert torch.equal(heard[:, 1:], without[:, 1:])
    assert without[:, 0].any()
    assert torch.equal(of_two[:, 0], without[:, 2])
