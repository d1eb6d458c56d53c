"""Options of a plugin that choose plugins themselves."""

import json

import pytest
from click.testing import CliRunner
from wxml.cli import group
from wxml.errors import BrokenPluginError, ConfigError, ContractError
from wxml.plugins.create import parse_options
from wxml.plugins.load import load
from wxml.plugins.resolve import resolve

NORMS = '''
from abc import ABC
from typing import Annotated
from pydantic import Field
from wxml import Kind, Options, PluginChoice
from wxml.training.trainer import Trainer

class Norm(ABC):
    """What is minimised."""

class Huber(Norm):
    """Quadratic near zero, linear far away."""
    def __init__(self, *, delta: Annotated[float, Field(gt=0, description="where it becomes linear")] = 1.0,
                 inner: Annotated[PluginChoice | None, Kind("norm")] = None) -> None:
        self.delta = delta

class Group(Options):
    norm: Annotated[PluginChoice | None, Kind("norm")] = None

class Plugin(Trainer):
    """Minimises."""
    def __init__(self, *, steps: int = 3,
                 norm: Annotated[PluginChoice, Kind("norm"), Field(description="what to minimise")]
                     = PluginChoice(plugin="huber"),
                 more: Annotated[list[PluginChoice], Kind("norm")] = [],
                 others: list[Annotated[PluginChoice, Kind("norm")]] = [],
                 group: Group = Group()) -> None: ...
    def fit(self, experiment, run_dir, *, resume=False): ...
'''
ENTRY_POINTS = """
[wxml.kinds]
norms = acme_x:Norm
[wxml.norms]
huber = acme_x:Huber
bad = acme_x:Nowhere
[wxml.trainers]
it = acme_x:Plugin
"""


@pytest.fixture
def trainer(site):
    site.add("acme", ENTRY_POINTS, {"acme_x.py": NORMS})
    return load(resolve("trainer", "it"))


def faults(trainer, **options: object) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        parse_options(trainer, options, "training")
    return {fault.key: fault.message for fault in caught.value.faults}


def test_a_choice_comes_with_its_name_and_options(trainer) -> None:
    parsed = parse_options(trainer, {"norm": {"plugin": "Huber", "delta": 2}, "more": [{"plugin": "acme:huber"}]})
    assert (parsed["norm"].plugin, parsed["norm"].options) == ("Huber", {"delta": 2})
    assert [choice.plugin for choice in parsed["more"]] == ["acme:huber"]
    assert parse_options(trainer, {})["norm"].plugin == "huber"


def test_every_fault_is_found_wherever_the_choice_stands(trainer) -> None:
    found = faults(
        trainer,
        steps="many",
        norm={"plugin": "huber", "delta": -1},
        more=[{"plugin": "huber"}, {"plugin": "hubr"}],
        others=[{"plugin": "huber", "dleta": 1}],
        group={"norm": {"plugin": "huber", "inner": {"plugin": "huber", "delta": 0}}},
    )
    assert found == {
        "training.steps": "`steps` must be a valid integer, got 'many'",
        "training.norm.delta": "`delta` must be greater than 0, got -1",
        "training.more.1.plugin": "unknown norm 'hubr': did you mean 'huber'?   installed: bad, huber",
        "training.others.0.dleta": "unknown key `dleta`: did you mean 'delta'?   known: delta, inner",
        "training.group.norm.inner.delta": "`delta` must be greater than 0, got 0",
    }


@pytest.mark.parametrize("written", ["huber", {"delta": 1}, {"plugin": 3}, {"plugin": "os:System.path"}, 7])
def test_what_is_no_choice_is_one_fault(trainer, written) -> None:
    assert len(faults(trainer, norm=written)) == 1


@pytest.mark.carries_out("write a name like 'gnn' or 'wxml-processor-gnn:gnn'; see `wxml list-plugins`")
def test_a_name_is_taken_where_an_import_path_is_not(trainer) -> None:
    faults(trainer, norm={"plugin": "acme_x.norms:Huber"})
    listed = CliRunner().invoke(group, ["list-plugins", "--kind", "norm"]).stdout.splitlines()
    assert ["norm", "huber", "acme"] in [line.split()[:3] for line in listed]
    for name in ("huber", "acme:huber"):
        assert parse_options(trainer, {"norm": {"plugin": name}})["norm"].plugin == name


def test_a_broken_plugin_that_is_chosen_inside_is_named(trainer) -> None:
    with pytest.raises(BrokenPluginError, match="norm 'bad'"):
        parse_options(trainer, {"norm": {"plugin": "bad"}})


def test_show_plugin_says_which_kind_is_chosen(trainer) -> None:
    shown = CliRunner().invoke(group, ["show-plugin", "trainer", "it"]).stdout
    rows = {line.split("  ")[0]: line.split() for line in shown.splitlines() if line}
    assert rows["norm"][1:] == ["norm", '{"plugin":', '"huber"}', "what", "to", "minimise"]
    assert "list[norm]" in rows["more"]
    assert "  norm:\n    plugin: huber\n  more: []\n" in shown
    norm = CliRunner().invoke(group, ["show-plugin", "norms", "huber"]).stdout
    assert norm.startswith("norm huber: Quadratic near zero, linear far away.\n")


def test_the_json_schema_has_the_choice(trainer) -> None:
    schema = json.loads(CliRunner().invoke(group, ["show-plugin", "trainer", "it", "--json"]).stdout)
    choice = schema["$defs"]["PluginChoice"]
    assert (choice["required"], choice["additionalProperties"]) == (["plugin"], True)


def test_a_kind_that_nobody_declares_is_a_fault(site) -> None:
    site.add("acme", "[wxml.trainers]\nit = acme_x:Plugin\n", {"acme_x.py": NORMS})
    found = faults(load(resolve("trainer", "it")), norm={"plugin": "huber"})
    assert found["training.norm.plugin"].startswith("unknown kind of plugin 'norm'")


def test_the_lock_has_plugins_that_plugins_choose(trainer, monkeypatch) -> None:
    from wxml.config.plugin_use import used_plugins
    from wxml.config.schema import ExperimentConfig

    config = {
        "data": {"source": {"plugin": "x"}, "split": {"training": ["2000", "2000"], "validation": ["2001", "2001"]}},
        "graph": {"plugin": "x"},
        "model": {part: {"plugin": "x"} for part in ("encoder", "processor", "decoder")},
        "training": {"plugin": "it", "norm": {"plugin": "huber", "delta": 2.0}, "more": [{"plugin": "acme:huber"}]},
    }
    used = used_plugins(ExperimentConfig.model_validate(config), {"trainer"})
    assert [(one.record.full_name, one.record.kind) for one in used] == [
        ("acme:it", "trainer"),
        ("acme:huber", "norm"),
        ("acme:huber", "norm"),
    ]
    assert [dict(one.options) for one in used[1:]] == [{"delta": 2.0}, {}]


def test_a_plugin_at_fault_is_told_from_a_config_at_fault(site) -> None:
    code = NORMS.replace("delta: Annotated", "depth, delta: Annotated")
    site.add("acme", ENTRY_POINTS, {"acme_x.py": code})
    with pytest.raises(ContractError, match="option 'depth' has no annotation"):
        parse_options(load(resolve("trainer", "it")), {"norm": {"plugin": "huber"}})
