"""`wxml config` and what it prints."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wxml.cli.config import command
from wxml.config.compose import compose
from wxml.config.explain import explain
from wxml.config.overrides import split_arguments
from wxml.errors import ConfigError
from wxml.files.yaml_loader import yaml_text

GOOD = """\
defaults: [{model: toy}]
data:
  source: {plugin: toy, members: 2}
  split: {training: [2000-01-01, 2000-10-31]}
graph: {plugin: toy}
training: {plugin: toy}
"""


def run(*arguments):
    return CliRunner().invoke(command, list(arguments))


def cells(output):
    return [line.split() for line in output.splitlines()]


def test_show_writes_yaml_that_is_the_same_experiment_again(machine):
    machine.experiment(GOOD)
    shown = run("show", "experiment.yaml", "seed=4")
    assert shown.exit_code == 0
    machine.experiment(shown.output, "again.yaml")
    again = run("show", "again.yaml", "--json")
    assert json.loads(again.output) == yaml.safe_load(shown.output)
    assert json.loads(again.output)["seed"] == 4


texts = st.text(st.characters(codec="utf-8", exclude_characters="\x85\u2028\u2029"), max_size=8)  # PyYAML folds these
words = st.sampled_from(["no", "off", "on", "yes", "null", "~", "1e-3", "12:30", "t_850.0", "007", "", "2000-01-01"])
plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts | words
options = st.dictionaries(
    (texts | words).filter(lambda key: key not in ("plugin", "<<")),
    st.recursive(plain, lambda below: st.lists(below, max_size=3) | st.dictionaries(words, below, max_size=3)),
    max_size=4,
).filter(lambda found: "$" not in repr(found) and "???" not in repr(found))


@settings(
    deadline=None,  # a machine under load is slow, which says nothing about the config
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],  # each example writes both files
)
@given(options, st.integers(-9, 9))
def test_show_reads_what_it_wrote_whatever_the_options(machine, written, seed):
    sections = yaml.safe_load(GOOD) | {"seed": seed, "training": {"plugin": "toy", **written}}
    machine.experiment(yaml_text(sections))
    shown = run("show", "experiment.yaml")
    machine.experiment(shown.output, "again.yaml")
    assert shown.exit_code == 0
    assert run("show", "again.yaml").output == shown.output
    values = json.loads(run("show", "again.yaml", "--json").output)
    assert values["training"] == {"plugin": "toy", **written}
    assert values["seed"] == seed


@pytest.mark.parametrize("word", ["no", "off", "on", "yes", "No", "OFF", "y", "n"])
@pytest.mark.parametrize("change", ["training.weights.{word}=2", "training.weights={{{word}: 2}}", "file"])
def test_a_word_that_older_yaml_takes_for_a_boolean_is_a_key(machine, word, change):
    text = GOOD.replace("training: {plugin: toy}", f"training: {{plugin: toy, weights: {{{word}: 2}}}}")
    machine.experiment(text if change == "file" else GOOD)
    changes = [] if change == "file" else [change.format(word=word)]
    values = json.loads(run("show", "experiment.yaml", *changes, "--json").output)
    assert values["training"]["weights"] == {word: 2}


def test_show_origin(machine):
    machine.experiment(GOOD)
    rows = cells(run("show", "experiment.yaml", "graph.refinement=4", "--origin").output)
    assert ["data.source.members", "2", "experiment.yaml:3"] in rows
    assert ["graph.refinement", "4", "command", "line"] in rows
    assert ["model.channels", "16", "preset", "model/toy", "(acme-wxml)"] in rows
    listed = json.loads(run("show", "experiment.yaml", "--origin", "--json").output)
    assert {"path": "seed", "value": 0, "origin": "default"} in listed


def test_explain_a_plugin(plugins):
    plugins.experiment(GOOD)
    output = run("explain", "data.source", "experiment.yaml").output
    assert output.startswith("data.source: data-source 'toy' of acme-wxml 0.3.1 (experiment.yaml:3)\n")
    assert ["members", "int", ">", "0", "1", "2", "experiment.yaml:3", "How", "many", "members."] in cells(output)
    rows = cells(run("explain", "graph.encoder.radius", "experiment.yaml").output)
    assert rows[-1] == ["encoder.radius", "float", "0.6", "0.6", "default"]


def test_explain_works_where_the_rest_is_wrong(plugins):
    plugins.experiment(GOOD + "modle: 3\n")
    assert "num_layers" in run("explain", "model.processor", "experiment.yaml").output


def test_explain_a_section_and_a_key(machine):
    experiment = machine.experiment(GOOD)
    found = explain(compose(experiment, ["data.timestep=1h"]), "data.timestep")
    (key,) = found.keys
    assert found.heading == "data.timestep: How far one step of the model goes."
    assert (key.option.type, key.option.default, key.value, key.origin) == ("str", '"6h"', "1h", "command line")
    names = [key.option.name for key in explain(compose(experiment, []), "forecast").keys]
    assert names[:2] == ["lead_time", "inputs.initial"]
    assert {"members", "spread", "device"} <= set(names)
    assert explain(compose(experiment, []), "seed").keys[0].option.description == "The seed of all random numbers."


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("modle", "unknown key `modle`: did you mean 'model'?"),
        ("data.splitt.training", "unknown key `splitt`: did you mean 'split'?"),
        ("data.split.trainin", "unknown key `trainin`: did you mean 'training'?"),
    ],
)
def test_explain_an_unknown_place(machine, path, message):
    with pytest.raises(ConfigError) as caught:
        explain(compose(machine.experiment(GOOD), []), path)
    assert caught.value.faults[0].message.startswith(message)


def test_explain_an_unknown_option(plugins):
    with pytest.raises(ConfigError, match="unknown key `num_layer`: did you mean 'num_layers'"):
        explain(compose(plugins.experiment(GOOD), []), "model.processor.num_layer")


def test_validate(plugins):
    plugins.experiment(GOOD)
    assert run("validate", "experiment.yaml").output == "config is valid\n"
    assert json.loads(run("validate", "experiment.yaml", "--json").output) == {"valid": True, "faults": []}
    bad = run("validate", "experiment.yaml", "seed=x", "data.source.member=3", "--json")
    assert bad.exit_code == 2
    assert [fault["path"] for fault in json.loads(bad.output)["faults"]] == ["data.source.member", "seed"]
    assert json.loads(bad.output)["faults"][1] == {
        "path": "seed",
        "message": "`seed` must be a valid integer, got 'x'",
        "location": "command line",
    }
    raised = run("validate", "experiment.yaml", "seed=x").exception
    assert isinstance(raised, ConfigError)
    assert raised.exit_code == 2


@pytest.mark.parametrize("name", ["show", "explain", "validate"])
def test_help_has_an_example(name):
    assert f"wxml config {name} " in run(name, "--help").output


def test_split_arguments():
    assert split_arguments(["a.yaml", "seed=1"]) == (Path("a.yaml"), ("seed=1",))
    assert split_arguments(["x=b.yaml", "c.YML", "d.yaml"]) == (Path("c.YML"), ("x=b.yaml", "d.yaml"))
    assert split_arguments(["model=gnn"]) == (None, ("model=gnn",))


def absent(code, *libraries):
    checked = f"import sys; {code}; print([name for name in {libraries!r} if name in sys.modules])"
    return subprocess.run([sys.executable, "-c", checked], capture_output=True, text=True, check=True).stdout.strip()


def test_what_is_imported():
    assert absent("import wxml.cli.config", "hydra", "pydantic", "numpy", "yaml") == "[]"
    assert absent("import wxml.config.schema", "hydra", "torch", "xarray") == "[]"
    assert absent("import wxml.config.load", "hydra", "torch", "xarray") == "[]"
    assert absent("import hydra", "hydra") == "['hydra']"
