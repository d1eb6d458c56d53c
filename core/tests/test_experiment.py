"""From a config to the parts, and from a checkpoint back to the same parts."""

import resource
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from wxml import ArtefactError, DataError, UnknownPluginError, VariableRoles, WxmlError
from wxml.artefacts.checkpoint import Checkpoint, load_checkpoint, read_header, save_checkpoint
from wxml.data.variables import assign_roles
from wxml.experiment.assembling import assemble
from wxml.experiment.parts import Experiment
from wxml.experiment.restoring import restore
from wxml.forecasting.rollout import rollout
from wxml.plugins.catalog import installed
from wxml.plugins.options.choices import PluginChoice
from wxml.testing import TravellingWaves

WAVES = TravellingWaves()


def roles(**variables: list[str]) -> VariableRoles:
    chosen = {"prognostic": None, "forcing": [], "diagnostic": []} | variables
    return assign_roles(WAVES.header.names, **chosen)


def test_the_rest_is_prognostic() -> None:
    assert roles() == VariableRoles(("t", "q"))
    assert roles(diagnostic=["q"]) == VariableRoles(("t",), (), ("q",))
    assert roles(forcing=["t"]) == VariableRoles(("q",), ("t",))


def test_forcings_may_be_computed() -> None:
    assert roles(forcing=["insolation", "cos_latitude"]) == VariableRoles(("t", "q"), ("insolation", "cos_latitude"))


def test_a_list_of_prognostic_variables_leaves_others_out() -> None:
    assert roles(prognostic=["q"]) == VariableRoles(("q",))


@pytest.mark.parametrize(
    ("role", "name", "hint"),
    [
        ("diagnostic", "tt", "did you mean 't'?   known: q, t"),
        ("prognostic", "temperature", "known: q, t"),
        ("forcing", "insolatoin", "did you mean 'insolation'"),
        ("prognostic", "insolation", "known: q, t"),
    ],
)
def test_an_unknown_variable_is_named_with_the_nearest(role: str, name: str, hint: str) -> None:
    with pytest.raises(DataError) as raised:
        roles(**{role: [name]})
    assert raised.value.message == f"unknown variable '{name}' (data.variables.{role})"
    assert hint in raised.value.fix


def test_nothing_left_to_carry_forward() -> None:
    with pytest.raises(DataError, match="no variable is prognostic"):
        roles(forcing=["t"], diagnostic=["q"])


@pytest.mark.parametrize("timestep", ["6h", "12h"])
def test_the_tendency_of_waves_in_closed_form(tiny, timestep: str) -> None:
    """Over Δ of a period P, a cosine of deviation 1 changes by 2 sin(π Δ / P), root mean square."""
    experiment = assemble(tiny({"data.timestep": timestep}))
    hours = float(timestep.removesuffix("h"))
    expected = [2 * np.sin(np.pi * hours / period) for period in (48, 96)]
    np.testing.assert_allclose(experiment.tendency_scale, expected, rtol=1e-4)


def test_the_tendency_is_found_in_small_portions_of_data(tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    """Portions of large grids hold few times, perhaps less than one time step."""
    monkeypatch.setattr("wxml.data.one_pass.CHUNK_BYTES", 1)
    experiment = assemble(tiny({"data.timestep": "24h"}))
    np.testing.assert_allclose(experiment.tendency_scale, [2, np.sqrt(2)], rtol=0.05)  # half a turn and a quarter
    assert experiment.preprocessing.constants == frozenset()


def test_the_tendency_follows_the_normalisation(tiny) -> None:
    physical = assemble(tiny({"data.transforms": []}))
    np.testing.assert_allclose(physical.tendency_scale, physical.statistics.tendency_std, rtol=1e-4)


def test_what_never_changes_has_the_scale_one(tiny) -> None:
    scale = assemble(tiny({"data.source": {"plugin": "still"}})).tendency_scale
    assert scale[0] != 1
    assert scale[1] == 1


def weights(experiment: Experiment) -> dict[str, torch.Tensor]:
    return experiment.new_model().state_dict()


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_the_seed_decides_the_weights(tiny) -> None:
    first = weights(assemble(tiny({"seed": 1})))
    torch.manual_seed(12345)
    assert same(first, weights(assemble(tiny({"seed": 1}))))
    other = weights(assemble(tiny({"seed": 2})))
    assert not any(torch.equal(first[name], other[name]) for name in first)


def test_a_new_model_leaves_the_callers_random_numbers_alone(tiny) -> None:
    experiment = assemble(tiny())
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    experiment.new_model()
    assert torch.equal(torch.rand(3), expected)


def test_statistics_are_those_of_the_training_alone(tiny) -> None:
    """The drift is 0, 1, 2, … every six hours; two days of it are 0 to 7."""
    config = tiny({"data.source": {"plugin": "drift"}, "data.split.training": ["2000-01-01", "2000-01-02"]})
    found = assemble(config).statistics.select(("t",))
    assert (found.mean[0], found.minimum[0], found.maximum[0]) == (3.5, 0, 7)
    assert found.std[0] == pytest.approx(np.std(np.arange(8)))
    assert found.tendency_std[0] == pytest.approx(1)


@pytest.mark.carries_out("choose a period between {} and {}")
def test_a_training_period_without_data_is_refused(tiny) -> None:
    with pytest.raises(
        DataError, match=r"no data between 1999-01-01.*\(data.split.training\)\n.*2000-01-01.* and 2000-01-20"
    ):
        assemble(tiny({"data.split.training": ["1999-01-01", "1999-02-01"]}))
    assert len(assemble(tiny({"data.split.training": ["2000-01-01", "2000-01-20"]})).samples("training", 1)) == 80 - 2


@pytest.mark.carries_out("choose data that have times")
def test_data_without_times_are_refused(tiny) -> None:
    with pytest.raises(DataError, match="no data between 2000-01-01"):
        assemble(tiny({"data.source": {"plugin": "timeless"}}))
    assemble(tiny({"data.source": {"plugin": "waves"}}))


def test_samples_come_from_their_period(tiny) -> None:
    experiment = assemble(tiny())
    assert len(experiment.samples("training", 1)) == 40 - 2
    assert len(experiment.samples("validation", 4)) == 20 - 5
    assert str(experiment.samples("validation", 1).initial_times[0]) == "2000-01-11T06:00:00"
    with pytest.raises(DataError, match=r"no period `data.split.test`"):
        experiment.samples("test", 1)


def test_a_training_on_its_test_period_is_warned_of(tiny, caplog) -> None:
    assemble(tiny())
    assert "overlap" not in caplog.text
    assemble(tiny({"data.split.test": ["2000-01-09", "2000-01-10"]}))
    assert "`data.split.training` and `data.split.test` overlap from 2000-01-09" in caplog.text


def test_output_variables_have_their_units(tiny) -> None:
    experiment = assemble(tiny({"data.variables": {"diagnostic": ["t"], "forcing": ["insolation"]}}))
    assert [(v.name, v.units) for v in experiment.output_variables] == [("q", "g kg-1"), ("t", "K")]


@pytest.mark.parametrize("name", ["tt", "insolation"])
def test_limits_of_a_variable_that_is_not_forecast_are_refused(tiny, name: str) -> None:
    config = tiny({"model.bounding": {name: {"minimum": 0}}, "data.variables": {"forcing": ["insolation"]}})
    with pytest.raises(WxmlError, match=rf"'{name}'"):
        assemble(config).new_model()


# Save and restore

VARIED = {
    "seed": 9,
    "data.variables": {"forcing": ["cos_local_time"], "diagnostic": ["q"]},
    "data.transforms": [{"plugin": "impute"}, {"plugin": "normalise", "methods": {"q": "max"}}],
    "data.input_steps": 3,
    "model.processor": {"plugin": "mixing", "bias": False},
    "model.trainable_features": {"grid": 2, "mesh": 1},
    "model.bounding": {"q": {"minimum": 0}},
}


def saved(experiment: Experiment, path: Path) -> Path:
    """A checkpoint of a model with other weights than a fresh one."""
    model = experiment.new_model()
    generator = torch.Generator().manual_seed(77)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.1 * torch.randn(weight.shape, generator=generator))
    experiment.save(path, model.state_dict(), {"steps": 3})
    return path


def forecasts(experiment: Experiment, model: torch.nn.Module) -> np.ndarray:
    """Four steps from two initial times."""
    times = experiment.source.header.times[[44, 50]]
    return np.stack([fields.values for _, fields in rollout(experiment, model, times, 4)])


def test_a_restored_model_makes_the_same_forecasts(tiny, tmp_path: Path) -> None:
    experiment = assemble(tiny(VARIED))
    path = saved(experiment, tmp_path / "c.safetensors")
    model = experiment.new_model()
    model.load_state_dict(dict(load_checkpoint(path).weights))
    again, restored = restore(path)
    assert again.roles == experiment.roles
    assert again.provenance == experiment.provenance
    expected = forecasts(experiment, model)
    assert np.array_equal(forecasts(again, restored), expected)
    assert np.isfinite(expected).all()
    assert not np.array_equal(forecasts(experiment, experiment.new_model()), expected)


def test_saving_what_was_restored_gives_the_same_bytes(tiny, tmp_path: Path) -> None:
    path = saved(assemble(tiny(VARIED)), tmp_path / "c.safetensors")
    again, restored = restore(path)
    again.save(tmp_path / "again.safetensors", restored.state_dict(), {"steps": 3})
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


def test_the_header_says_how_to_rebuild_it(tiny, tmp_path: Path) -> None:
    header = read_header(saved(assemble(tiny(VARIED)), tmp_path / "c.safetensors"))
    assert header["roles"] == {"prognostic": ["t"], "forcing": ["cos_local_time"], "diagnostic": ["q"]}
    assert header["training"] == {"steps": 3}
    assert header["config"]["model"]["processor"] == {"plugin": "mixing", "bias": False}


def test_restoring_computes_no_statistics_and_builds_no_graph(tiny, tmp_path: Path, monkeypatch) -> None:
    path = saved(assemble(tiny(VARIED)), tmp_path / "c.safetensors")

    def refuse(*arguments: object) -> None:
        raise AssertionError(arguments)

    monkeypatch.setattr("wxml.training_statistics.statistics_and_missing", refuse)
    monkeypatch.setattr("wxml.testing.tiny_graph", refuse)
    restore(path)


def test_a_checkpoint_is_announced(tiny, heard: list[tuple[object, ...]], tmp_path: Path) -> None:
    path = saved(assemble(tiny()), tmp_path / "c.safetensors")
    assert heard == [("saved", path)]


def test_an_existing_checkpoint_is_kept(tiny, heard: list[tuple[object, ...]], tmp_path: Path) -> None:
    experiment = assemble(tiny())
    path = saved(experiment, tmp_path / "c.safetensors")
    with pytest.raises(ArtefactError, match="exists already"):
        experiment.save(path, weights(experiment), {})
    assert len(heard) == 1
    experiment.save(path, weights(experiment), {"steps": 0}, overwrite=True)
    assert read_header(path)["training"] == {"steps": 0}


def test_other_data_on_the_same_grid_may_be_read(tiny, tmp_path: Path) -> None:
    path = saved(assemble(tiny()), tmp_path / "c.safetensors")
    experiment, model = restore(path, source=PluginChoice(plugin="waves", members=3))
    assert forecasts(experiment, model).shape == (8, 3, 2, 48)


def test_a_checkpoint_says_which_variables_it_reads(tiny, tmp_path: Path, monkeypatch, caplog) -> None:
    monkeypatch.setenv("COUNT_OF_MEMBERS", "2")
    changes = {"data.source": {"plugin": "waves", "members": "${oc.env:COUNT_OF_MEMBERS}"}}
    path = saved(assemble(tiny(changes)), tmp_path / "c.safetensors")
    assert read_header(path)["config"]["data"]["source"]["members"] == "${oc.env:COUNT_OF_MEMBERS}"
    monkeypatch.setenv("COUNT_OF_MEMBERS", "3")
    caplog.clear()
    with caplog.at_level("INFO", "wxml"):
        assert restore(path)[0].source.header.members == 3
        restore(path, source=PluginChoice(plugin="waves"))
    told = [message for message in caplog.messages if "environment" in message]
    assert told == [f"the config of `{path}` reads the environment: COUNT_OF_MEMBERS"]


def test_a_checkpoint_names_the_variable_that_is_not_set(tiny, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("COUNT_OF_MEMBERS", "2")
    changes = {"data.source": {"plugin": "waves", "members": "${oc.env:COUNT_OF_MEMBERS}"}}
    path = saved(assemble(tiny(changes)), tmp_path / "c.safetensors")
    monkeypatch.delenv("COUNT_OF_MEMBERS")
    with pytest.raises(WxmlError, match="needs the environment variable COUNT_OF_MEMBERS, which is not set"):
        restore(path)


def test_data_on_another_grid_are_refused(tiny, tmp_path: Path) -> None:
    path = saved(assemble(tiny()), tmp_path / "c.safetensors")
    with pytest.raises(DataError, match=r"grid of shape \(6, 8\), the source has one of shape \(8, 10\) with other"):
        restore(path, source=PluginChoice(plugin="elsewhere"))


@pytest.mark.parametrize(
    ("roles", "units", "names"),
    [
        ({}, {"t": "m"}, "trained on 't' in 'K', and the source has it in 'm'"),
        ({}, {"q": "kg m-3"}, "trained on 'q' in 'g kg-1', and the source has it in 'kg m-3'"),
        ({"forcing": ["q"]}, {"q": "furlongs"}, "trained on 'q' in 'g kg-1', and the source has it in 'furlongs'"),
    ],
)
def test_data_in_units_of_something_else_are_refused(tiny, tmp_path: Path, roles: Any, units: Any, names: str) -> None:
    path = saved(assemble(tiny({"data.variables": roles})), tmp_path / "c.safetensors")
    with pytest.raises(DataError, match=names):
        restore(path, source=PluginChoice(plugin="other-units", **units))


def test_a_forecast_from_other_units_is_that_from_the_units_of_the_training(
    tiny, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "wxml")
    path = saved(assemble(tiny()), tmp_path / "c.safetensors")
    start = WAVES.header.times[:2]
    expected = restore(path)[0].preprocessing.source.read(start, ("t", "q"))
    found = restore(path, source=PluginChoice(plugin="other-units", t="degF", q="kg/kg"))[0].preprocessing.source
    assert [one.units for one in found.header.variables] == ["K", "g kg-1"]
    values = found.read(start, ("t", "q"))
    np.testing.assert_allclose(values[:, :, 0], (expected[:, :, 0] + 459.67) * 5 / 9, rtol=1e-6)
    np.testing.assert_allclose(values[:, :, 1], expected[:, :, 1] * 1000, rtol=1e-6)
    assert "the source has 't' in 'degF'; it is converted to 'K', as in the training" in caplog.text


@pytest.mark.parametrize("units", [{"t": "kelvin"}, {"q": "g/kg"}, {"q": "g kg**-1"}])
def test_units_written_in_another_way_are_the_same(tiny, tmp_path: Path, units: Any, caplog) -> None:
    path = saved(assemble(tiny()), tmp_path / "c.safetensors")
    restore(path, source=PluginChoice(plugin="other-units", **units))
    assert "units" not in caplog.text


def test_units_of_a_variable_that_is_not_read_do_not_matter(tiny, tmp_path: Path) -> None:
    path = saved(assemble(tiny({"data.variables": {"diagnostic": ["q"]}})), tmp_path / "c.safetensors")
    restore(path, source=PluginChoice(plugin="other-units", q="kg/kg"))


def test_units_that_are_not_stated_are_warned_of(tiny, tmp_path: Path, caplog) -> None:
    path = saved(assemble(tiny()), tmp_path / "c.safetensors")
    restore(path, source=PluginChoice(plugin="other-units", t=""))
    assert "the units of 't' cannot be compared: 'K' in the training, '' in the source" in caplog.text


@pytest.mark.parametrize(("period", "timestep"), [("3h", "6h"), ("24h", "6h"), ("6h around the time", "12h")])
def test_periods_of_another_length_than_a_time_step_are_warned_of(tiny, period: str, timestep: str, caplog) -> None:
    source = {"plugin": "buckets", "period": period}
    assemble(tiny({"data.source": source, "data.timestep": timestep, "forecast.lead_time": "24h"}))
    words = f"the values of 't' describe periods of {period.split()[0]}, and a time step is {timestep}"
    assert words in caplog.text


@pytest.mark.parametrize("period", ["6h", "6h around the time"])
def test_periods_of_one_time_step_need_no_word(tiny, period: str, caplog) -> None:
    assemble(tiny({"data.source": {"plugin": "buckets", "period": period}}))
    assert "describe periods" not in caplog.text


@pytest.mark.parametrize(("period", "other"), [("6h", "3h"), ("6h", "6h after the time")])
def test_data_over_other_periods_are_refused(tiny, tmp_path: Path, period: str, other: str) -> None:
    path = saved(assemble(tiny({"data.source": {"plugin": "buckets", "period": period}})), tmp_path / "c.safetensors")
    restore(path, source=PluginChoice(plugin="buckets", period=period))
    with pytest.raises(
        DataError, match=f"trained on 't' over periods of {period}, and the source has it over periods of"
    ):
        restore(path, source=PluginChoice(plugin="buckets", period=other))


def test_a_diagnostic_variable_need_not_be_in_the_data(tiny, tmp_path: Path) -> None:
    """It only comes out of the model, so analyses that lack it can still be forecast from."""
    path = saved(assemble(tiny({"data.variables": {"diagnostic": ["q"]}})), tmp_path / "c.safetensors")
    experiment, model = restore(path, source=PluginChoice(plugin="no-humidity"))
    assert forecasts(experiment, model).shape == (8, 1, 2, 48)
    assert [(v.name, v.units) for v in experiment.output_variables] == [("t", "K"), ("q", "g kg-1")]


def test_a_prognostic_variable_must_be_in_the_data(tiny, tmp_path: Path) -> None:
    path = saved(assemble(tiny()), tmp_path / "c.safetensors")
    with pytest.raises(DataError, match="'q'"):
        forecasts(*restore(path, source=PluginChoice(plugin="no-humidity")))


def changed(path: Path, new: dict[str, torch.Tensor]) -> None:
    """The same checkpoint with other weights."""
    old = load_checkpoint(path)
    save_checkpoint(path, Checkpoint(old.header, new, old.graph, old.grid, old.statistics), overwrite=True)


@pytest.mark.parametrize("how", ["missing", "unknown", "of another shape"])
def test_weights_that_do_not_fit_are_refused(tiny, tmp_path: Path, how: str) -> None:
    path = saved(assemble(tiny()), tmp_path / "c.safetensors")
    new = dict(load_checkpoint(path).weights)
    name = "processor.mix.weight"
    weight = new.pop(name)
    if how == "unknown":
        new |= {name: weight, "processor.moon": weight.clone()}
    if how == "of another shape":
        new[name] = weight[:, :3]
    changed(path, new)
    with pytest.raises(ArtefactError, match=r"(?s)do not fit the model .*processor.m(ix.weight|oon).*wxml doctor"):
        restore(path)


@pytest.mark.parametrize("channels", [10_000, 50_000, 100_000])
def test_a_model_larger_than_its_weights_is_refused_before_it_takes_memory(tiny, tmp_path: Path, channels: int) -> None:
    path = saved(assemble(tiny()), tmp_path / "c.safetensors")
    old = load_checkpoint(path)
    config = old.header["config"]
    header = {**old.header, "config": {**config, "model": {**config["model"], "channels": channels}}}
    hostile = Checkpoint(header, old.weights, old.graph, old.grid, old.statistics, old.transformed)
    save_checkpoint(path, hostile, overwrite=True)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ArtefactError, match="do not fit the model that its config describes"):
        restore(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**19  # KiB


def test_a_plugin_that_is_not_installed_any_more_is_named(tiny, tmp_path: Path, monkeypatch) -> None:
    path = saved(assemble(tiny()), tmp_path / "c.safetensors")
    monkeypatch.setenv("WXML_PLUGINS", "none")
    installed.cache_clear()
    with pytest.raises(UnknownPluginError, match="waves"):
        restore(path)
