"""The kernels that `floor.py` measures, with what each has to do; the formulas are in its docstring."""

__all__ = ["KERNELS", "Kernel", "Sizes", "icosahedral_mesh"]

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from wxml.graphs.graph import Mesh
from wxml.model.processor import ProcessorChannels

from bench.workloads import PASSES, TRAINABLE
from bench.wxml_models import wxml_processor

FEATURES = 3 + TRAINABLE


@dataclass(frozen=True)
class Sizes:
    """The letters of the formulas."""

    nodes: int
    edges: int
    channels: int
    heads: int
    window: int

    @property
    def pairs(self) -> int:
        """P: of a query and a key in its window."""
        window = min(self.window, self.nodes - 1)
        return self.nodes * (2 * window + 1) - window * (window + 1)

    @property
    def edge_attention_flops(self) -> int:
        """4 E C + 4 E H F + 4 N C F."""
        on_edges = self.edges * (self.channels + self.heads * FEATURES)
        return 4 * (on_edges + self.nodes * self.channels * FEATURES)

    @property
    def window_attention_flops(self) -> int:
        """4 P C."""
        return 4 * self.pairs * self.channels


@dataclass(frozen=True)
class Kernel:
    """What is measured, and what it has to do."""

    call: Callable[..., Tensor | tuple[Tensor, ...]]
    inputs: tuple[Tensor, ...]
    flops: int = 0
    """Of a forward pass."""
    multiplies: bool = True
    """Whether a backward pass reads the inputs again."""
    parameters: tuple[nn.Parameter, ...] = ()

    def outputs(self) -> tuple[Tensor, ...]:
        """What comes out."""
        made = self.call(*self.inputs)
        return (made,) if isinstance(made, Tensor) else made

    def gradients(self) -> tuple[Tensor, ...]:
        """Of the outputs."""
        with torch.no_grad():
            return tuple(torch.randn_like(output) for output in self.outputs())

    def run(self, which: str, gradients: tuple[Tensor, ...]) -> None:
        """One pass."""
        if which == PASSES[0]:
            with torch.no_grad():
                self.outputs()
        else:
            torch.autograd.grad(self.outputs(), (*self.inputs, *self.parameters), gradients)

    def work(self, which: str, gradients: tuple[Tensor, ...]) -> tuple[int, int]:
        """Flops and bytes of a pass."""
        read, written = (sum(tensor.numel() for tensor in tensors) for tensors in (self.inputs, gradients))
        if which == PASSES[0]:
            return self.flops, 4 * (read + written)
        return 3 * self.flops, 4 * ((3 if self.multiplies else 2) * read + 2 * written)


def icosahedral_mesh(refinement: int) -> Mesh:
    """The mesh of the models: edges of all levels from 1."""
    from wxml.data.grid import Grid
    from wxml_graph_builders import Icosahedral

    return Icosahedral(refinement=refinement, coarsest=1).build(Grid.octahedral(8)).mesh()


def _random(*shape: int) -> Tensor:
    """Values that want gradients."""
    return torch.randn(*shape, requires_grad=True)


def _on_nodes(size: Sizes) -> Tensor:
    return _random(1, size.nodes, size.channels)


def _on_edges(size: Sizes) -> Tensor:
    return _random(1, size.edges, size.channels)


def _gather(mesh: Mesh, size: Sizes) -> Kernel:
    from wxml_kernels import EdgeIndex, gather_sources

    index = EdgeIndex.of(mesh.edges)
    return Kernel(lambda x: gather_sources(x, index), (_on_nodes(size),), multiplies=False)


def _segment_sum(mesh: Mesh, size: Sizes) -> Kernel:
    from wxml_kernels import EdgeIndex, segment_sum

    index = EdgeIndex.of(mesh.edges)
    return Kernel(lambda x: segment_sum(x, index), (_on_edges(size),), multiplies=False)


def _join(mesh: Mesh, size: Sizes) -> Kernel:
    from wxml_kernels import EdgeIndex, join_edges

    index, inputs = EdgeIndex.of(mesh.edges), (_on_nodes(size), _on_nodes(size), _on_edges(size))
    return Kernel(lambda *x: join_edges(*x, index), inputs, multiplies=False)


def _edge_attention(mesh: Mesh, size: Sizes) -> Kernel:
    from wxml_kernels import AttentionEdges, edge_attention

    index, nodes = AttentionEdges.of(mesh.edges), (_on_nodes(size) for _ in range(3))
    inputs = (*nodes, _random(size.edges, FEATURES), _random(size.channels, FEATURES))
    return Kernel(lambda *x: edge_attention(*x, index, size.heads), inputs, size.edge_attention_flops)


def _window_attention(_mesh: Mesh, size: Sizes) -> Kernel:
    from wxml_kernels import KeyWindow, window_attention

    window, shape = KeyWindow.among(size.nodes, size.window), (size.nodes, size.channels // size.heads)
    inputs = tuple(_random(1, size.heads, *shape) for _ in range(3))
    return Kernel(lambda *x: window_attention(*x, window), inputs, size.window_attention_flops)


def _feed_forward(_mesh: Mesh, size: Sizes) -> Kernel:
    from wxml_processor_transformer.options import BlockOptions
    from wxml_processor_transformer.transformer_block import FeedForward

    width, flops = size.channels, 16 * size.nodes * size.channels**2
    options = BlockOptions(size.heads, 4.0, "mlp", "gelu", qk_norm=False, dropout=0.0, norm="layer-norm")
    network = FeedForward(width, options)
    return Kernel(network, (_on_nodes(size),), flops, parameters=tuple(network.parameters()))


def _gnn_layer(mesh: Mesh, size: Sizes) -> Kernel:
    processor = wxml_processor("gnn", mesh, ProcessorChannels(size.channels, edge_features=TRAINABLE), 2, size.heads)
    layer, index = processor.layers[0], processor.edges
    inputs, flops = (_on_nodes(size), _on_edges(size)), (12 * size.nodes + 6 * size.edges) * size.channels**2
    return Kernel(lambda x, e: layer(x, x, e, index), inputs, flops, parameters=tuple(layer.parameters()))


def _graph_transformer_layer(mesh: Mesh, size: Sizes) -> Kernel:
    processor = wxml_processor(
        "graph-transformer", mesh, ProcessorChannels(size.channels, edge_features=TRAINABLE), 1, size.heads
    )
    flops = 26 * size.nodes * size.channels**2 + size.edge_attention_flops
    return Kernel(processor, (_on_nodes(size),), flops, parameters=tuple(processor.parameters()))


def _transformer_layer(mesh: Mesh, size: Sizes) -> Kernel:
    processor = wxml_processor("transformer", mesh, ProcessorChannels(size.channels), 1, size.heads)
    flops = 24 * size.nodes * size.channels**2 + size.window_attention_flops
    return Kernel(processor, (_on_nodes(size),), flops, parameters=tuple(processor.parameters()))


KERNELS: dict[str, Callable[[Mesh, Sizes], Kernel]] = {
    "gather": _gather,
    "segment sum": _segment_sum,
    "join": _join,
    "edge attention": _edge_attention,
    "window attention": _window_attention,
    "feed-forward": _feed_forward,
    "gnn layer": _gnn_layer,
    "graph-transformer layer": _graph_transformer_layer,
    "transformer layer": _transformer_layer,
}
