"""Layers: which one wins, and which one wrote what."""

import sys

import pytest
from wxml.config import compose as composing
from wxml.config.load import read_config
from wxml.config.tree import origins
from wxml.errors import ConfigError

EXPERIMENT = """\
defaults: [{model: toy}]
data:
  source: {plugin: toy}
  split:
    training: [2000-01-01, 2000-10-31]
graph: {plugin: toy}
training:
  plugin: toy
  max_steps: 7
"""


class Composed:
    """The merged layers as plain values, and the origin of each leaf."""

    def __init__(self, tree):
        self.values, self.layers = tree.plain(), origins(tree)


def compose(experiment, overrides=()):
    return Composed(composing.compose(experiment, overrides))


def faults(experiment, *overrides):
    with pytest.raises(ConfigError) as caught:
        compose(experiment, overrides)
    return [str(fault) for fault in caught.value.faults]


def test_each_layer_wins_over_the_ones_below(machine):
    experiment = machine.experiment(EXPERIMENT)
    found = []

    def channels(*overrides):
        composed = compose(experiment, overrides)
        found.append((composed.values["model"]["channels"], composed.layers["model.channels"]))

    machine.experiment(EXPERIMENT.replace("[{model: toy}]", "[]"))
    channels()
    machine.experiment(EXPERIMENT)
    channels()
    site = machine.write(machine.site / "config.yaml", "# the institute\nmodel: {channels: 32}\n")
    channels()
    user = machine.write(machine.user / "config.yaml", "model:\n  channels: 48\n")
    channels()
    machine.experiment(EXPERIMENT + "model:\n  channels: 96\n")
    channels()
    channels("model.channels=128")
    assert found == [
        (64, "default"),
        (16, "preset model/toy (acme-wxml)"),
        (32, f"{site}:2"),
        (48, f"{user}:2"),
        (96, "experiment.yaml:11"),
        (128, "command line"),
    ]


def test_origins_name_the_line_of_every_key(machine):
    layers = compose(machine.experiment(EXPERIMENT), ["training.max_steps=9"]).layers
    assert layers["data.source.plugin"] == "experiment.yaml:3"
    assert layers["data.split.training.1"] == "experiment.yaml:5"
    assert layers["graph.plugin"] == "experiment.yaml:6"
    assert layers["training.max_steps"] == "command line"
    assert layers["model.processor.num_layers"] == "preset model/toy (acme-wxml)"
    assert layers["data.timestep"] == "default"


def test_presets_are_found_without_importing_their_package(machine):
    compose(machine.experiment(EXPERIMENT), [])
    assert "acme_wxml" not in sys.modules


def test_a_preset_is_chosen_by_the_highest_layer(machine):
    experiment = machine.experiment(EXPERIMENT)
    assert compose(experiment, []).values["model"]["channels"] == 16
    composed = compose(experiment, ["model=wide"])
    assert composed.values["model"] == compose(experiment, []).values["model"] | {"channels": 256}
    assert composed.layers["model.channels"] == "preset model/wide (acme-wxml)"
    assert composed.layers["model.processor.num_layers"] == "preset model/toy (acme-wxml)"


WHOLE = "model: {channels: 8, encoder: {plugin: toy}, decoder: {plugin: toy}, processor: {plugin: %s}}\n"


@pytest.mark.carries_out(
    "presets lie below the keys that files write: take those keys out, or set them on the command line"
)
def test_a_preset_of_the_command_line_that_changes_nothing_is_refused(machine):
    """A file that names another plugin drops its options, and so all of the preset."""
    rest = EXPERIMENT.partition("\n")[2]
    other = machine.experiment(rest + WHOLE % "other")
    line = rest.count("\n") + 1
    replaced = f"`model.channels` (experiment.yaml:{line}) replaces what it says"
    assert faults(other, "model=toy") == [f"this preset has no effect: {replaced} (command line, model)"]
    assert compose(machine.experiment(rest), ["model=toy"]).values["model"]["channels"] == 16
    set_here = compose(machine.experiment(rest + WHOLE % "other"), ["model.processor.plugin=toy", "model.channels=16"])
    assert (set_here.values["model"]["processor"]["plugin"], set_here.values["model"]["channels"]) == ("toy", 16)


def test_a_preset_that_says_what_a_file_says_is_no_fault(machine):
    machine.write(machine.user / "model" / "eight.yaml", "channels: 8\n")
    rest = EXPERIMENT.partition("\n")[2]
    experiment = machine.experiment(rest + WHOLE % "toy")
    assert compose(experiment, ["model=eight"]).values["model"]["channels"] == 8
    assert compose(experiment, ["model=toy"]).layers["model.processor.num_layers"] == "preset model/toy (acme-wxml)"


def test_the_users_defaults_are_used_where_the_experiment_has_none(machine):
    machine.write(machine.site / "config.yaml", "defaults: [{model: toy}]\n")
    experiment = machine.experiment(EXPERIMENT.partition("\n")[2])
    assert compose(experiment, []).values["model"]["channels"] == 16
    machine.write(machine.user / "config.yaml", "defaults: [{model: wide}]\n")
    assert compose(experiment, []).values["model"]["channels"] == 256


def test_a_users_preset_hides_the_packages(machine):
    machine.write(machine.site / "model" / "toy.yaml", "channels: 5\n")
    experiment = machine.experiment(EXPERIMENT)
    assert compose(experiment, []).values["model"]["channels"] == 5
    machine.write(machine.user / "model" / "toy.yaml", "channels: 6\n")
    composed = compose(experiment, [])
    assert composed.values["model"]["channels"] == 6
    assert composed.layers["model.channels"] == f"preset model/toy ({machine.user})"


def test_a_site_config_may_be_a_file(machine, monkeypatch):
    path = machine.write(machine.here / "institute.yaml", "seed: 11\n")
    monkeypatch.setenv("WXML_SITE_CONFIG", str(path))
    composed = compose(machine.experiment(EXPERIMENT), [])
    assert (composed.values["seed"], composed.layers["seed"]) == (11, f"{path}:1")


def test_a_site_config_that_does_not_exist_is_an_error(machine, monkeypatch):
    monkeypatch.setenv("WXML_SITE_CONFIG", "/nowhere")
    assert faults(machine.experiment(EXPERIMENT)) == [
        "the environment variable WXML_SITE_CONFIG names '/nowhere', which does not exist"
    ]


def test_another_plugin_starts_without_the_options_of_the_one_before(machine):
    experiment = machine.experiment(EXPERIMENT)
    same = compose(experiment, ["model.processor.plugin=TOY"])
    assert same.values["model"]["processor"] == {"plugin": "TOY", "num_layers": 3}
    other = compose(experiment, ["model.processor.heads=4", "model.processor.plugin=other"])
    assert other.values["model"]["processor"] == {"plugin": "other", "heads": 4}
    assert "model.processor.num_layers" not in other.layers
    machine.experiment(EXPERIMENT + "model: {processor: {plugin: other}}\n")
    assert compose(experiment, []).values["model"]["processor"] == {"plugin": "other"}


def test_the_same_inside_a_list(machine):
    experiment = machine.experiment(
        EXPERIMENT.replace("data:", "data:\n  transforms: [{plugin: a, x: 1}, {plugin: b, y: 2}]")
    )
    composed = compose(experiment, ["data.transforms.1.plugin=c", "data.transforms.0.x=3"])
    assert composed.values["data"]["transforms"] == [{"plugin": "a", "x": 3}, {"plugin": "c"}]
    assert composed.layers["data.transforms.0.plugin"] == "experiment.yaml:3"
    assert composed.layers["data.transforms.0.x"] == "command line"


def test_the_override_grammar(machine):
    composed = compose(
        machine.experiment(EXPERIMENT),
        [
            "data.source.path=/data/era5.zarr",  # a key that was not there
            "+data.source.chunks={time: 1, level: 2}",
            "++seed=4",
            "~training.max_steps",
            "data.variables.forcing=[a,'b c']",
            "forecast.writer.plugin=netcdf",  # below what is null
            "training.rate=1e-3",
        ],
    )
    assert composed.values["data"]["source"] == {
        "plugin": "toy",
        "path": "/data/era5.zarr",
        "chunks": {"time": 1, "level": 2},
    }
    assert composed.values["seed"] == 4
    assert composed.values["training"] == {"plugin": "toy", "rate": 0.001}
    assert composed.values["data"]["variables"]["forcing"] == ["a", "b c"]
    assert composed.values["forecast"]["writer"] == {"plugin": "netcdf"}
    assert composed.layers["data.source.chunks.level"] == "command line"
    assert "training.max_steps" not in composed.layers


def test_taking_out_a_preset(machine):
    composed = compose(machine.experiment(EXPERIMENT), ["~model"])
    assert "encoder" not in composed.values["model"]
    assert faults(machine.experiment("seed: 1\n"), "~model") == [
        "no preset of `model` is chosen (command line, ~model)"
    ]


def test_interpolation_within_the_config(machine):
    text = EXPERIMENT + "seed: ${training.max_steps}\nverification: {regions: ['${data.timestep}']}\n"
    values = compose(machine.experiment(text), ["training.max_steps=21"]).values
    assert (values["seed"], values["verification"]["regions"]) == (21, ["6h"])


def test_numbers_and_texts_are_kept_as_they_are_written(machine):
    text = EXPERIMENT + "verification: {a: 1e-3, b: '1e-3', c: 2000-01-01, d: '007', e: [yes, true], f: .inf}\n"
    found = compose(machine.experiment(text), []).values["verification"]
    found.pop("plugin")
    assert found == {"a": 0.001, "b": "1e-3", "c": "2000-01-01", "d": "007", "e": ["yes", True], "f": float("inf")}


def test_an_unknown_preset_is_answered_with_the_known_ones(machine):
    experiment = machine.experiment(EXPERIMENT.replace("model: toy", "model: toi"))
    assert faults(experiment) == [
        "unknown preset 'toi' of `model`: did you mean 'toy'?   known: toy, wide (experiment.yaml:1, model)"
    ]
    assert faults(experiment, "model=transformer") == [
        "unknown preset 'transformer' of `model`: known: toy, wide (command line, model)"
    ]
    assert faults(experiment, "training=toy", "modle/x=3", "model=toy") == [
        (
            "unknown preset 'toy' of `training`: known: none; to choose a plugin write `training.plugin=toy` "
            "(command line, training)"
        ),
        "unknown group of presets 'modle/x': did you mean 'model'?   known: experiment, model (command line, modle/x)",
    ]


def test_no_experiment_means_the_built_in_demo(machine):
    """The demo wants the preset `model/gnn`, which is not on this machine; with another it is complete."""
    assert faults(None) == [
        "unknown preset 'gnn' of `model`: known: toy, wide (preset experiment/demo (wxml-core), model)"
    ]
    composed = compose(None, ["model=toy"])
    assert composed.values["data"]["source"]["plugin"] == "simulated-atmosphere"
    assert composed.layers["training.max_steps"] == "preset experiment/demo (wxml-core)"
    machine.write(machine.user / "config.yaml", "training: {max_steps: 3}\n")
    assert compose(None, ["model=toy"]).values["training"]["max_steps"] == 3


def test_an_experiment_may_start_from_a_preset_experiment(machine):
    experiment = machine.experiment("defaults: [{experiment: demo}, {model: toy}]\nseed: 5\n")
    composed = compose(experiment, [])
    assert composed.values["graph"]["refinement"] == 3
    assert composed.layers["seed"] == "experiment.yaml:2"
    machine.write(machine.user / "experiment" / "loop.yaml", "defaults: [{experiment: loop}]\n")
    assert faults(None, "experiment=loop") == [
        f"a preset experiment cannot start from another one (preset experiment/loop ({machine.user}), defaults)"
    ]


def test_the_same_preset_of_two_packages_is_an_error(machine):
    points = "[wxml.presets]\nother = other_wxml.presets\n"
    machine.install("other-wxml", points, {"__init__.py": "", "presets/model/toy.yaml": "channels: 1\n"})
    found = faults(machine.experiment(EXPERIMENT))
    expected = (
        "preset 'toy' of `model` is provided by acme-wxml, other-wxml: write `acme-wxml:toy` or `other-wxml:toy` "
        "(experiment.yaml:1, model)"
    )
    assert found == [expected]
    for experiment, changes in (
        (EXPERIMENT, ["model=other-wxml:toy"]),
        (EXPERIMENT, ["model=Other_WxML:toy"]),
        (EXPERIMENT.replace("toy", "other-wxml:toy", 1), []),
    ):
        assert compose(machine.experiment(experiment), changes).values["model"]["channels"] == 1
    assert compose(machine.experiment(EXPERIMENT), ["model=wide", "~seed"]).values["model"]["channels"] == 256


def test_the_full_name_finds_a_preset_that_the_user_hides(machine):
    machine.write(machine.user / "model" / "toy.yaml", "defaults: ['acme-wxml:toy', _self_]\nchannels: 9\n")
    own = compose(machine.experiment(EXPERIMENT), []).values["model"]
    theirs = compose(machine.experiment(EXPERIMENT), ["model=acme-wxml:toy"]).values["model"]
    assert (own["channels"], theirs["channels"]) == (9, 16)
    assert own["processor"] == theirs["processor"]


def test_a_full_name_of_nothing_is_answered_with_the_nearest(machine):
    (found,) = faults(machine.experiment(EXPERIMENT), "model=acme-wxml:toi")
    nearest, known = found.split("   known: ")
    assert nearest == "unknown preset 'acme-wxml:toi' of `model`: did you mean 'acme-wxml:toy'?"
    assert known.startswith("acme-wxml:toy, acme-wxml:wide")


def test_inside_a_preset_the_plugins_of_its_own_package_come_first(machine):
    points = "[wxml.processors]\ntoy = other_wxml.network:Other\n[wxml.presets]\nother = other_wxml.presets\n"
    files = {
        "__init__.py": "",
        "presets/model/theirs.yaml": "defaults: ['acme-wxml:toy', _self_]\nprocessor: {plugin: TOY}\n",
    }
    machine.install("other-wxml", points, files)
    ours = compose(machine.experiment(EXPERIMENT), []).values["model"]
    theirs = compose(machine.experiment(EXPERIMENT), ["model=theirs"]).values["model"]
    assert ours["processor"]["plugin"] == "acme-wxml:toy"
    assert theirs["processor"]["plugin"] == "other-wxml:toy"
    assert (ours["encoder"]["plugin"], theirs["encoder"]["plugin"]) == ("toy", "toy")  # only one package has it


def test_presets_of_a_disabled_package_do_not_exist(machine, monkeypatch):
    from wxml.plugins import catalog

    monkeypatch.setenv("WXML_PLUGINS", "-acme-wxml, -wxml-processor-gnn, -wxml-processor-transformer")
    catalog.installed.cache_clear()
    assert faults(machine.experiment(EXPERIMENT)) == [
        "unknown preset 'toy' of `model`: known: none (experiment.yaml:1, model)"
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("training: {_target_: os.system}\n", "experiment.yaml:8, training._target_"),
        ("training: {nested: [{_target_: x}]}\n", "experiment.yaml:8, training.nested.0._target_"),
    ],
)
def test_import_paths_are_refused_in_a_file(machine, text, line):
    body = EXPERIMENT.rpartition("training:")[0] + "# a comment\n" + text
    assert faults(machine.experiment(body)) == [
        f"`_target_` is refused: a config names plugins, never import paths ({line})"
    ]


def test_import_paths_are_refused_on_the_command_line_and_in_presets(machine):
    assert faults(machine.experiment(EXPERIMENT), "graph._target_=os.system") == [
        "`_target_` is refused: a config names plugins, never import paths (command line, graph._target_)"
    ]
    machine.write(machine.user / "model" / "evil.yaml", "_target_: os.system\n")
    assert faults(machine.experiment(EXPERIMENT), "model=evil") == [
        (
            "`_target_` is refused: a config names plugins, never import paths "
            f"(preset model/evil ({machine.user}), model._target_)"
        )
    ]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training", "an override must be `key=value`"),
        ("second.yaml", "a second experiment file: one experiment has one file"),
        ("seed=1,2", "one run has one value for each key: write a list as [1,2]"),
        ("seed=range(1,3)", "one run has one value for each key: write a list as [1,2]"),
        ("model@here=toy", "an override with `@` is not supported: write the dotted path of the key"),
    ],
)
def test_overrides_that_are_refused(machine, override, message):
    assert faults(machine.experiment(EXPERIMENT), override) == [f"{message} (command line, {override})"]


def test_all_bad_overrides_are_reported_at_once(machine):
    found = faults(machine.experiment(EXPERIMENT), "a", "seed=1", "b={", "c=1,2")
    assert len(found) == 3
    assert found[1].startswith("the override cannot be read: ")


def test_deleting_what_is_not_there(machine):
    experiment = machine.experiment(EXPERIMENT)
    assert faults(experiment, "~training.speed") == ["`training.speed` is not there (command line, ~training.speed)"]
    assert faults(experiment, "~training.max_steps=8") == [
        "`training.max_steps` is 7, not 8 (command line, ~training.max_steps)"
    ]
    assert "max_steps" not in compose(experiment, ["~training.max_steps=7"]).values["training"]


@pytest.mark.parametrize(("text", "overrides"), [("hydra: {a: 1}\n", []), ("", ["hydra.a=1"]), ("", ["+hydra={a: 1}"])])
def test_hydra_is_a_key_like_any_other_that_is_unknown(machine, text, overrides):
    with pytest.raises(ConfigError, match="unknown key `hydra`"):
        read_config(machine.experiment(EXPERIMENT + text), overrides)


def test_missing_values_and_bad_references_are_said(machine):
    experiment = machine.experiment(EXPERIMENT + "model: {width: '???'}\nverification: {regions: '???'}\n")
    wanted = "must be written: `???` stands for a value that is missing"
    assert faults(experiment) == [
        f"{wanted} (experiment.yaml:10, model.width)",
        f"{wanted} (experiment.yaml:11, verification.regions)",
    ]
    machine.write(machine.user / "config.yaml", "seed: ???\n")  # keeps what there is
    composed = compose(experiment, ["model.width=1", "verification.regions=[]"])
    assert (composed.values["seed"], composed.layers["seed"]) == (0, "default")
    (message,) = faults(machine.experiment(EXPERIMENT + "seed: ${nothing.here}\n"))
    assert "Interpolation key 'nothing.here' not found" in message
