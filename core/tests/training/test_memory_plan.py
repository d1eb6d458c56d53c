"""What a training step takes: closed forms, what is computed again, what is chosen to fit a limit."""

import copy
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from click.testing import CliRunner
from torch import Tensor, nn
from wxml.cli.train import command
from wxml.config.model_schema import ActivationCheckpointingConfig
from wxml.errors import ConfigError, ContractError
from wxml.experiment.assembling import assemble
from wxml.experiment.parts import Experiment
from wxml.model.encode_process_decode import EncodeProcessDecode
from wxml.model.layers import set_recompute
from wxml.plugins.create import create
from wxml.training.memory_limit import fitted, plan_experiment
from wxml.training.memory_plan import GAPS, MemoryPlan, MemoryPlanner, SampleShape
from wxml.training.memory_table import plan_lines, recomputed_parts
from wxml.training.trainer import TrainingMemory

NODES, CHANNELS, LAYERS, BATCH = 64, 16, 5, 3
KEEP_ALL = ActivationCheckpointingConfig()
LAYERED = {
    "model.processor": {"plugin": "layered", "num_layers": 4},
    "model.channels": 64,
    "training": {"plugin": "planned", "rollout": 1},
}


class Chain(nn.Module):
    """tanh(W tanh(W … x)) at every node, one input step, one output step."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(CHANNELS, CHANNELS, bias=False) for _ in range(LAYERS))

    def forward(self, states: Tensor, forcings: Tensor) -> Tensor:
        values = states[:, -1]
        for layer in self.layers:
            values = torch.tanh(layer(values))
        return values[:, None]


def chain_plan(rollout: int, **training: object) -> MemoryPlan:
    sample = SampleShape(NODES, input_steps=1, output_steps=1, prognostic=CHANNELS, diagnostic=0, forcing=0)
    memory = TrainingMemory(batch_size=BATCH, rollout=rollout, **training)  # type: ignore[arg-type]
    return MemoryPlanner(Chain(), sample, memory).plan(KEEP_ALL)


@pytest.mark.parametrize("rollout", [1, 2, 3, 4, 9])
def test_activations_in_closed_form(rollout: int) -> None:
    """A call keeps its input and the result of each tanh, and the loss keeps its error; a sum of 4 bytes is left."""
    field = BATCH * NODES * CHANNELS * 4
    plan = chain_plan(rollout)
    assert plan.activations == rollout * (1 + LAYERS + 1) * field + 4
    assert plan.kept["batch"] == (1 + rollout) * field


def test_members_keep_what_as_many_samples_keep() -> None:
    field = BATCH * NODES * CHANNELS * 4
    plan = chain_plan(1, members=3)
    assert plan.activations == 3 * (1 + LAYERS + 1) * field + 4
    assert plan.kept["batch"] == 2 * field


def test_members_that_are_forecast_again_keep_their_errors_alone() -> None:
    """And at the peak the activations of those that are forecast at once."""
    field = BATCH * NODES * CHANNELS * 4
    alone, all_at_once = chain_plan(1, members=3, members_at_once=1), chain_plan(1, members=3)
    assert alone.activations == 3 * field + 4
    assert all_at_once.peak - alone.peak >= 2 * LAYERS * field
    assert chain_plan(1, members=3, members_at_once=3).at_peak == all_at_once.at_peak


@pytest.mark.parametrize("rollout", [1, 2, 3, 6])
def test_steps_that_are_computed_again_keep_their_inputs_and_errors(rollout: int) -> None:
    """The state of the first is in the batch; the output of each but the last is kept, too."""
    field = BATCH * NODES * CHANNELS * 4
    plan = chain_plan(rollout, recompute_steps=True)
    assert plan.activations == (3 * rollout - 2) * field + 4
    assert plan.peak < chain_plan(rollout).peak


def test_what_belongs_to_the_weights_in_closed_form() -> None:
    weights = LAYERS * CHANNELS**2 * 4
    kept = chain_plan(1, moments=2, copies=3).kept
    expected = {"weights": weights, "gradients": weights, "optimiser state": 2 * weights}
    assert {label: kept[label] for label in expected} == expected
    assert kept["copies of the weights"] == 3 * weights
    assert "optimiser state" not in chain_plan(1, moments=0).kept
    divided = chain_plan(1, moments=2, shards=4).kept["optimiser state"]
    assert weights / 2 <= divided < weights / 2 * 1.1  # each weight is divided, and its parts rounded up


def test_the_peak_of_a_chain_in_closed_form() -> None:
    """In the backward pass of the last tanh: all is still there, beside the gradients of the error and of the tanh.

    The gaps are a share of what comes and goes: batch, activations and backward pass.
    """
    field, weights = BATCH * NODES * CHANNELS * 4, LAYERS * CHANNELS**2 * 4
    plan = chain_plan(1)
    tensors = plan.peak - plan.at_peak["gaps"]
    assert tensors == 3 * weights + 2 * field + (1 + LAYERS + 1) * field + 4 + plan.at_peak["backward"]
    assert 2 * field <= plan.at_peak["backward"] <= 4 * field + 64
    assert plan.at_peak["gaps"] == pytest.approx(GAPS["cpu"] * (tensors - 3 * weights), abs=1)


def test_half_the_bytes_are_kept_in_bfloat16() -> None:
    """Only the error is float32; products but for the first, which is of data, keep their weight, too."""
    field, weight = BATCH * NODES * CHANNELS, CHANNELS**2
    activations = chain_plan(1, precision="bfloat16").activations
    assert activations == 2 * (1 + LAYERS) * field + 4 * field + 2 * (LAYERS - 1) * weight + 4


def experiment_of(tiny, changes: dict[str, object] | None = None) -> Experiment:
    return assemble(tiny({**LAYERED, **(changes or {})}))


def with_model(experiment: Experiment, **changes: object) -> Experiment:
    """The same experiment with other keys of `model`."""
    model = experiment.config.model
    changed = type(model).model_validate({**model.model_dump(), **changes})
    return replace(experiment, config=experiment.config.model_copy(update={"model": changed}))


def planned(experiment: Experiment) -> MemoryPlan:
    choice = experiment.config.training
    return plan_experiment(experiment, create("trainer", choice.plugin, choice.options, where="training"))


# Computed again: less is kept, the numbers are the same


def gradients(model: EncodeProcessDecode, checkpointing: ActivationCheckpointingConfig) -> tuple[Tensor, list[Tensor]]:
    model = copy.deepcopy(model)
    set_recompute(model, checkpointing)
    generator = torch.Generator().manual_seed(1)
    states = torch.randn(2, 2, 48, 2, generator=generator)
    with torch.random.fork_rng():
        torch.manual_seed(3)  # of the dropout
        loss = model(states, states[..., :0]).square().sum()
        loss.backward()
    return loss.detach(), [parameter.grad for parameter in model.parameters() if parameter.grad is not None]


@pytest.mark.parametrize("processor", ["layered", "mixing"])
@pytest.mark.parametrize(("groups", "mappers"), [(1, False), (3, False), (99, True), (0, True)])
def test_loss_and_gradients_do_not_change_at_all(tiny, processor: str, groups: int, mappers: bool) -> None:
    model = experiment_of(tiny, {"model.processor": {"plugin": processor}, "model.channels": 8}).new_model()
    expected, found = (
        gradients(model, choice)
        for choice in (KEEP_ALL, ActivationCheckpointingConfig(processor=groups, mappers=mappers))
    )
    assert torch.equal(expected[0], found[0])
    assert len(expected[1]) == len(found[1]) > 0
    assert all(torch.equal(a, b) for a, b in zip(expected[1], found[1], strict=True))


@pytest.mark.parametrize(
    ("processor", "checkpointing", "calls"),
    [
        ("layered", {}, (1, 1)),
        ("layered", {"processor": 4}, (1, 1)),
        ("mixing", {"processor": 4}, (1, 2)),
        ("mixing", {"mappers": True}, (2, 1)),
    ],
    ids=["all kept", "in groups", "as a whole", "mappers"],
)
def test_what_is_called_again(tiny, processor: str, checkpointing: dict[str, object], calls: tuple[int, int]) -> None:
    """A processor without groups of layers is called again as a whole; the config reaches the model."""
    changes = {"model.processor": {"plugin": processor}, "model.activation_checkpointing": checkpointing}
    model = experiment_of(tiny, changes).new_model()
    seen = []
    for name in ("encoder", "processor"):
        getattr(model, name).register_forward_pre_hook(lambda *_, name=name: seen.append(name))
    model(torch.zeros(1, 2, 48, 2), torch.zeros(1, 2, 48, 0)).sum().backward()
    assert (seen.count("encoder"), seen.count("processor")) == calls


def test_without_gradients_nothing_is_set_up_for_later(tiny) -> None:
    model = (
        experiment_of(tiny, {"model.activation_checkpointing": {"processor": 2, "mappers": True}}).new_model().eval()
    )
    with torch.no_grad():
        kept_all = copy.deepcopy(model)
        set_recompute(kept_all, KEEP_ALL)
        inputs = torch.ones(1, 2, 48, 2), torch.ones(1, 2, 48, 0)
        assert torch.equal(model(*inputs), kept_all(*inputs))


def test_what_is_computed_again_is_not_kept(tiny) -> None:
    experiment = experiment_of(tiny)
    plans = {
        name: planned(with_model(experiment, activation_checkpointing=choice))
        for name, choice in (("all", {}), ("mappers", {"mappers": True}), ("processor", {"processor": 4}))
    }
    assert plans["mappers"].kept["processor"] == plans["all"].kept["processor"]
    assert plans["mappers"].kept["encoder"] < plans["all"].kept["encoder"]
    assert plans["processor"].kept["encoder"] == plans["all"].kept["encoder"]
    # what each of the 4 groups is given, but for the first, whose input the encoder made: [8, 12, 64]
    assert plans["processor"].kept["processor"] == 3 * 8 * 12 * 64 * 4 < plans["all"].kept["processor"] / 8


def test_a_plan_is_of_the_experiment_and_leaves_its_models_alone(tiny) -> None:
    experiment = experiment_of(tiny)
    expected = experiment.new_model().state_dict()
    state = torch.random.get_rng_state()
    first, second = planned(experiment), planned(experiment)
    assert first == second
    assert torch.equal(torch.random.get_rng_state(), state)
    for name, tensor in experiment.new_model().state_dict().items():
        assert torch.equal(tensor, expected[name])


# Chosen to fit


def test_a_limit_is_kept_and_nothing_is_computed_again_without_need(tiny) -> None:
    experiment = experiment_of(tiny)
    chosen = [planned(experiment)]
    assert planned(with_model(experiment, memory_limit=f"{chosen[0].peak}B")) == chosen[0]
    while True:
        limit = chosen[-1].peak - 1
        try:
            chosen.append(planned(with_model(experiment, memory_limit=f"{limit}B")))
        except ConfigError:
            break
        assert chosen[-1].peak <= limit
    parts = [recomputed_parts(plan.recompute) for plan in chosen]
    assert parts[:2] == ["", "the mappers"]
    assert len(parts) >= 3
    assert "groups of layers" in parts[-1]


def test_what_the_config_asks_for_is_computed_again_anyway(tiny) -> None:
    asked = with_model(experiment_of(tiny), activation_checkpointing={"mappers": True})
    chosen = planned(with_model(asked, memory_limit=f"{planned(asked).peak - 1}B")).recompute
    assert chosen.mappers
    assert chosen.processor > 0


@pytest.mark.carries_out("raise the limit, or reduce {}")
def test_where_nothing_fits_the_least_is_told_and_what_to_reduce(tiny) -> None:
    """The limit is a byte below what the training takes when the backward pass recomputes all it can."""
    many = {"plugin": "planned", "rollout": 2, "batch_size": 8}
    changes = {"training": many, "model.processor": {"plugin": "layered", "num_layers": 2}}
    changes["model.activation_checkpointing"] = {"mappers": True, "processor": 2}
    least = planned(experiment_of(tiny, changes)).peak
    changes["model.memory_limit"] = f"{least - 1}B"
    message = rf"takes [\d.]+ [KM]iB at least, when the backward pass recomputes .*; got a limit of {least - 1}B"
    with pytest.raises(ConfigError, match=message) as caught:
        planned(experiment_of(tiny, changes))
    assert caught.value.faults[0].key == "model.memory_limit"
    assert caught.value.fix == (
        "raise the limit, or reduce the batch size of 8, the rollout of 2 steps, `model.channels`, the layers or the "
        "mesh"
    )
    for way in (
        {"model.memory_limit": f"{least}B"},
        {"training": {**many, "batch_size": 4}},
        {"training": {**many, "rollout": 1}},
        {"model.channels": 32},
        {"model.processor": {"plugin": "layered", "num_layers": 1}},
        {"graph": {"plugin": "nearest", "mesh_nodes": 4}},
    ):
        planned(experiment_of(tiny, changes | way))


def test_the_choice_is_on_record_and_logged(tiny, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "wxml")
    everything = experiment_of(tiny)
    limit = planned(with_model(everything, activation_checkpointing={"mappers": True})).peak
    experiment = with_model(everything, memory_limit=f"{limit}B")
    trainer = create("trainer", "planned", {"rollout": 1}, where="training")
    chosen = fitted(experiment, trainer)
    assert chosen.config.model.activation_checkpointing == ActivationCheckpointingConfig(mappers=True)
    assert chosen.provenance.config == chosen.config.model_dump(mode="json")
    assert chosen.provenance.origins["model.activation_checkpointing.mappers"] == "model.memory_limit"
    assert fitted(experiment, trainer).config == chosen.config
    assert f"more than the limit of {limit}B, so the backward pass recomputes the mappers" in caplog.text
    assert "at the peak of a training step: activations" in caplog.text


@pytest.mark.carries_out(
    "no `forward` of a plugin may depend on values of tensors; its authors can make indices and masks in the "
    "constructor"
)
def test_a_part_that_looks_at_values_cannot_be_planned(tiny, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "wxml")
    experiment = experiment_of(tiny, {"model.processor": {"plugin": "peeking"}})
    with pytest.raises(ContractError, match="cannot be planned"):
        planned(experiment)
    trainer = create("trainer", "planned", {}, where="training")
    assert fitted(experiment, trainer) is experiment  # without a limit it is not planned, and trains all the same
    assert "memory" not in caplog.text
    with pytest.raises(ContractError, match="cannot be planned"):
        fitted(with_model(experiment, memory_limit="1GiB"), trainer)
    mended = experiment_of(tiny, {"model.processor": {"plugin": "peeking", "once": True}})
    assert fitted(with_model(mended, memory_limit="1GiB"), trainer).config.model.memory_limit == "1GiB"
    states = torch.randn(1, 2, 48, 2, generator=torch.Generator().manual_seed(1))
    assert torch.equal(*(one.new_model()(states, states[..., :0]) for one in (experiment, mended)))


# On the command line


@pytest.fixture
def written(tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    config = tiny(LAYERED).config.model_dump(mode="json")
    (folder / "experiment.yaml").write_text(yaml.safe_dump(config))
    return folder


def test_the_table_has_every_part_and_adds_up(written: Path) -> None:
    done = CliRunner().invoke(command, ["experiment.yaml", "--plan"])
    assert done.exit_code == 0, done.output
    rows = done.output.splitlines()
    assert "batch of 8, rollout of 1, float32, device cpu" in rows[0]
    assert rows[1] == "the backward pass recomputes nothing"
    names = {"weights", "gradients", "encoder activations", "processor activations", "graph", "batch", "total"}
    assert names <= {row[:24].strip() for row in rows}
    assert [path.name for path in written.iterdir()] == ["experiment.yaml"]


def test_the_table_says_what_is_forecast_again() -> None:
    training = TrainingMemory(batch_size=8, rollout=2, members=4, members_at_once=2, recompute_steps=True)
    planner = MemoryPlanner(Chain(), SampleShape(NODES, 1, 1, CHANNELS, 0, 0), training)
    first, second, *_ = plan_lines(planner.plan(KEEP_ALL))
    assert "batch of 8, 4 members, rollout of 2, float32" in first
    assert second == "the backward pass recomputes each forecast step and the members, 2 at once"


def test_json_is_the_same_in_bytes(written: Path) -> None:
    done = CliRunner().invoke(
        command, ["experiment.yaml", "model.activation_checkpointing.processor=2", "--plan", "--json"]
    )
    plan = json.loads(done.stdout)
    assert plan["peak"] == sum(plan["at_peak"].values())
    assert plan["activation_checkpointing"] == {"processor": 2, "mappers": False}
    assert plan["training"]["batch_size"] == 8
    assert CliRunner().invoke(command, ["experiment.yaml", "--json"]).exit_code == 2


def test_a_spread_is_counted(tiny) -> None:
    """Of each variable and node the decoder returns a further number, and its weights have a further row."""
    plans, weights = [], []
    for more in ({}, {"model.spread": {}}):
        experiment = assemble(tiny(LAYERED | more))
        plans.append(planned(experiment))
        weights.append(sum(weight.numel() for weight in experiment.new_model().parameters()))
    plain, wide = plans
    assert [plan.kept["weights"] for plan in plans] == [4 * count for count in weights]
    assert weights[1] > weights[0]
    assert wide.kept["decoder"] > plain.kept["decoder"]
    assert wide.peak > plain.peak
