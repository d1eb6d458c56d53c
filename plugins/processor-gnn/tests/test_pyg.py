"""Operators of torch_geometric: every one that fits works, a few against their formulas, and no others are let in."""

import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from wxml import ConfigError, EdgeSet, Graph, Mesh, NodeSet
from wxml.data.sphere import angular_distance
from wxml.model.processor import ProcessorChannels
from wxml.testing import ProcessorContract
from wxml_processor_gnn.pyg import PygProcessor
from wxml_processor_gnn.pyg_operator import UNFIT, geometric, operators

REQUIRED: dict[str, dict[str, Any]] = {
    "APPNP": {"K": 2, "alpha": 0.1},
    "ChebConv": {"K": 2},
    "FeaStConv": {"heads": 2},
    "GatedGraphConv": {"num_layers": 2},
    "GCN2Conv": {"alpha": 0.1},
    "GMMConv": {"kernel_size": 3},
    "HEATConv": {"edge_type_emb_dim": 2, "edge_attr_emb_dim": 8},
    "PDNConv": {"hidden_channels": 8},
    "SSGConv": {"alpha": 0.1},
}
"""Arguments without a default; FeaStConv has weights that only several heads use."""
QUICK = (
    "autocast",
    "batch_items_do_not_mix",
    "gradients_reach_every_parameter",
    "outputs_and_gradients_are_finite",
    "shapes_and_dtype",
    "the_seed_decides",
    "training_may_follow_a_forecast",
    "weights_survive_a_file",
    "works_with_an_isolated_node",
    "works_with_one_edge",
)


class TestPygProcessor(ProcessorContract):
    plugin = PygProcessor
    options = {"operator": "GATv2Conv", "num_layers": 1, "arguments": {"heads": 4}}
    generates_code = False  # `wxml check-plugin` does: nox -s machine-code


@pytest.mark.parametrize("operator", operators())
def test_an_operator_does_what_a_processor_promises(operator: str) -> None:
    options = {"operator": operator, "num_layers": 2, "arguments": REQUIRED.get(operator, {})}
    contract = type("Checked", (ProcessorContract,), {"plugin": PygProcessor, "options": options, "channels": 16})()
    for check in QUICK:
        getattr(contract, f"test_{check}")()


def test_forty_operators_and_the_readme_names_each() -> None:
    text = (Path(__file__).parents[1] / "README.md").read_text()
    section = text.split("### Operators")[1].split("\n#")[0]
    named = re.findall(r"`(\w+)`", "".join(line for line in section.splitlines() if line.startswith("|")))
    assert {name for name in named if name[0].isupper()} == set(operators())
    assert len(operators()) >= 40


# Against formulas


def mesh_of(pairs: list[tuple[int, int]], nodes: NodeSet) -> Mesh:
    return Mesh(nodes, EdgeSet.between(nodes, nodes, [j for j, _ in pairs], [i for _, i in pairs]))


NODES = NodeSet(np.array([0.0, 0.0, 30.0, -45.0]), np.array([0.0, 20.0, 0.0, 60.0]))
PAIRS = [(0, 1), (1, 0), (2, 0), (3, 1), (1, 3)]


def layer_of(processor: PygProcessor, message: Any, state: Tensor) -> Tensor:
    """x + silu(LN(message)), written out for a processor of one layer."""
    centred = message - message.mean(-1, keepdim=True)
    normed = centred / torch.sqrt((centred**2).mean(-1, keepdim=True) + 1e-5)
    return state + normed * torch.sigmoid(normed)


def test_an_operator_with_weights_reads_inverse_lengths() -> None:
    """GraphConv: W₁ x_i + b + W₂ Σ_j w_ij x_j with w = mean length / length."""
    mesh = mesh_of(PAIRS, NODES)
    processor = PygProcessor(mesh, ProcessorChannels(4), operator="GraphConv", num_layers=1).double()
    state = torch.randn(2, 4, 4, dtype=torch.float64)
    length = {(j, i): float(angular_distance(NODES.points[j], NODES.points[i])) for j, i in PAIRS}
    mean = sum(length.values()) / len(length)
    received = torch.zeros_like(state)
    for (j, i), between in length.items():
        received[:, i] += mean / between * state[:, j]
    operator = processor.layers[0].operator
    message = operator.lin_root(state) + received @ operator.lin_rel.weight.T + operator.lin_rel.bias
    torch.testing.assert_close(processor(state), layer_of(processor, message, state), rtol=1e-6, atol=1e-6)


def test_an_operator_with_features_reads_those_of_the_edges() -> None:
    """GINEConv: network((1 + ε) x_i + Σ_j relu(x_j + W e_ij)) with ε = 0."""
    mesh = mesh_of(PAIRS, NODES)
    processor = PygProcessor(mesh, ProcessorChannels(4), operator="GINEConv", num_layers=1).double()
    state = torch.randn(1, 4, 4, dtype=torch.float64)
    operator = processor.layers[0].operator
    received = torch.zeros_like(state)
    features = torch.from_numpy(mesh.edges.features).double()
    for j, i, feature in zip(mesh.edges.source, mesh.edges.target, features, strict=True):
        received[:, i] += torch.relu(state[:, j] + operator.lin(feature))
    expected = layer_of(processor, operator.nn(state + received), state)
    torch.testing.assert_close(processor(state), expected)


def test_an_operator_with_places_reads_where_the_nodes_are() -> None:
    """PointNetConv without its loops: max_j network[x_j ‖ p_j − p_i]; the places are on the unit sphere."""
    mesh = mesh_of(PAIRS, NODES)
    arguments = {"add_self_loops": False}
    processor = PygProcessor(
        mesh, ProcessorChannels(4), operator="PointNetConv", num_layers=1, arguments=arguments
    ).double()
    state = torch.randn(1, 4, 4, dtype=torch.float64)
    points = torch.tensor(NODES.points)
    received = torch.zeros_like(state)
    for i in range(4):
        sources = [j for j, target in PAIRS if target == i]
        joined = [torch.cat([state[0, j], points[j] - points[i]]) for j in sources]
        if joined:
            received[0, i] = processor.layers[0].operator.local_nn(torch.stack(joined)).amax(0)
    torch.testing.assert_close(processor(state), layer_of(processor, received, state), rtol=1e-6, atol=1e-6)


def test_learned_features_of_edges_are_read_and_trained(graph: Graph) -> None:
    processor = PygProcessor(
        graph.mesh(), ProcessorChannels(8, edge_features=2), operator="TransformerConv", num_layers=1
    )
    processor(torch.randn(2, 10, 8)).square().sum().backward()
    assert processor.edge_features.trainable.grad.abs().sum() > 0


def test_an_edge_of_no_length_has_a_weight_that_is_finite() -> None:
    mesh = mesh_of([(0, 0), (0, 1), (1, 2)], NODES)
    weights = PygProcessor(mesh, ProcessorChannels(4), operator="GraphConv").edge_weight
    assert weights[0] == 10
    assert all(0 < weight < 10 for weight in weights[1:])


def test_heads_share_the_channels(graph: Graph) -> None:
    channels = ProcessorChannels(8)
    joined, averaged = (
        PygProcessor(graph.mesh(), channels, operator="GATConv", num_layers=1, arguments={"heads": 4, "concat": concat})
        for concat in (True, False)
    )
    assert (joined.layers[0].operator.out_channels, averaged.layers[0].operator.out_channels) == (2, 8)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("operator", ["GATv2Conv", "FAConv"])
def test_activations_that_are_computed_again_change_nothing(graph: Graph, operator: str, groups: int) -> None:
    processor = PygProcessor(graph.mesh(), ProcessorChannels(8, edge_features=2), operator=operator, num_layers=3)
    state = torch.randn(2, 10, 8)
    results = []
    for processor.recompute_groups in (0, groups):
        processor.zero_grad()
        out = processor(state)
        out.square().sum().backward()
        gradients = [weight.grad.clone() for weight in processor.parameters() if weight.grad is not None]
        results.append([out.detach(), *gradients])
    for kept, again in zip(*results, strict=True):
        torch.testing.assert_close(kept, again)


# Refused operators and arguments


@pytest.mark.parametrize(
    ("operator", "arguments", "message"),
    [
        ("os.system", {}, "must be the name of a convolution in torch_geometric.nn, got 'os.system'"),
        ("conv.GATv2Conv", {}, "must be the name of a convolution"),
        ("torch_geometric.nn.GATv2Conv", {}, "must be the name of a convolution"),
        ("__class__", {}, "must be the name of a convolution"),
        ("Linear", {}, "must be the name of a convolution"),
        ("inits", {}, "must be the name of a convolution"),
        ("GATv3Conv", {}, "did you mean 'GATv2Conv'"),
        ("MessagePassing", {}, "'MessagePassing' cannot be a processor: it reads more than"),
        ("HGTConv", {}, "'HGTConv' cannot be a processor: it reads more than node states and edge features"),
        ("DNAConv", {}, "'DNAConv' cannot be a processor: it reads the states after all layers before it"),
        ("ChebConv", {}, "ChebConv needs `K`"),
        ("SSGConv", {"K": 2}, "SSGConv needs `alpha`"),
        ("GATv2Conv", {"hedas": 2}, "GATv2Conv has no argument 'hedas' to choose: did you mean 'heads'"),
        ("GATv2Conv", {"in_channels": 2}, "has no argument 'in_channels' to choose"),
        ("GCNConv", {"cached": True}, "has no argument 'cached' to choose"),
        ("GATv2Conv", {"heads": "two"}, "`heads` of GATv2Conv cannot be 'two': Input should be a valid integer"),
        ("GATv2Conv", {"heads": 3}, "8 channels cannot be shared by 3 heads"),
        ("GATv2Conv", {"heads": 0}, "8 channels cannot be shared by 0 heads"),
        ("FAConv", {"normalize": False}, "has no argument 'normalize' to choose"),
        ("GATv2Conv", {"aggr": "no_such"}, "GATv2Conv cannot be made with {'aggr': 'no_such'}"),
    ],
)
def test_what_does_not_fit_is_refused(graph: Graph, operator: str, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        PygProcessor(graph.mesh(), ProcessorChannels(8), operator=operator, arguments=arguments)


def forward(graph: Graph, channels: int, operator: str, **arguments: int) -> Tensor:
    processor = PygProcessor(graph.mesh(), ProcessorChannels(channels), operator=operator, arguments=arguments)
    return processor(torch.randn(2, 10, channels))


@pytest.mark.carries_out("{}known: {}")
def test_the_operator_that_the_error_proposes_works(graph: Graph) -> None:
    with pytest.raises(ConfigError, match="did you mean 'GATv2Conv'"):
        forward(graph, 8, "GATv3Conv")
    assert forward(graph, 8, "GATv2Conv").isfinite().all()


@pytest.mark.carries_out("change `heads` or `model.channels`")
def test_heads_share_other_channels(graph: Graph) -> None:
    with pytest.raises(ConfigError, match="8 channels cannot be shared by 3 heads"):
        forward(graph, 8, "GATv2Conv", heads=3)
    assert forward(graph, 8, "GATv2Conv", heads=4).shape == (2, 10, 8)
    assert forward(graph, 9, "GATv2Conv", heads=3).shape == (2, 10, 9)


@pytest.mark.carries_out("make `model.channels` a multiple of {}")
def test_powers_share_other_channels(graph: Graph) -> None:
    with pytest.raises(ConfigError, match="6 channels cannot be shared by 4 powers"):
        forward(graph, 6, "MixHopConv")
    assert forward(graph, 8, "MixHopConv").shape == (2, 10, 8)


def test_several_faults_are_told_at_once(graph: Graph) -> None:
    with pytest.raises(ConfigError) as caught:
        PygProcessor(graph.mesh(), ProcessorChannels(8), operator="ChebConv", arguments={"k": 3, "bias": "perhaps"})
    assert [fault.key for fault in caught.value.faults] == ["arguments", "arguments.k", "arguments.bias"]


def test_operators_that_do_not_fit_are_there() -> None:
    """A name that torch_geometric no longer has would excuse nothing."""
    assert all(inspect.isclass(getattr(geometric, name)) for name in UNFIT)


def test_the_other_plugins_do_not_import_torch_geometric() -> None:
    modules = ("processor", "mapper", "ablations")
    imported = "; ".join(f"import wxml_processor_gnn.{name}" for name in modules)
    code = f"{imported}; import sys; sys.exit('torch_geometric' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=600)
