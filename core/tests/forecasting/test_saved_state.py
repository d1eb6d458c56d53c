"""A rollout that goes on from a saved state makes the bits of one that was not broken off."""

import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from wxml import FilterSpace, StateFilter, Variable
from wxml.config.model_schema import BoundaryConfig
from wxml.experiment.assembling import assemble
from wxml.experiment.parts import Experiment
from wxml.files.leftovers import state_path, unfinished_path
from wxml.forecasting.ensemble import Ensemble
from wxml.forecasting.rollout import rollout
from wxml.forecasting.saved_state import Moment, SavedState, StateFile, read_state
from wxml.forecasting.state_keeper import StateKeeper
from wxml.graphs.graph import Graph
from wxml.testing import tiny_grid

STEPS = 7
RUNNING = [{"plugin": "running", "where": "step"}]
NOISE = {"model.noise": {"channels": 3, "how": "inject", "correlation": 0.7}}


class Kept(StateFile):
    """Keeps every state that it is given, in a file of its own."""

    def write(self, state: SavedState) -> None:
        StateFile(self.path.with_name(f"{state.steps}.safetensors"), self.fingerprint).write(state)


def stirred(experiment: Experiment) -> torch.nn.Module:
    """A model that changes what it reads."""
    model, generator = experiment.new_model(), torch.Generator().manual_seed(2)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.1 * torch.randn(weight.shape, generator=generator))
    return model


def with_boundary(experiment: Experiment) -> Experiment:
    """The same with nodes that the data give."""
    graph = experiment.graph
    nodes = {**graph.nodes, "grid": graph.nodes["grid"].with_attributes(boundary=np.arange(48) % 8 < 2)}
    model = experiment.config.model.model_copy(update={"boundary": BoundaryConfig()})
    config = experiment.config.model_copy(update={"model": model})
    return replace(experiment, config=config, graph=Graph(nodes, graph.edges))


@pytest.mark.parametrize(
    ("changes", "options"),
    [
        ({}, {}),
        (NOISE, {"ensemble": Ensemble(3, control=True)}),
        ({"forecast.filters": RUNNING}, {}),
        ({"model.spread": {}}, {"spread": True}),
        ({"seed": 3}, {}),
    ],
    ids=["plain", "noise", "filter", "spread", "boundary"],
)
def test_the_steps_after_a_state_have_the_same_bits(
    tiny: Any, tmp_path: Path, changes: Mapping[str, Any], options: Mapping[str, Any]
) -> None:
    experiment = assemble(tiny(changes))
    experiment = with_boundary(experiment) if "seed" in changes else experiment
    model, times = stirred(experiment), experiment.source.header.times[[3, 9, 11]]
    file = Kept(tmp_path / "any", "this one")
    keeper = StateKeeper(2, file)
    keeper.send_to(file.write)
    whole = list(rollout(experiment, model, times, STEPS, batch_size=2, keeper=keeper, **options))
    plain = list(rollout(experiment, model, times, STEPS, batch_size=2, **options))
    assert len({fields.values.tobytes() for _, fields in plain}) == 3 * STEPS
    for steps in (2, 4, 6):
        path = tmp_path / f"{steps}.safetensors"
        state = read_state(StateFile(path, "this one"))
        assert state is not None
        assert (state.steps, state.moment.times) == (steps, tuple(times[2:])), "the last batch comes last"
        again = StateKeeper(2, file, state)
        tail = list(rollout(experiment, model, times[2:], STEPS, batch_size=2, keeper=again, **options))
        assert len(tail) == STEPS - steps
        for (lead, found), (other, expected), (_, unkept) in zip(
            tail, whole[2 * STEPS + steps :], plain[2 * STEPS + steps :], strict=True
        ):
            assert (lead, found.valid_time) == (other, expected.valid_time)
            np.testing.assert_array_equal(found.values, expected.values)
            np.testing.assert_array_equal(unkept.values, expected.values)


class Listing(StateFilter):
    """Remembers texts."""

    def __init__(self, space: FilterSpace) -> None:
        super().__init__(space)
        self.seen: tuple[str, ...] = ()

    def _apply(self, values: Any, valid_time: np.datetime64, lead_time: np.timedelta64) -> Any:
        self.seen = (*self.seen, str(valid_time))
        return values


def test_what_a_filter_cannot_tell_is_said(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    space = FilterSpace(tiny_grid(), (Variable("t"),), np.timedelta64(6, "h"))
    made, copy = Listing(space), Listing(space)
    sent: list[SavedState] = []
    keeper = StateKeeper(1, StateFile(tmp_path / "any", ""))
    keeper.send_to(sent.append)
    keeper.begin(np.array(["2000-01-01"], "M8[s]"), np.array([6, 12], "m8[h]").astype("m8[s]"))
    keeper.watch("output", [copy], [copy])
    keeper.reach(1, 1, torch.zeros(1, 2, 48, 1))
    copy.apply(np.zeros((1, 1, 48), np.float32), np.datetime64("2000-01-01", "s"))
    keeper.watch("output", [copy], [made])
    keeper.reach(2, 2, torch.zeros(1, 2, 48, 1))
    assert [state.steps for state in sent] == [1]
    assert "no state is saved: filter `Listing` remembers what is no number" in caplog.text


def test_a_file_that_is_not_sound_is_not_read(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    """Each byte of a file matters: one that is changed or cut anywhere is no state."""
    file = StateFile.beside(tmp_path / "f.zarr", [{"members": 1}])
    assert read_state(file) is None
    moment = Moment((np.datetime64("2000-01-01", "s"),), np.timedelta64(43200, "s"))
    file.write(SavedState(moment, 2, 2, {"states": np.arange(4, dtype=np.float32)}))
    found = read_state(file)
    assert found is not None
    assert (found.moment, found.calls, found.steps, found.arrays["states"].tolist()) == (moment, 2, 2, [0, 1, 2, 3])
    assert read_state(StateFile.beside(tmp_path / "f.zarr", [{"members": 2}])) is None
    assert "it belongs to another model, or to other settings" in caplog.text
    data = file.path.read_bytes()
    for place in range(0, len(data), 7):
        file.path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        found = read_state(file)
        assert found is None or json.dumps(found.moment.record) == json.dumps(moment.record)
        assert found is None or found.arrays["states"].tolist() == [0, 1, 2, 3]
        file.path.write_bytes(data[:place])
        assert read_state(file) is None


def test_a_disk_that_refuses_a_state_ends_no_forecast(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    file = StateFile.beside(tmp_path / "absent" / "f.zarr", [])
    with caplog.at_level(logging.WARNING):
        file.write(SavedState(Moment((), np.timedelta64(0, "s")), 0, 0, {"states": np.zeros(1)}))
    assert "the state of the forecast could not be saved" in caplog.text


def test_the_file_stays_while_a_forecast_is_there_to_be_gone_on_with(tmp_path: Path) -> None:
    target = tmp_path / "f.zarr"
    file = StateFile.beside(target, [])
    file.write(SavedState(Moment((), np.timedelta64(0, "s")), 0, 0, {"states": np.zeros(1)}))
    unfinished_path(target).mkdir()
    file.remove_unless_needed([target])
    assert state_path(target).exists()
    unfinished_path(target).rmdir()
    file.remove_unless_needed([target])
    assert not list(tmp_path.iterdir())


class Adding(StateFilter):
    """Adds up in place."""

    def __init__(self) -> None:
        self.total = np.zeros(2)

    def _apply(self, values: Any, valid_time: np.datetime64, lead_time: np.timedelta64) -> Any:
        return values


@pytest.mark.parametrize("variables", [1, 2])
def test_a_state_stays_as_it_was_while_the_forecast_goes_on(tmp_path: Path, variables: int) -> None:
    """It is written by another thread, later."""
    sent: list[SavedState] = []
    keeper = StateKeeper(1, StateFile(tmp_path / "state.safetensors", ""))
    keeper.send_to(sent.append)
    keeper.begin(np.array(["2020-01-01"], "datetime64[s]"), np.array([6], "timedelta64[h]"))
    one, states = Adding(), torch.zeros(1, 1, 3, variables)
    keeper.watch("step", [one], [Adding()])
    keeper.reach(1, 1, states)
    one.total += 1
    states += 1
    assert sorted(sent[0].arrays) == ["states", "step/0/total"]
    assert all(not array.any() for array in sent[0].arrays.values())
