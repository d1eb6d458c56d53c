"""What every processor must do, and what this one does on graphs that are worked out by hand."""

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from acme_u_net.blocks import MeanOver, NodeBlock
from acme_u_net.processor import UNet
from torch import Tensor, nn
from wxml import DataError, EdgeSet, Graph, NodeSet, ProcessorChannels, create
from wxml.testing import ProcessorContract, tiny_graph, tiny_grid


def icosahedron(hierarchy: int = 2) -> Graph:
    options = {"refinement": 2, "hierarchy": hierarchy}
    built: Graph = create("graph-builder", "icosahedral", options).build(tiny_grid())
    return built


class TestUNet(ProcessorContract):
    """The contract of a processor, on a graph with levels and on one without."""

    plugin = UNet

    def graphs(self) -> Mapping[str, Graph]:
        return {"two levels": icosahedron(), "no levels": tiny_graph(tiny_grid())}


def stirred(module: nn.Module) -> nn.Module:
    with torch.no_grad():
        for weight in module.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    return module


def table(edges: EdgeSet) -> Tensor:
    """Which target reads which source, `[target, source]`."""
    there = torch.zeros(edges.target_count, edges.source_count, dtype=torch.bool)
    there[edges.target, edges.source] = True
    return there


def test_means_by_hand() -> None:
    sources, targets = NodeSet(np.zeros(3), np.arange(3.0)), NodeSet(np.ones(3), np.arange(3.0))
    mean = MeanOver(EdgeSet.between(sources, targets, [0, 1, 2], [0, 0, 2]))
    assert mean(torch.tensor([[[2.0], [4.0], [7.0]]])).tolist() == [[[3], [0], [7]]]


def test_a_block_by_hand() -> None:
    """With unit matrices, no geometry and a node set of two that read one another."""
    nodes = NodeSet(np.array([10.0, -10.0]), np.array([0.0, 0.0]))
    graph = Graph({"mesh": nodes}, {("mesh", "mesh"): EdgeSet.between(nodes, nodes, [0, 1], [1, 0])})
    block = NodeBlock(graph.mesh(), 2)
    with torch.no_grad():
        for layer in (block.own, block.others, block.out):
            layer.weight.copy_(torch.eye(2))
        for weight in (block.own.bias, block.out.bias, block.place.weight):
            weight.zero_()
    state = torch.tensor([[[1.0, 3.0], [8.0, 2.0]]])
    normed = torch.tensor([[-1.0, 1.0], [1.0, -1.0]])  # of two channels, but for ε
    expected = state + nn.functional.gelu(normed + normed.flip(0))
    torch.testing.assert_close(block(state), expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("levels", [0, 1, 2])
def test_a_node_hears_of_those_that_edges_lead_from(levels: int) -> None:
    """The nodes whose states change an update are those from which a walk along the stages leads to it."""
    graph = icosahedron()
    processor = stirred(UNet(graph.mesh(), ProcessorChannels(4), levels=levels))
    names = ["mesh", "mesh:1", "mesh:2"][: levels + 1]
    within = [table(graph.edges[name, name]) | torch.eye(len(graph.nodes[name]), dtype=torch.bool) for name in names]
    heard = within[-1]
    for level in range(levels - 1, -1, -1):
        fine, coarse = names[level], names[level + 1]
        down, up = table(graph.edges[fine, coarse]).int(), table(graph.edges[coarse, fine]).int()
        beyond = (up @ heard.int() @ down @ within[level].int()).bool()
        heard = (within[level].int() @ (beyond | within[level]).int()).bool()
    state = torch.randn(1, len(graph.nodes["mesh"]), 4, requires_grad=True)
    (gradient,) = torch.autograd.grad(processor(state)[0, -1].square().sum(), state)
    assert torch.equal(gradient[0].abs().sum(-1) > 0, heard[-1])


def test_more_levels_hear_of_more() -> None:
    graph, heard = icosahedron(), []
    for levels in (0, 1, 2):
        state = torch.randn(1, len(graph.nodes["mesh"]), 4, requires_grad=True)
        update = stirred(UNet(graph.mesh(), ProcessorChannels(4), levels=levels))(state)
        (gradient,) = torch.autograd.grad(update[0, -1].square().sum(), state)
        heard.append(int((gradient[0].abs().sum(-1) > 0).sum()))
    assert heard[0] < heard[1] < heard[2]


def test_without_what_comes_from_below_it_is_two_blocks() -> None:
    graph = icosahedron()
    processor = UNet(graph.mesh(), ProcessorChannels(4), levels=1)
    with torch.no_grad():
        for weight in processor.join.parameters():
            weight.zero_()
    state = torch.randn(2, len(graph.nodes["mesh"]), 4)
    torch.testing.assert_close(processor(state), processor.back[0](processor.there[0](state)) - state)


def test_a_graph_of_fewer_levels_is_refused() -> None:
    with pytest.raises(DataError, match="3 levels coarser than `mesh` are needed, and the graph has 2"):
        UNet(icosahedron().mesh(), ProcessorChannels(4), levels=3)
    UNet(icosahedron().mesh(), ProcessorChannels(4), levels=2)
