"""Forcings that plugins make: the same numbers in training, rollout and forecast, recorded in the checkpoint."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from wxml import ArtefactError, ContractError, DataError, Grid, UnknownPluginError
from wxml.artefacts.checkpoint import load_checkpoint, read_header, save_checkpoint
from wxml.experiment.assembling import assemble
from wxml.experiment.parts import Experiment
from wxml.experiment.restoring import restore
from wxml.forecasting.rollout import rollout
from wxml.plugins.options.choices import PluginChoice
from wxml.testing import tiny_grid

SUN = {"data.forcings": [{"plugin": "sun"}], "data.variables": {"forcing": ["insolation", "tiny_sun"]}}


def sun(grid: Grid, time: np.datetime64) -> np.ndarray:
    hours = (time - time.astype("datetime64[D]")) / np.timedelta64(1, "h")
    return np.cos(np.radians(grid.longitudes) + 2 * np.pi * hours / 24)


class Hears(nn.Module):
    """Persistence that keeps the forcings it reads."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[Tensor] = []

    def forward(self, states: Tensor, forcings: Tensor) -> Tensor:
        self.read.append(forcings.clone())
        return states[:, -1:]


def heard(experiment: Experiment, first: int, steps: int) -> np.ndarray:
    """The forcings that a rollout hands to the model, `[step, time, forcing, node]`."""
    model = Hears()
    list(rollout(experiment, model, experiment.source.header.times[[first]], steps))
    return torch.stack([read[0].transpose(-1, -2) for read in model.read]).numpy()


def save(experiment: Experiment, path: Path) -> Path:
    experiment.save(path, experiment.new_model().state_dict(), {})
    return path


def test_samples_hold_the_values_in_closed_form(tiny) -> None:
    experiment = assemble(tiny(SUN))
    samples = experiment.samples("training", 2)
    sample = samples[3]
    assert experiment.preprocessing.variables == ("t", "q", "insolation", "tiny_sun")
    times = samples.initial_times[3] + samples.window.offsets
    expected = np.array([sun(experiment.source.header.grid, time) for time in times])
    np.testing.assert_allclose(sample[:-1, 3], expected[:-1], atol=1e-6)
    assert np.isnan(sample[-1, 3]).all()  # no step begins at the last time


@pytest.mark.parametrize("forcing", [["tiny_sun", "cos_latitude"], ["half_tiny_sun", "insolation", "tiny_sun"]])
def test_training_rollout_and_forecast_read_the_same_bits(tiny, tmp_path: Path, forcing: list[str]) -> None:
    experiment = assemble(tiny({**SUN, "data.variables": {"forcing": forcing}}))
    samples, steps = experiment.samples("training", 3), 3
    first = 5
    number = int(np.flatnonzero(samples.initial_times == experiment.source.header.times[first])[0])
    trained = samples[number][:, 2:]
    restored, _ = restore(save(experiment, tmp_path / "c.safetensors"))
    for again in (experiment, restored):
        found = heard(again, first, steps)
        for step in range(steps):
            np.testing.assert_array_equal(found[step], trained[step : step + 2])


def test_the_checkpoint_records_the_fields_and_the_plugin(tiny, tmp_path: Path) -> None:
    header = read_header(save(assemble(tiny(SUN)), tmp_path / "c.safetensors"))
    assert header["roles"]["forcing"] == ["insolation", "tiny_sun"]
    assert [(one["name"], one["units"]) for one in header["made"]] == [("tiny_sun", "1")]
    assert header["config"]["data"]["forcings"] == [{"plugin": "sun"}]
    assert ("forcing", "tiny-wxml:sun") in [(one["kind"], one["plugin"]) for one in header["provenance"]["plugins"]]


def test_a_checkpoint_without_forcing_plugins_needs_none(tiny, tmp_path: Path) -> None:
    path = save(assemble(tiny({"data.variables": {"forcing": ["insolation"]}})), tmp_path / "c.safetensors")
    loaded = load_checkpoint(path)
    header = {key: value for key, value in loaded.header.items() if key != "made"}
    header["config"]["data"].pop("forcings")  # as earlier versions wrote it
    save_checkpoint(tmp_path / "old.safetensors", replace(loaded, header=header))
    old, _ = restore(tmp_path / "old.safetensors")
    assert old.config.data.forcings == []
    np.testing.assert_array_equal(heard(old, 4, 2), heard(restore(path)[0], 4, 2))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"name": "t"}, "which the source has too"),
        ({"name": "insolation"}, "which wxml computes by itself too"),
        ({"name": "q", "units": "kg"}, "which the source has too"),
    ],
)
@pytest.mark.carries_out("take it out of `data.forcings`, or give its field another name if its options can")
def test_a_name_that_is_taken_is_refused(tiny, options: dict[str, str], told: str) -> None:
    named = {"forcing": [options["name"]]}
    with pytest.raises(DataError, match=rf"forcing 'sun' makes '\w+' \(data\.forcings\.0\), {told}"):
        assemble(tiny({"data.forcings": [{"plugin": "sun", **options}], "data.variables": named}))
    assemble(tiny({**SUN, "data.forcings": [{"plugin": "sun", **options, "name": "tiny_sun"}]}))
    assemble(tiny({"data.forcings": []}))


def test_two_plugins_that_make_one_field_are_refused(tiny) -> None:
    two = {**SUN, "data.forcings": [{"plugin": "sun"}, {"plugin": "wrong-sun"}]}
    with pytest.raises(
        DataError, match=r"'wrong-sun' makes 'tiny_sun' \(data\.forcings\.1\), which forcing 'sun' makes"
    ):
        assemble(tiny(two))
    choices = [{"plugin": "sun"}, {"plugin": "wrong-sun", "name": "other_sun"}]
    both = {"data.forcings": choices, "data.variables": {"forcing": ["half_other_sun", "tiny_sun"]}}
    assert [*assemble(tiny(both)).preprocessing.made] == ["tiny_sun", "half_tiny_sun", "other_sun", "half_other_sun"]


@pytest.mark.carries_out(
    "name what the model reads in `data.variables.forcing`, or take the plugin out of `data.forcings`"
)
def test_a_plugin_that_makes_nothing_for_the_model_is_refused(tiny) -> None:
    told = r"makes 'tiny_sun', 'half_tiny_sun' .* `data.variables.forcing` names none of it"
    with pytest.raises(DataError, match=told):
        assemble(tiny({**SUN, "data.variables": {"forcing": ["insolation"]}}))
    assemble(tiny(SUN))
    assemble(tiny({"data.variables": {"forcing": ["insolation"]}}))


def test_a_misspelt_field_is_named_with_the_nearest(tiny) -> None:
    with pytest.raises(DataError, match="unknown variable 'tiny_son'") as caught:
        assemble(tiny({**SUN, "data.variables": {"forcing": ["tiny_sun", "tiny_son"]}}))
    assert "did you mean 'tiny_sun'" in caught.value.fix


def test_values_that_are_no_numbers_are_the_plugins_fault(tiny) -> None:
    changed = {"data.forcings": [{"plugin": "wrong-sun"}], "data.variables": {"forcing": ["tiny_sun"]}}
    experiment = assemble(tiny(changed))
    told = "forcing WrongSun computed 24 values of 'tiny_sun' at 2000-01-02T00 that are not finite numbers"
    with pytest.raises(ContractError, match=told):
        experiment.samples("training", 1)[4]


@pytest.mark.carries_out("install the version that the model was trained with:  wxml doctor --for {}")
@pytest.mark.parametrize(
    ("after", "told"),
    [
        ('name: str = "other_sun", units: str = "1"', "makes it no more"),
        ('units: str = "W m-2"', "makes it in 'W m-2' now"),
    ],
)
def test_another_version_that_makes_something_else_is_refused(
    tiny, tmp_path: Path, forget: Any, after: str, told: str
) -> None:
    path = save(assemble(tiny(SUN)), tmp_path / "c.safetensors")
    module = tmp_path / "site" / "tiny_wxml.py"
    first = module.read_text()
    before = 'name: str = "tiny_sun", units: str = "1"' if "name" in after else 'units: str = "1"'
    module.write_text(first.replace(before, after, 1))
    forget()
    with pytest.raises(ArtefactError, match=f"made 'tiny_sun' in '1' in the training of .*, and {told}"):
        restore(path)
    module.write_text(first)
    forget()
    restore(path)


def test_a_missing_plugin_is_named(tiny, tmp_path: Path, forget: Any) -> None:
    path = save(assemble(tiny(SUN)), tmp_path / "c.safetensors")
    points = tmp_path / "site" / "tiny_wxml-1.0.dist-info" / "entry_points.txt"
    points.write_text(points.read_text().replace("sun = tiny_wxml:Sun\n", "", 1))
    forget()
    with pytest.raises(UnknownPluginError, match="sun"):
        restore(path, source=PluginChoice(plugin="waves"))


def test_places_are_those_of_the_training(tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other data may have their nodes a hair beside those of the training."""
    experiment = assemble(tiny(SUN))
    path = save(experiment, tmp_path / "c.safetensors")
    grid = tiny_grid()
    aside = Grid(grid.latitudes, grid.longitudes + 1e-9, grid.area_weights, grid.shape, grid.is_regular)
    monkeypatch.setattr("wxml.testing.tiny_world.tiny_grid", lambda: aside)
    moved, _ = restore(path, source=PluginChoice(plugin="waves"))
    assert not np.array_equal(moved.source.header.grid.longitudes, grid.longitudes)
    np.testing.assert_array_equal(heard(moved, 3, 2), heard(experiment, 3, 2))
