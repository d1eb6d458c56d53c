"""Options of a plugin that choose plugins themselves."""

import json

import pytest
from click.testing import CliRunner
from wxml.cli import group
from wxml.errors import BrokenPluginError, ConfigError, ContractError
from wxml.plugins.create import parse_options
from wxml.plugins.load import load
from wxml.plugins.resolve import resolve

LOSSES = '''
from abc import ABC
from typing import Annotated
from pydantic import Field
from wxml import Kind, Options, PluginChoice
from wxml.training.trainer import Trainer

class Loss(ABC):
    """What is minimised."""

class Huber(Loss):
    """Quadratic near zero, linear far away."""
    def __init__(self, *, delta: Annotated[float, Field(gt=0, description="where it becomes linear")] = 1.0,
                 inner: Annotated[PluginChoice | None, Kind("loss")] = None) -> None:
        self.delta = delta

class Group(Options):
    loss: Annotated[PluginChoice | None, Kind("loss")] = None

class Plugin(Trainer):
    """Minimises."""
    def __init__(self, *, steps: int = 3,
                 loss: Annotated[PluginChoice, Kind("loss"), Field(description="what to minimise")]
                     = PluginChoice(plugin="huber"),
                 more: Annotated[list[PluginChoice], Kind("loss")] = [],
                 others: list[Annotated[PluginChoice, Kind("loss")]] = [],
                 group: Group = Group()) -> None: ...
    def fit(self, experiment, run_dir, *, resume=False): ...
'''
ENTRY_POINTS = """
[wxml.kinds]
losses = acme_x:Loss
[wxml.losses]
huber = acme_x:Huber
bad = acme_x:Nowhere
[wxml.trainers]
it = acme_x:Plugin
"""


@pytest.fixture
def trainer(site):
    site.add("acme", ENTRY_POINTS, {"acme_x.py": LOSSES})
    return load(resolve("trainer", "it"))


def faults(trainer, **options: object) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        parse_options(trainer, options, "training")
    return {fault.key: fault.message for fault in caught.value.faults}


def test_a_choice_comes_with_its_name_and_options(trainer) -> None:
    parsed = parse_options(trainer, {"loss": {"plugin": "Huber", "delta": 2}, "more": [{"plugin": "acme:huber"}]})
    assert (parsed["loss"].plugin, parsed["loss"].options) == ("Huber", {"delta": 2})
    assert [choice.plugin for choice in parsed["more"]] == ["acme:huber"]
    assert parse_options(trainer, {})["loss"].plugin == "huber"


def test_every_fault_is_found_wherever_the_choice_stands(trainer) -> None:
    found = faults(
        trainer,
        steps="many",
        loss={"plugin": "huber", "delta": -1},
        more=[{"plugin": "huber"}, {"plugin": "hubr"}],
        others=[{"plugin": "huber", "dleta": 1}],
        group={"loss": {"plugin": "huber", "inner": {"plugin": "huber", "delta": 0}}},
    )
    assert found == {
        "training.steps": "`steps` must be a valid integer, got 'many'",
        "training.loss.delta": "`delta` must be greater than 0, got -1",
        "training.more.1.plugin": "unknown loss 'hubr': did you mean 'huber'?   installed: bad, huber",
        "training.others.0.dleta": "unknown key `dleta`: did you mean 'delta'?   known: delta, inner",
        "training.group.loss.inner.delta": "`delta` must be greater than 0, got 0",
    }


@pytest.mark.parametrize("written", ["huber", {"delta": 1}, {"plugin": 3}, {"plugin": "os:System.path"}, 7])
def test_what_is_no_choice_is_one_fault(trainer, written) -> None:
    assert len(faults(trainer, loss=written)) == 1


@pytest.mark.carries_out("write a name like 'gnn' or 'wxml-processor-gnn:gnn'; see `wxml list-plugins`")
def test_a_name_is_taken_where_an_import_path_is_not(trainer) -> None:
    faults(trainer, loss={"plugin": "acme_x.losses:Huber"})
    listed = CliRunner().invoke(group, ["list-plugins", "--kind", "loss"]).stdout.splitlines()
    assert ["loss", "huber", "acme"] in [line.split()[:3] for line in listed]
    for name in ("huber", "acme:huber"):
        assert parse_options(trainer, {"loss": {"plugin": name}})["loss"].plugin == name


def test_a_broken_plugin_that_is_chosen_inside_is_named(trainer) -> None:
    with pytest.raises(BrokenPluginError, match="loss 'bad'"):
        parse_options(trainer, {"loss": {"plugin": "bad"}})


def test_show_plugin_says_which_kind_is_chosen(trainer) -> None:
    shown = CliRunner().invoke(group, ["show-plugin", "trainer", "it"]).stdout
    rows = {line.split("  ")[0]: line.split() for line in shown.splitlines() if line}
    assert rows["loss"][1:] == ["loss", '{"plugin":', '"huber"}', "what", "to", "minimise"]
    assert "list[loss]" in rows["more"]
    assert "  loss:\n    plugin: huber\n  more: []\n" in shown
    loss = CliRunner().invoke(group, ["show-plugin", "losses", "huber"]).stdout
    assert loss.startswith("loss huber: Quadratic near zero, linear far away.\n")


def test_the_json_schema_has_the_choice(trainer) -> None:
    schema = json.loads(CliRunner().invoke(group, ["show-plugin", "trainer", "it", "--json"]).stdout)
    choice = schema["$defs"]["PluginChoice"]
    assert (choice["required"], choice["additionalProperties"]) == (["plugin"], True)


def test_a_kind_that_nobody_declares_is_a_fault(site) -> None:
    site.add("acme", "[wxml.trainers]\nit = acme_x:Plugin\n", {"acme_x.py": LOSSES})
    found = faults(load(resolve("trainer", "it")), loss={"plugin": "huber"})
    assert found["training.loss.plugin"].startswith("unknown kind of plugin 'loss'")


def test_the_lock_has_plugins_that_plugins_choose(trainer, monkeypatch) -> None:
    from wxml.config.plugin_use import used_plugins
    from wxml.config.schema import ExperimentConfig

    config = {
        "data": {"source": {"plugin": "x"}, "split": {"training": ["2000", "2000"], "validation": ["2001", "2001"]}},
        "graph": {"plugin": "x"},
        "model": {part: {"plugin": "x"} for part in ("encoder", "processor", "decoder")},
        "training": {"plugin": "it", "loss": {"plugin": "huber", "delta": 2.0}, "more": [{"plugin": "acme:huber"}]},
    }
    used = used_plugins(ExperimentConfig.model_validate(config), {"trainer"})
    assert [(one.record.full_name, one.record.kind) for one in used] == [
        ("acme:it", "trainer"),
        ("acme:huber", "loss"),
        ("acme:huber", "loss"),
    ]
    assert [dict(one.options) for one in used[1:]] == [{"delta": 2.0}, {}]


def test_a_plugin_at_fault_is_told_from_a_config_at_fault(site) -> None:
    code = LOSSES.replace("delta: Annotated", "depth, delta: Annotated")
    site.add("acme", ENTRY_POINTS, {"acme_x.py": code})
    with pytest.raises(ContractError, match="option 'depth' has no annotation"):
        parse_options(load(resolve("trainer", "it")), {"loss": {"plugin": "huber"}})
