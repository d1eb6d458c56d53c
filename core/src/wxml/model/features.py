"""The features of nodes and edges that a model reads: values, geometry, and learned numbers."""

__all__ = ["EdgeFeatures", "GridFeatures", "MeshFeatures", "Reads", "kept_features"]

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from wxml.graphs.graph import EdgeSet
from wxml.graphs.node_set import NodeSet
from wxml.model.tensors import node_tensor


class EdgeFeatures(nn.Module):
    """The features of each edge: length and direction, then `trainable` learned ones; the same for every sample."""

    geometry: Tensor

    def __init__(self, edges: EdgeSet, trainable: int = 0) -> None:
        """Learned features start at zero.

        Args:
            edges: the edges of a route or a mesh; their `features` are the geometry.
            trainable: the number of learned features of each edge; pass `channels.edge_features`.
        """
        super().__init__()
        self.register_buffer("geometry", node_tensor(edges.features), persistent=False)
        self.trainable = nn.Parameter(torch.zeros(len(edges), trainable)) if trainable else None
        self.channels = self.geometry.shape[-1] + trainable
        self._kept: list[Tensor] | None = None

    def forward(self) -> Tensor:
        """Return the features, shape `[edge, channels]`."""
        return self.geometry if self.trainable is None else torch.cat([self.geometry, self.trainable], dim=-1)

    def embedded(self, embed: Callable[[Tensor], Tensor]) -> Tensor:
        """Return what a part makes of the features, and of its own weights, alone.

        It is made at every call, and inside `kept_features` at the first one, for all calls that follow.

        Args:
            embed: takes the features, shape `[edge, channels]`; always the same for one object.
        """
        if self._kept is None:
            return embed(self())
        if not self._kept:
            self._kept.append(embed(self()))
        return self._kept[0]


@contextmanager
def kept_features(model: nn.Module) -> Iterator[None]:
    """Embed the features of edges once for all calls of a model inside the block; its weights must not change there."""
    parts = [part for part in model.modules() if isinstance(part, EdgeFeatures)]
    for part in parts:
        part._kept = []
    try:
        yield
    finally:
        for part in parts:
            part._kept = None


class MeshFeatures(nn.Module):
    """The features of each node: sin and cos of its place, then `trainable` learned ones; the same for every sample."""

    geometry: Tensor

    def __init__(self, nodes: NodeSet, trainable: int) -> None:
        super().__init__()
        self.register_buffer("geometry", node_tensor(nodes.features), persistent=False)
        self.trainable = nn.Parameter(torch.zeros(len(nodes), trainable)) if trainable else None
        self.channels = self.geometry.shape[-1] + trainable

    def forward(self, batch: int) -> Tensor:
        """Return the features, shape `[batch, node, channels]`."""
        parts = [self.geometry] if self.trainable is None else [self.geometry, self.trainable]
        return torch.cat(parts, dim=-1).expand(batch, -1, -1)


@dataclass(frozen=True, slots=True)
class Reads:
    """What enters of the states."""

    last: bool = True
    """The last state; if not, a 0 stands in its place."""
    means: bool = False
    """What all nodes have in common and what each has for itself, which needs a `tendency_scale`: behind the features
    of nodes come the mean over the nodes of each change, and the departure of the last state from its mean."""


class GridFeatures(nn.Module):
    """The features of each grid node: states and forcings at the input times, then those of `MeshFeatures`.

    With a `tendency_scale` the states before the last one enter as tendencies, (x_t+1 − x_t) / tendency_scale. These
    are the same inputs, but of order one, where two states in a row hardly differ in units of the variable's own
    deviation: training takes about half the steps.

    If forcings are read at the times of the states, these are next to each other, time by time; else the forcings of
    all times come behind the states of all times.
    """

    tendency_scale: Tensor | None

    def __init__(
        self,
        nodes: NodeSet,
        trainable: int,
        input_steps: int,
        prognostic: int,
        forcing: int,
        tendency_scale: Tensor | None = None,
        forcing_times: int | None = None,
        reads: Reads = Reads(),
    ) -> None:
        """Learned features start at zero.

        Args:
            nodes: the grid nodes.
            trainable: the number of learned features of each node.
            input_steps: the number of input times.
            prognostic: the number of prognostic variables.
            forcing: the number of forcings.
            tendency_scale: the typical change over one time step, shape `[prognostic]`; None: states enter as they are.
            forcing_times: the number of times at which forcings are read; None: as many as input times.
            reads: what enters of the states.
        """
        super().__init__()
        self.nodes = MeshFeatures(nodes, trainable)
        times = input_steps if forcing_times is None else forcing_times
        self.reads_means = reads.means and tendency_scale is not None
        states = (1 + self.reads_means) * input_steps * prognostic
        self.channels = states + times * forcing + self.nodes.channels
        self.register_buffer("tendency_scale", tendency_scale, persistent=False)
        self.reads_last = reads.last

    def forward(self, states: Tensor, forcings: Tensor) -> Tensor:
        """`[batch, time, node, prognostic]` and `[batch, time, node, forcing]` to `[batch, node, channels]`.

        The forcings may have other times than the states.
        """
        further: list[Tensor] = []
        if self.tendency_scale is not None:
            changes, last = states.diff(dim=1) / self.tendency_scale, states[:, -1:]
            further = [_means(changes, last)] if self.reads_means else []
            states = torch.cat([changes, last if self.reads_last else torch.zeros_like(last)], dim=1)
        if states.shape[1] == forcings.shape[1]:
            flat = _by_node(torch.cat([states, forcings], dim=-1))
        else:
            flat = torch.cat([_by_node(states), _by_node(forcings)], dim=-1)
        return torch.cat([flat, self.nodes(len(states)).to(flat.dtype), *further], dim=-1)


def _means(changes: Tensor, last: Tensor) -> Tensor:
    """The means of changes and the departure of the last state, time by time: `[batch, node, time · variable]`."""
    of_changes = changes.mean(dim=2, keepdim=True).expand_as(changes)
    return _by_node(torch.cat([of_changes, last - last.mean(dim=2, keepdim=True)], dim=1))


def _by_node(values: Tensor) -> Tensor:
    """`[batch, time, node, variable]` to `[batch, node, time · variable]`."""
    return values.permute(0, 2, 1, 3).flatten(2)
