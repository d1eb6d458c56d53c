"""Plugins that need a certain graph or grid, that take a condition, or that choose plugins."""

import json
from typing import Any

import pytest
from click.testing import CliRunner
from wxml.cli import group
from wxml.testing import ProcessorContract, tiny_graph, tiny_grid

POINTS = """
[wxml.processors]
rows = acme_rows:Rows
never = acme_rows:Never
plain-norm = acme_rows:PlainNorm
deaf = acme_rows:Deaf
half-told = acme_rows:HalfTold
[wxml.graph_builders]
rows = acme_rows:RowsBuilder
[wxml.data_sources]
thinned = acme_rows:Thinned
"""
CODE = '''
from typing import Annotated
import numpy as np
from torch import nn
from wxml import (ConditionalLayerNorm, ConfigError, DataError, DataSource, EdgeSet, Graph, GraphBuilder, Kind, NodeSet,
    Options, PluginChoice, Processor, create)
from wxml.errors import Fault

class RowsBuilder(GraphBuilder):
    """A mesh of `rows` parallels, on global grids whose number of nodes they divide."""
    def __init__(self, *, rows: int = 2):
        self.rows = rows
    def _build(self, grid):
        if len(grid) % self.rows or np.ptp(grid.latitudes) < 90:
            raise DataError(f"{self.rows} rows do not divide {len(grid)} nodes of a globe", fix="take another grid")
        nodes = NodeSet.of_grid(grid)
        numbers = np.arange(len(nodes))
        same = EdgeSet.between(nodes, nodes, numbers, numbers)
        pairs = ("grid", "mesh"), ("mesh", "mesh"), ("mesh", "grid")
        return Graph({"grid": nodes, "mesh": nodes}, dict.fromkeys(pairs, same))

class Rows(Processor):
    """Mixes along columns of a latitude-longitude mesh."""
    def __init__(self, mesh, channels):
        super().__init__(mesh, channels)
        nodes = mesh.nodes
        self.rows = len(np.unique(nodes.latitudes))
        if len(nodes) != self.rows * len(np.unique(nodes.longitudes)) or self.rows % 2 or self.rows < 3:
            raise DataError(f"the mesh must be regular, got {len(nodes)} nodes in {self.rows} rows", fix="take rows")
        self.mix = nn.Linear(self.rows, self.rows)
        self.out = nn.Linear(channels.hidden, channels.hidden)
    def forward(self, state):
        columns = state.unflatten(1, (self.rows, -1)).transpose(1, 3)
        return self.out(self.mix(columns).transpose(1, 3).flatten(1, 2))

class Never(Processor):
    def __init__(self, mesh, channels, *, path: str = "weights.bin"):
        raise DataError(f"there is no {path}", fix="give `path`")
    def forward(self, state): ...

class PlainNorm(Processor):
    """Takes a condition unless its norm is plain."""
    takes_condition = True
    def __init__(self, mesh, channels, *, plain: bool = False):
        super().__init__(mesh, channels)
        if plain and channels.condition:
            raise ConfigError([Fault("plain", "a plain norm takes no condition")], fix="plain=false")
        self.norm = ConditionalLayerNorm(channels.hidden, channels.condition)
        self.out = nn.Linear(channels.hidden, channels.hidden)
    def forward(self, state, condition=None):
        return self.out(self.norm(state, condition))

class Deaf(PlainNorm):
    """Claims to take a condition, and forgets it."""
    def forward(self, state, condition=None):
        return super().forward(state)

class HalfTold(PlainNorm):
    takes_condition = False

class Stage(Options):
    steps: int = 1

class Thinned(DataSource):
    """Every n-th time of another source."""
    def __init__(
        self,
        *,
        source: Annotated[PluginChoice, Kind("data-source")] = PluginChoice(plugin="waves", days=3),
        spare: Annotated[PluginChoice | None, Kind("data-source")] = None,
        others: list[Annotated[PluginChoice, Kind("data-source")]] = [PluginChoice(plugin="waves")],
        none_yet: list[Annotated[PluginChoice, Kind("data-source")]] = [],
        stages: list[Stage] = [],
        named: dict[str, Stage] = {},
        maybe: Stage | None = None,
    ):
        self.inner = create("data-source", source.plugin, source.options)
        self.header = self.inner.header
    def _read(self, time_indices, variable_indices, out):
        self.inner._read(time_indices, variable_indices, out)
    def provenance(self):
        return self.inner.provenance()
'''


@pytest.fixture
def acme(tiny, site, monkeypatch) -> None:
    """An institute whose processor works on rows alone. Machine code would be slow."""
    monkeypatch.setattr(ProcessorContract, "generates_code", False)
    site.add("acme-rows", POINTS, {"acme_rows.py": CODE})


def check(*arguments: str) -> Any:
    return CliRunner().invoke(group, ["check-plugin", *arguments])


def checks_of(*arguments: str) -> tuple[dict[str, dict[str, Any]], int]:
    """The checks by name, and the exit code."""
    done = check(*arguments, "--json")
    assert done.stdout, done.stderr
    (plugin,) = json.loads(done.stdout)["plugins"]
    return {one["name"]: one for one in plugin["checks"]}, done.exit_code


@pytest.mark.carries_out(
    "check it on a graph that it takes: `graphs()` of its test class, or `wxml check-plugin … --graph BUILDER`"
)
def test_a_plugin_that_refuses_the_tiny_graphs_is_checked_on_the_graph_that_is_given(acme) -> None:
    refused = check("processor", "rows")
    assert refused.exit_code == 2
    assert "globe: the mesh must be regular, got 10 nodes in 10 rows; limited area: the mesh must" in refused.stderr
    found, code = checks_of("processor", "rows", "--graph", "acme-rows:rows", "--graph-option", "rows=3")
    assert code == 0
    assert [name for name, one in found.items() if one["result"] == "failed"] == []
    tiny_ones = ["works on the globe", "works on a limited area", "works with an isolated node", "works with one edge"]
    for name in tiny_ones:
        assert found[name]["result"] == "skipped"
        assert found[name]["message"].startswith("the plugin refuses this graph: the mesh must be regular, got ")
    for name in ("works on its own graphs", "gradients reach every parameter", "batch items do not mix", "compiled"):
        assert found[name]["result"] == "passed"


def test_a_graph_that_is_given_and_refused_is_the_users_mistake(acme) -> None:
    done = check("processor", "rows", "--graph", "nearest")
    assert done.exit_code == 2
    assert "error: the mesh must be regular, got 12 nodes in 12 rows" in done.stderr


@pytest.mark.carries_out(
    "a grid that the builder serves: --grid LATITUDESxLONGITUDES, or `graphs()` in the plugin's test class",
    "say it with --graph-option KEY=VALUE; all options: wxml show-plugin graph-builder {}",
)
def test_a_builder_that_refuses_the_tiny_grids_gets_another(acme) -> None:
    seven = ("processor", "rows", "--graph", "acme-rows:rows", "--graph-option", "rows=7")
    assert check(*seven).exit_code == 2
    assert "7 rows do not divide 20 nodes" in check(*seven).stderr
    assert check(*seven, "--graph-option", "row=7").exit_code == 2
    assert checks_of(*seven, "--grid", "14x4")[1] == 0


def test_a_grid_is_for_graph_builders_and_networks_alone(acme) -> None:
    found, code = checks_of("graph-builder", "rows", "--option", "rows=5", "--grid", "10x3")
    assert (code, found["it serves a grid"]["result"]) == (0, "passed")
    assert checks_of("graph-builder", "rows", "--option", "rows=7", "--grid", "10x3")[1] == 3
    assert check("graph-builder", "rows", "--graph", "nearest").exit_code == 2
    assert check("data-source", "waves", "--grid", "10x3").exit_code == 2
    assert "--grid must be LATITUDESxLONGITUDES, such as 32x64, got '10'" in check("mixing", "--grid", "10").stderr
    assert "name one with --graph" in check("mixing", "--graph-option", "a=1").stderr


def test_a_constructor_that_refuses_every_graph_alike_refuses_its_options(acme) -> None:
    done = check("processor", "never")
    assert done.exit_code == 2
    assert "error: there is no weights.bin\n  give `path`" in done.stderr


def test_a_test_class_gives_graphs_of_its_own(acme) -> None:
    import acme_rows

    class Checked(ProcessorContract):
        plugin = acme_rows.Rows

        def graphs(self) -> dict[str, Any]:
            return {"six rows": acme_rows.RowsBuilder().build(tiny_grid(6, 4))}

    Checked().test_it_can_be_made_and_used()
    Checked().test_works_on_its_own_graphs()
    Checked().test_gradients_reach_every_parameter()
    Checked.graphs = lambda _: {"spiral": tiny_graph(tiny_grid())}  # type: ignore[method-assign]
    with pytest.raises(acme_rows.DataError, match="the mesh must be regular, got 12 nodes"):
        Checked().test_works_on_its_own_graphs()
    del Checked.graphs
    with pytest.raises(acme_rows.DataError, match="the plugin refuses the tiny graphs"):
        Checked().test_it_can_be_made_and_used()  # a class of skipped tests alone would look like a pass


def test_a_processor_is_tried_with_the_condition_that_it_claims_to_take(acme) -> None:
    name = "a condition is taken as claimed"
    found, code = checks_of("processor", "plain-norm")
    assert (found[name]["result"], code) == ("passed", 0)
    found, code = checks_of("processor", "plain-norm", "--option", "plain=true")
    assert (found[name]["result"], code) == ("skipped", 0)
    assert "with these options it refuses a condition: a plain norm takes no condition" in found[name]["message"]
    assert found["gradients reach every parameter"]["result"] == "passed"
    found, code = checks_of("processor", "deaf")
    assert (found[name]["message"], code) == ("the output does not depend on the condition of each node", 3)
    found, code = checks_of("processor", "half-told")
    assert found[name]["message"].startswith("`forward` takes `condition`, which core passes only to a class with")
    assert code == 3


def test_strict_fails_on_what_was_skipped_but_not_on_what_is_not_claimed(acme) -> None:
    plain = ("processor", "plain-norm", "--option", "plain=true")
    done = check(*plain, "--strict")
    assert done.exit_code == 3
    assert ", 0 failed" not in done.stdout
    assert done.stdout.splitlines()[-2].endswith(" skipped")
    found, code = checks_of("graph-builder", "nearest", "--strict")
    assert [(one["claimed"], one["name"]) for one in found.values() if one["result"] == "skipped"] == [
        (False, "the graph turns with the grid")
    ]
    assert code == 0


def test_nested_choices_with_defaults_pass(acme) -> None:
    found, code = checks_of("data-source", "thinned", "--strict")
    assert [one for one in found.values() if one["result"] != "passed"] == []
    assert code == 0
    given = ("--option", "source.plugin=still", "--option", "stages=[{steps: 3}]", "--option", "named.a.steps=2")
    assert checks_of("data-source", "thinned", *given)[1] == 0


def test_a_group_in_a_list_that_takes_unknown_options_is_found_out(tiny, site) -> None:
    loose = CODE.replace("class Stage(Options):", "from pydantic import BaseModel\nclass Stage(BaseModel):")
    site.add("acme-rows", POINTS, {"acme_rows.py": loose})
    found, code = checks_of("data-source", "thinned")
    assert code == 3
    message = found["unknown options are refused"]["message"]
    assert message == "an unknown option `stages.no_such_option` is accepted; base groups of options on wxml.Options"


KINDS = """
[wxml.kinds]
acme_shifts = acme_kind:Shift
acme_scales = acme_kind:Scale
[wxml.acme_shifts]
one = acme_kind:One
[wxml.acme_scales]
two = acme_kind:Two
"""
KIND_CODE = """
class Shift:
    def __init__(self, variables, levels): ...
class One(Shift):
    def __init__(self, variables, levels, *, by: float = 1.0):
        super().__init__(variables, levels)
class Scale: ...
class Two(Scale):
    def __init__(self, *, by: float = 2.0): ...
"""


def test_a_kind_without_a_contract_that_is_given_more_than_options_is_no_pass_and_no_fault(site) -> None:
    site.add("acme-kind", KINDS, {"acme_kind.py": KIND_CODE})
    found, code = checks_of("acme-shift", "one")
    assert {one["result"] for one in found.values()} == {"passed", "skipped"}
    assert found["constructor fits the interface"]["result"] == "passed"
    assert "knows what to give as variables, levels" in found["it can be made and used"]["message"]
    assert code == 2
    done = check("acme-shift", "one")
    assert "acme-kind:one was never made and used: nothing but its options was checked" in done.stderr
    assert done.stdout.splitlines()[-2] == "5 passed, 2 skipped"
    assert checks_of("acme-scale", "two", "--strict")[1] == 0
