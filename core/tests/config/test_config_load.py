"""The whole way to a validated config: every fault at once, each with its line and the nearest name."""

import pytest
from wxml.config.load import load_config, read_config
from wxml.config.schema import ExperimentConfig
from wxml.errors import BrokenPluginError, ConfigError

GOOD = """\
defaults: [{model: toy}]
data:
  source: {plugin: toy, members: 2}
  split: {training: [2000-01-01, 2000-10-31]}
graph: {plugin: toy, encoder: {radius: 0.5}}
training: {plugin: toy, max_steps: 7}
"""

BAD = """\
defaults: [{model: toy}]
data:
  source:
    plugin: toy
    member: 2
  split: {training: [2000-02-01, 2000-01-01]}
  timestep: 6 hours
  input_step: 3
graph:
  plugin: toi
  radius: 0.5
model:
  channels: 0
  processor: {num_layers: -4}
training: {max_steps: 7}
verification: 3
modle: {channels: 3}
"""


def faults(experiment, *overrides, load=load_config):
    with pytest.raises(ConfigError) as caught:
        load(experiment, overrides)
    return [str(fault) for fault in caught.value.faults]


def test_a_good_config(plugins):
    loaded = load_config(plugins.experiment(GOOD), ["data.source.members=3"])
    assert loaded.config.data.source.options == {"members": 3}
    assert loaded.config.model.processor.options == {"num_layers": 3}
    assert loaded.origins["data.source.members"] == "command line"
    assert loaded.origins["graph.encoder.radius"] == "experiment.yaml:5"
    assert loaded.origins["forecast.batch_size"] == "default"
    assert ExperimentConfig.model_validate(loaded.config.model_dump(mode="json")) == loaded.config


def test_every_fault_is_reported_at_once_with_its_line(plugins):
    found = faults(plugins.experiment(BAD))
    listed = "known: forcings, input_steps, missing_inputs, output_steps, source, split, task, timestep, transforms, "
    listed += "variables"
    sections = "known: data, extensions, forecast, graph, model, seed, training, verification"
    assert found == [
        f"unknown key `input_step`: did you mean 'input_steps'?   {listed} (experiment.yaml:8, data.input_step)",
        "unknown key `member`: did you mean 'members'?   known: members (experiment.yaml:5, data.source.member)",
        (
            "`training` is wrong: a period must not end before it starts, got [2000-02-01, 2000-01-01]; "
            "exchange the two (experiment.yaml:6, data.split.training)"
        ),
        (
            "`timestep` is wrong: a duration must be a positive whole number and a unit, got '6 hours'; "
            "write it like '6h', '30min' or '2d' "
            "(experiment.yaml:7, data.timestep)"
        ),
        "unknown graph-builder 'toi': did you mean 'toy'?   installed: toy (experiment.yaml:10, graph.plugin)",
        "`channels` must be greater than 0, got 0 (experiment.yaml:13, model.channels)",
        "`num_layers` must be greater than 0, got -4 (experiment.yaml:14, model.processor.num_layers)",
        f"unknown key `modle`: did you mean 'model'?   {sections} (experiment.yaml:17, modle)",
        "`plugin` is missing: write the name of a plugin (experiment.yaml:15, training.plugin)",
        "`verification` must be `{plugin: NAME}`, got 3 (experiment.yaml:16, verification)",
    ]


def test_an_empty_experiment_is_answered_with_what_to_write(plugins):
    preset = ": choose a preset, like `defaults: [{model: gnn}]`, or write `{plugin: NAME}`"
    assert faults(plugins.experiment("")) == [
        "`source` is missing: write `{plugin: NAME}` (experiment.yaml:1, data.source)",
        "`training` is missing: write `[start, end]` (experiment.yaml:1, data.split.training)",
        "`graph` is missing: write `{plugin: NAME}` (experiment.yaml:1, graph)",
        f"`decoder` is missing{preset} (experiment.yaml:1, model.decoder)",
        f"`encoder` is missing{preset} (experiment.yaml:1, model.encoder)",
        f"`processor` is missing{preset} (experiment.yaml:1, model.processor)",
        "`training` is missing: write `{plugin: NAME}` (experiment.yaml:1, training)",
    ]


def test_a_key_that_only_the_command_line_writes(machine):
    (message,) = faults(machine.experiment(GOOD), "model.chanels.x=1", load=read_config)
    assert message.startswith("unknown key `chanels`: did you mean 'channels'?")
    assert message.endswith("(command line, model.chanels)")


def test_import_paths_are_refused(plugins):
    (message,) = faults(plugins.experiment(GOOD), "model.processor={plugin: torch.nn.Linear}")
    assert "a plugin is chosen by name, never by import path, got 'torch.nn.Linear'; write a name" in message
    assert message.endswith("(command line, model.processor.plugin)")


def test_options_inside_groups_and_lists_have_their_own_place(plugins):
    experiment = plugins.experiment(GOOD + "  \nverification: {plugin: scorecard, regions: [a, 3]}\n")
    found = faults(experiment, "graph.encoder.radios=2", "+data.transforms=[{plugin: normalize}]")
    assert found == [
        (
            "unknown transform 'normalize': did you mean 'normalise'?   installed: broken, impute, normalise "
            "(command line, data.transforms.0.plugin)"
        ),
        "unknown key `radios`: did you mean 'radius'?   known: radius (command line, graph.encoder.radios)",
        "`1` must be a valid string, got 3 (experiment.yaml:8, verification.regions.1)",
    ]


def test_a_broken_plugin_passes_through(plugins):
    with pytest.raises(BrokenPluginError, match="a_library_that_is_not_there"):
        load_config(plugins.experiment(GOOD), ["data.transforms=[{plugin: broken}]"])


def test_reading_imports_no_plugin(machine):
    """The package of acme-wxml raises when it is imported."""
    loaded = read_config(machine.experiment(GOOD), ["data.source.anything=1"])
    assert loaded.config.data.source.options == {"members": 2, "anything": 1}
    assert len(faults(machine.experiment(BAD), load=read_config)) == 7


def test_origins_of_what_the_schema_adds_below_a_written_key(machine):
    text = (
        GOOD
        + "model: {bounding: {tp: {minimum: 0}}}\n"
        + "seed: ${training.max_steps}\n"
        + "verification: {plugin: toy, a: '${graph}'}\n"
    )
    origins = read_config(machine.experiment(text)).origins
    assert origins["model.bounding.tp.minimum"] == "experiment.yaml:7"
    assert origins["model.bounding.tp.maximum"] == "default"
    assert origins["seed"] == "experiment.yaml:8"
    assert origins["verification.a.encoder.radius"] == "experiment.yaml:9"
