"""The processor `hierarchical`: down the levels of the mesh and up again."""

from pathlib import Path

import pytest
import torch
from wxml import DataError, Graph, PluginChoice, ProcessorChannels
from wxml.experiment.assembling import assemble
from wxml.experiment.restoring import restore
from wxml.model.hierarchical import Hierarchical
from wxml.testing import ProcessorContract, tiny_graph, tiny_grid

GRAPH = tiny_graph(tiny_grid(), mesh_nodes=24, levels=2)  # 24, 12 and 6 nodes
MIXING, LAYERED, MEAN = ({"plugin": name} for name in ("mixing", "layered", "mean"))
PARTS = {"processors": [MIXING], "down": [MEAN], "up": [MEAN]}
WIDTH = 4


def made(graph: Graph = GRAPH, **options: object) -> Hierarchical:
    parts = {name: [PluginChoice(**choice) for choice in choices] for name, choices in PARTS.items()}  # type: ignore[attr-defined]
    torch.manual_seed(0)
    return Hierarchical(graph.mesh(), ProcessorChannels(WIDTH), **(parts | options))


def choices(*names: str) -> list[PluginChoice]:
    return [PluginChoice(plugin=name) for name in names]


class TestContract(ProcessorContract):
    plugin = Hierarchical
    options = PARTS
    test_compiled_to_machine_code = None  # those of its parts are tried with their own contracts, and this takes long

    @pytest.fixture(autouse=True)
    def _plugins(self, tiny) -> None: ...


def test_the_formula_by_hand(tiny) -> None:
    """x_0 ← x_0 + P_0, D_0, x_1 ← x_1 + P_1, D_1, x_2 ← x_2 + P_2, U_1, Q_1, U_0, Q_0."""
    processor, state = made(), torch.randn(2, 24, WIDTH)
    p, q, down, up, places = (list(getattr(processor, name)) for name in ("before", "after", "down", "up", "geometry"))
    assert [len(part) for part in (p, q, down, up, places)] == [3, 2, 2, 2, 2]
    x0 = state + p[0](state)
    x0, x1 = down[0](x0, places[0](2))
    x1 = x1 + p[1](x1)
    x1, x2 = down[1](x1, places[1](2))
    x2 = x2 + p[2](x2)
    x1 = x1 + up[1](x2, x1)[1]
    x1 = x1 + q[1](x1)
    x0 = x0 + up[0](x1, x0)[1]
    x0 = x0 + q[0](x0)
    torch.testing.assert_close(processor(state), x0 - state)


def test_a_mesh_without_levels_has_one_processor(tiny) -> None:
    for graph, coarser in ((tiny_graph(tiny_grid()), None), (GRAPH, 0)):
        processor = made(graph, coarser=coarser)
        state = torch.randn(1, len(graph.nodes["mesh"]), WIDTH)
        torch.testing.assert_close(processor(state), processor.before[0](state))
        assert len(list(processor.children())) == 5
        assert {name.split(".")[0] for name in processor.state_dict()} == {"before"}


def test_the_coarsest_level_carries_what_is_far_away(tiny) -> None:
    """The processors here mix channels alone, so that only the mappers between levels join nodes."""
    state = torch.randn(1, 24, WIDTH, requires_grad=True)
    reached = []
    for coarser in range(3):
        state.grad = None
        made(coarser=coarser)(state)[0, 0].sum().backward()
        reached.append(int(state.grad.ne(0).any(-1).sum()))  # type: ignore[union-attr]
    assert reached[0] == 1
    assert reached[0] < reached[1] < reached[2]


def test_a_choice_for_each_level_or_one_for_all(tiny) -> None:
    kinds = [type(part).__name__ for part in made(processors=choices("mixing", "layered")).before]
    assert kinds == ["Mixing", "Layered", "Layered"]
    kinds = [type(part).__name__ for part in made(processors=choices("layered", "mixing", "layered")).after]
    assert kinds == ["Layered", "Mixing"]


@pytest.mark.carries_out("write one for each, or one for all; or choose a graph with more levels")
def test_more_choices_than_levels_are_refused(tiny) -> None:
    for name, plugins, most in (("processors", ["mixing"] * 4, 3), ("down", ["mean"] * 3, 2), ("up", ["mean"] * 3, 2)):
        with pytest.raises(DataError, match=f"`{name}` of the hierarchical processor has {len(plugins)} entries") as e:
            made(**{name: choices(*plugins)})
        assert f"take {most}" in e.value.message
        assert made(**{name: choices(*plugins[:most])}) is not None
        assert made(**{name: choices(plugins[0])}) is not None
    with pytest.raises(DataError, match="3 levels coarser than `mesh` are needed, and the graph has 2"):
        made(coarser=3)


def test_a_model_with_three_levels_from_config_to_checkpoint(tiny, tmp_path: Path) -> None:
    changes = {
        "graph": {"plugin": "nearest", "mesh_nodes": 24, "levels": 2},
        "model.processor": {"plugin": "hierarchical", **PARTS},
        "model.activation_checkpointing": {"processor": 1},
    }
    experiment = assemble(tiny(changes))
    model = experiment.new_model()
    states, forcings = torch.randn(1, 2, 48, 2), torch.zeros(1, 2, 48, 0)
    model(states, forcings).square().sum().backward()
    assert all(weight.grad is not None and weight.grad.any() for weight in model.parameters())
    experiment.save(tmp_path / "checkpoint.safetensors", model.state_dict(), {})
    _, again = restore(tmp_path / "checkpoint.safetensors")
    assert torch.equal(again(states, forcings), model(states, forcings))
