"""What is loaded, changed, made fresh, frozen, adapted and refused, and what the record says of it."""

import json
import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from wxml import ArtefactError, ConfigError, DataError
from wxml.artefacts.checkpoint import load_checkpoint, read_header
from wxml.artefacts.formats import read_provenance
from wxml.artefacts.lineage import lineage
from wxml.experiment.assembling import assemble
from wxml.experiment.restoring import restore

carries_out = pytest.mark.carries_out


def test_the_same_config_loads_everything_as_it_was(fork) -> None:
    parent = fork({})
    child = parent.child()
    weights = load_checkpoint(parent.checkpoint).weights
    state = child.new_model().state_dict()
    assert state.keys() == weights.keys()
    assert all(torch.equal(state[name], weights[name]) for name in state)
    report = child.initial.report
    assert (report.changed, report.fresh, report.unused, report.differences) == ((), {}, (), ())


def test_other_statistics_change_the_matrices_that_read_and_write_alone(fork) -> None:
    parent = fork({})
    report = parent.child({"data.split.training": ["2000-01-04", "2000-01-12"]}).initial.report
    assert set(report.changed) == {
        "encoder.source.weight",
        "encoder.source.bias",
        "decoder.out.weight",
        "decoder.out.bias",
    }
    assert {row.name: row.how for row in report.variables} == dict.fromkeys("abcd", "other statistics")


def test_the_formula_of_the_inputs_by_hand(fork) -> None:
    """W' = W s'/s and b' = b + W (μ' − μ)/s, for a model that reads values at one time."""
    options = {"model.input_tendencies": False, "data.input_steps": 1}
    parent = fork(options)
    child = parent.child({**options, "data.split.training": ["2000-01-04", "2000-01-12"]})
    old, new = parent.parent.statistics, child.statistics
    weights = load_checkpoint(parent.checkpoint).weights
    state = child.new_model().state_dict()
    w, b = (weights[f"encoder.source.{name}"].double().numpy() for name in ("weight", "bias"))
    np.testing.assert_allclose(state["encoder.source.weight"][:, :4], w[:, :4] * new.std / old.std, rtol=1e-6)
    np.testing.assert_allclose(
        state["encoder.source.bias"], b + w[:, :4] @ ((new.mean - old.mean) / old.std), rtol=1e-5, atol=1e-6
    )
    np.testing.assert_array_equal(state["encoder.source.weight"][:, 4:], weights["encoder.source.weight"][:, 4:])
    scale = (old.tendency_std / new.tendency_std)[:, None]  # of physical values; the model's are of single precision
    np.testing.assert_allclose(state["decoder.out.weight"], weights["decoder.out.weight"].numpy() * scale, rtol=1e-4)


def test_copied_weights_are_those_of_the_other_variable(fork) -> None:
    parent = fork({})
    changes = {"data.source.names": ["a", "b", "c", "d", "e"]}
    state = parent.child(changes, match="by-name", copied={"e": "b"}).new_model().state_dict()
    assert torch.equal(state["decoder.out.weight"][4], state["decoder.out.weight"][1])
    columns = state["encoder.source.weight"][:, :10].reshape(-1, 2, 5)  # input time, variable
    assert torch.equal(columns[..., 4], columns[..., 1])


def test_parts_that_are_not_wanted_are_fresh(fork) -> None:
    parent = fork({})
    child = parent.child(parts=["processor"])
    weights, state = load_checkpoint(parent.checkpoint).weights, child.new_model().state_dict()
    fresh = parent.parent.new_model().state_dict()
    for name, tensor in state.items():
        assert torch.equal(tensor, weights[name] if name.startswith("processor.") else fresh[name]), name


def test_another_width_makes_weights_fresh_and_says_why(fork) -> None:
    parent = fork({})
    changes = {"model.processor": {"plugin": "layered"}}
    report = parent.child(changes, match="by-name").initial.report
    assert set(map(str, report.fresh.values())) == {"the checkpoint has no such weight"}
    assert set(report.unused) == {"processor.mix.weight", "processor.mix.bias"}
    assert "`model.processor.plugin` was mixing, is layered" in report.differences


@carries_out("write `training.from.match=by-name` if this is what you want")
def test_strict_refuses_what_is_new_or_dropped(fork) -> None:
    parent = fork({})
    changes = {"data.source.names": ["b", "c", "d", "e"]}
    with pytest.raises(ConfigError, match=r"'e' is new; 'a' of the checkpoint is dropped"):
        parent.child(changes)
    parent.child(changes, match="by-name")


@carries_out("take the plugins and `model.channels` of the checkpoint, or leave `training.from` out")
def test_an_empty_match_is_an_error(fork) -> None:
    parent = fork({})
    with pytest.raises(ArtefactError, match=r"nothing of `.*` fits the model, whose .* weights would be fresh"):
        parent.child({"model.channels": 16}, match="by-name")
    parent.child({"model.channels": 8}, match="by-name")


@carries_out("take what is fresh out of `training.from.freeze` and `training.from.lora.targets`")
def test_fresh_weights_are_not_frozen(fork) -> None:
    parent = fork({})
    with pytest.raises(ConfigError, match=r"'decoder.source.weight' would be frozen with fresh weights"):
        parent.child(parts=["encoder"], freeze=["decoder"])
    parent.child(parts=["encoder"], freeze=["encoder"])


@carries_out("write a part ({}) or a pattern such as 'processor.*'")
def test_a_pattern_fits_something(fork) -> None:
    parent = fork({})
    with pytest.raises(ConfigError, match="no weight of the model fits 'procesor'; its weights are"):
        parent.child(freeze=["procesor"])
    for pattern in ("processor", "processor.*"):
        assert parent.child(freeze=[pattern]).initial.report.frozen == ("processor.mix.weight", "processor.mix.bias")


@carries_out("write `{name in the experiment: name in the checkpoint}`")
def test_names_that_there_are_not(fork) -> None:
    parent = fork({})
    with pytest.raises(ConfigError, match="the experiment has no variable 'air': known: a, b, c, d"):
        parent.child(renamed={"air": "a"})
    with pytest.raises(ConfigError, match="the checkpoint has no variable 'e': known: a, b, c, d"):
        parent.child({"data.source.names": ["e", "b", "c", "d"]}, match="by-name", copied={"e": "e"})
    parent.child({"data.source.names": ["e", "b", "c", "d"]}, renamed={"e": "a"})


@carries_out("write the one that is another quantity in `training.from.copied`")
def test_one_variable_is_not_taken_over_twice(fork) -> None:
    parent = fork({})
    changes = {"data.source.names": ["a", "b", "c", "e"]}
    with pytest.raises(ConfigError, match="'a' and 'e' would both take over 'a' of the checkpoint"):
        parent.child(changes, match="by-name", renamed={"e": "a"})
    parent.child(changes, match="by-name", copied={"e": "a"})


@carries_out("rename {} in the experiment, so that it is a new variable, or read it in {}")
def test_another_quantity_under_the_same_name_is_refused(fork) -> None:
    parent = fork({"data.source.names": ["a", "b"]})
    with pytest.raises(DataError, match=r"'a' in 'K', and the experiment has 'a' in 'Pa'"):
        parent.child({"data.source.pascal": ["a"]})
    parent.child({"data.source.pascal": ["ab"], "data.source.names": ["ab", "b"]}, match="by-name")


@carries_out(
    "use the transforms of the checkpoint for {}, or begin with weights as they are: `training.from.copied: {{}: {}}`"
)
def test_transforms_of_another_kind_are_refused(fork) -> None:
    parent = fork({})
    wide = {"data.source.held": {}, "data.transforms": [{"plugin": "log1p"}, {"plugin": "normalise"}]}
    with pytest.raises(DataError, match="the model values of 'a' are no linear function of those that the checkpoint"):
        parent.child(wide)
    parent.child(wide, match="by-name", copied={name: name for name in "abcd"})


@carries_out("keep it in `renamed` if it is the same quantity, else in `copied`")
def test_a_variable_is_renamed_or_copied(fork) -> None:
    parent = fork({})
    changes = {"data.source.names": ["e", "b", "c", "d"]}
    with pytest.raises(ValueError, match=r"a variable is `renamed` or `copied`, got \['e'\] in both"):
        parent.child(changes, renamed={"e": "a"}, copied={"e": "a"})
    parent.child(changes, renamed={"e": "a"})


@carries_out(
    "name the folder of a run that has ended, or of one with `training.keep: {every: 100}`, or a checkpoint itself"
)
def test_a_folder_without_a_checkpoint(fork, tmp_path: Path) -> None:
    parent = fork({})
    run = tmp_path / "run"
    run.mkdir()
    where = {"training.from.checkpoint": str(run)}
    with pytest.raises(ArtefactError, match="holds no checkpoint"):
        assemble(parent.configured(where))
    parent.checkpoint.rename(run / "checkpoint.safetensors")
    assert assemble(parent.configured(where)).initial is not None


def test_frozen_weights_need_no_gradient(fork) -> None:
    model = fork({}).child(freeze=["processor", "*.source.*"]).new_model()
    trained = {name for name, weight in model.named_parameters() if weight.requires_grad}
    assert trained == {f"{part}.{name}.{kind}" for part, name in
                       (("encoder", "target"), ("encoder", "out"), ("decoder", "target"), ("decoder", "out"))
                       for kind in ("weight", "bias")}  # fmt: skip


def test_adapters_are_trained_in_place_of_their_weights_and_merged(fork, tmp_path: Path) -> None:
    parent = fork({})
    child = parent.child(freeze=["processor"], lora={"rank": 2, "alpha": 4.0})
    model = child.new_model()
    before = parent.begun(child)
    wanted = parent.forecast()
    for name in "abcd":
        np.testing.assert_array_equal(before[name], wanted[name])
    trained = {name for name, weight in model.named_parameters() if weight.requires_grad and "processor" in name}
    assert trained == {f"processor.mix.parametrizations.weight.0.{name}" for name in ("down", "up")}
    adapter = model.processor.mix.parametrizations.weight[0]
    with torch.no_grad():
        adapter.up.copy_(torch.randn(adapter.up.shape, generator=torch.Generator().manual_seed(1)))
    child.save(tmp_path / "child.safetensors", model.state_dict(), {"steps": 3})
    merged = load_checkpoint(tmp_path / "child.safetensors").weights["processor.mix.weight"]
    old = load_checkpoint(parent.checkpoint).weights["processor.mix.weight"]
    torch.testing.assert_close(merged, old + 4.0 / 2 * adapter.up.detach() @ adapter.down.detach())
    restored, plain = restore(tmp_path / "child.safetensors")
    states = torch.randn(1, 2, 48, 4, generator=torch.Generator().manual_seed(2))
    forcings = torch.zeros(1, 2, 48, 0)
    torch.testing.assert_close(plain(states, forcings), model(states, forcings))
    assert restored.initial is None


def test_adapters_are_the_same_for_the_same_seed(fork) -> None:
    child = fork({}).child(lora={"rank": 2})
    first, second = (child.new_model().state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_the_record_tells_a_fork_from_other_parents(fork, tmp_path: Path) -> None:
    parent = fork({})
    changes = {"data.source.names": ["b", "a", "e", "c"]}
    child = parent.child(changes, match="by-name", freeze=["processor"])
    path = tmp_path / "child.safetensors"
    child.save(path, child.new_model().state_dict(), {"steps": 3})
    record = read_provenance(path)
    assert record.fork["checkpoint"] == parent.checkpoint.name
    assert record.fork["variables"]["e"] == ["prognostic", "new: zeros"]
    assert record.fork["loaded"] == {"processor": 2, "encoder": 5, "decoder": 4}
    assert record.parents == [read_header(parent.checkpoint)["provenance"]]
    text = lineage(record, "child")
    assert f"forked from the weights of {parent.checkpoint.name}: 11 as they were, 3 changed, 0 fresh" in text
    assert text.count("checkpoint") >= 2
    json.dumps(record.to_dict())
    assert read_provenance(parent.checkpoint).fork == {}


def test_the_table_is_in_the_log(fork, caplog: pytest.LogCaptureFixture) -> None:
    parent = fork({})
    with caplog.at_level(logging.INFO, logger="wxml"):
        parent.child({"data.source.names": ["b", "a", "e", "c"]}, match="by-name")
    lines = [record.getMessage() for record in caplog.records]
    assert "  e         prognostic  new: zeros" in lines
    assert "  d                     dropped: its mean value" in lines
    assert "  encoder         5        1      0       0" in lines


def test_a_checkpoint_that_is_not_there(fork) -> None:
    parent = fork({})
    parent.checkpoint.unlink()
    with pytest.raises(ArtefactError, match="there is no checkpoint"):
        parent.child()
