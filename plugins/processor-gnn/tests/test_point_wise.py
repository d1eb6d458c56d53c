"""Point-wise parts and the processor that does nothing: against the formulas, written out node by node."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional
from wxml import EdgeSet, Graph, MapperChannels, Mesh, NodeSet, Route
from wxml.data.sphere import angular_distance
from wxml.model.processor import ProcessorChannels
from wxml.testing import MapperContract, ProcessorContract
from wxml_processor_gnn.ablations import NoOpProcessor, PointWiseMapper, PointWiseProcessor

FORMULAS = {"gelu": functional.gelu, "relu": torch.relu, "silu": lambda x: x * torch.sigmoid(x)}


class TestPointWiseProcessor(ProcessorContract):
    plugin = PointWiseProcessor
    options = {"num_layers": 2}
    generates_code = False  # `wxml check-plugin` does: nox -s machine-code


class TestPointWiseMapper(MapperContract):
    plugin = PointWiseMapper
    generates_code = False  # as above


class TestNoOpProcessor(ProcessorContract):
    plugin = NoOpProcessor
    generates_code = False  # as above


def normed(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    return centred / torch.sqrt((centred**2).mean(-1, keepdim=True) + 1e-5) * weight + bias


def stirred(module: torch.nn.Module) -> None:
    """Layer norms begin as ones and zeros, which would hide them."""
    with torch.no_grad():
        for weight in module.parameters():
            weight.add_(torch.randn_like(weight))


# The processor


@pytest.mark.parametrize("activation", ["gelu", "relu", "silu"])
@pytest.mark.parametrize(("ratio", "hidden"), [(2.0, 12), (0.75, 5), (1.0, 6), (0.01, 1)])
def test_the_processor_in_closed_form(graph: Graph, activation: str, ratio: float, hidden: int) -> None:
    """x' = W₂ act(LN(W₁ x + b₁)) + b₂, and nothing after the activation if the hidden layer has the same width."""
    processor = PointWiseProcessor(
        graph.mesh(), ProcessorChannels(6), num_layers=2, mlp_ratio=ratio, activation=activation
    ).double()
    stirred(processor)
    state = torch.randn(2, 10, 6, dtype=torch.float64)
    expected = state
    for layer in processor.layers:
        assert layer[0].weight.shape == (hidden, 6)
        expected = normed(expected @ layer[0].weight.T + layer[0].bias, layer[1].weight, layer[1].bias)
        expected = FORMULAS[activation](expected)
        if hidden != 6:
            expected = expected @ layer[3].weight.T + layer[3].bias
    torch.testing.assert_close(processor(state), expected, rtol=1e-12, atol=1e-12)


def test_no_node_reads_another(graph: Graph) -> None:
    state = torch.randn(1, 10, 6, requires_grad=True)
    PointWiseProcessor(graph.mesh(), ProcessorChannels(6))(state)[0, 3].square().sum().backward()
    assert [bool(node.any()) for node in state.grad[0]] == [node == 3 for node in range(10)]


@pytest.mark.parametrize("groups", [1, 2, 5])
def test_activations_that_are_computed_again_change_nothing(graph: Graph, groups: int) -> None:
    """Dropout included: the second run of a group draws what the first one drew."""
    processor = PointWiseProcessor(graph.mesh(), ProcessorChannels(6), num_layers=3, dropout=0.3)
    results = []
    for processor.recompute_groups in (0, groups):
        torch.manual_seed(3)
        processor.zero_grad()
        out = processor(torch.ones(1, 10, 6))
        out.square().sum().backward()
        results.append([out, *(weight.grad.clone() for weight in processor.parameters())])
    for kept, again in zip(*results, strict=True):
        assert torch.equal(kept, again)


def test_dropout_is_of_training_alone(graph: Graph) -> None:
    processor = PointWiseProcessor(graph.mesh(), ProcessorChannels(64), num_layers=1, dropout=0.25)
    state = torch.randn(4, 10, 64)
    dropped = float((processor(state) == 0).float().mean())
    assert 0.2 < dropped < 0.3  # 2560 values
    assert not (processor.eval()(state) == 0).any()


# The mapper


def equal_nodes(count: int = 5) -> Route:
    """Every node joined to itself and to all others."""
    nodes = NodeSet(np.linspace(-70, 80, count), np.linspace(0, 300, count))
    numbers = np.arange(count)
    return Route(nodes, nodes, EdgeSet.between(nodes, nodes, np.repeat(numbers, count), np.tile(numbers, count)))


def test_between_equal_node_sets_node_i_goes_to_node_i() -> None:
    """Like Anemoi's: the encoder is one linear layer, the decoder a layer norm and a linear layer."""
    encoder = PointWiseMapper(equal_nodes(), MapperChannels(3, 4, 6, 6)).double()
    decoder = PointWiseMapper(equal_nodes(), MapperChannels(6, 3, 6, 2, decode=True)).double()
    stirred(encoder)
    stirred(decoder)
    source, target = (torch.randn(2, 5, c, dtype=torch.float64) for c in (3, 4))
    raw, state = encoder(source, target)
    assert torch.equal(raw, source)
    linear = encoder.layers[0]
    torch.testing.assert_close(state, source @ linear.weight.T + linear.bias)
    norm, linear = decoder.layers
    expected = normed(state, norm.weight, norm.bias) @ linear.weight.T + linear.bias
    torch.testing.assert_close(decoder(state, raw)[1], expected)


@pytest.mark.parametrize("direction", [("grid", "mesh"), ("mesh", "grid")])
def test_every_target_reads_the_nearest_node_that_reaches_it(graph: Graph, direction: tuple[str, str]) -> None:
    route = graph.route(*direction)
    decode = direction == ("mesh", "grid")
    mapper = PointWiseMapper(route, MapperChannels(6, 6, 6, 6, decode=decode))
    source = torch.randn(1, len(route.source), 6)
    _, mapped = mapper(source, torch.zeros(1, len(route.target), 6))
    for node in range(len(route.target)):
        reached = route.edges.source[route.edges.target == node]
        if not reached.size:
            continue
        nearest = reached[np.argmin(angular_distance(route.source.points[reached], route.target.points[node]))]
        torch.testing.assert_close(mapped[:, node], mapper.layers(source[:, nearest]))


def test_of_equally_near_nodes_the_first_is_read_and_without_an_edge_zeros_are() -> None:
    source, target = NodeSet(np.array([10.0, -10.0]), np.zeros(2)), NodeSet(np.array([0.0, 50.0]), np.zeros(2))
    route = Route(source, target, EdgeSet.between(source, target, [1, 0], [0, 0]))
    encoder = PointWiseMapper(route, MapperChannels(1, 1, 1, 1))
    with torch.no_grad():
        encoder.layers[0].weight.fill_(2.0)
        encoder.layers[0].bias.fill_(0.5)
    _, mapped = encoder(torch.tensor([[[3.0], [4.0]]]), torch.zeros(1, 2, 1))
    assert mapped.flatten().tolist() == [6.5, 0.5]


# Nothing


def test_no_op_hands_on_the_state_itself(graph: Graph) -> None:
    state = torch.randn(1, 10, 6)
    assert NoOpProcessor(graph.mesh(), ProcessorChannels(6))(state) is state


def test_a_mesh_without_edges_is_enough() -> None:
    nodes = NodeSet(np.linspace(-70, 80, 5), np.linspace(0, 300, 5))
    mesh = Mesh(nodes, EdgeSet.between(nodes, nodes, [], []))
    assert PointWiseProcessor(mesh, ProcessorChannels(4))(torch.randn(1, 5, 4)).shape == (1, 5, 4)


# Without layer norms


def test_without_norms_the_parts_are_linear_but_for_the_activation(graph: Graph) -> None:
    """W₂ silu(W₁ x + b₁) + b₂ on every node, and a decoder W x + b of the nearest source node."""
    torch.manual_seed(0)
    processor = PointWiseProcessor(
        graph.mesh(), ProcessorChannels(6), num_layers=1, mlp_ratio=2, activation="silu", norm=False
    )
    first, _, second = processor.layers[0]
    state = torch.randn(2, len(graph.nodes["mesh"]), 6)
    hidden = state @ first.weight.T + first.bias
    torch.testing.assert_close(processor(state), (hidden * torch.sigmoid(hidden)) @ second.weight.T + second.bias)
    decoder = PointWiseMapper(graph.route("mesh", "grid"), MapperChannels(6, 4, 6, 3, decode=True), norm=False)
    target = torch.zeros(2, len(graph.nodes["grid"]), 4)
    ahead, twice, nothing = (decoder(factor * state, target)[1] for factor in (1, 2, 0))
    torch.testing.assert_close(twice - ahead, ahead - nothing)
    assert not any(isinstance(part, torch.nn.LayerNorm) for part in (*processor.modules(), *decoder.modules()))
