"""Neighbourhood: which nodes are compared with each node, and how much each counts."""

__all__ = ["Neighbourhood", "neighbourhood_of"]

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from wxml import LossSpace
from wxml.data.sphere import unit_vectors
from wxml.errors import ConfigError, Fault
from wxml_kernels import EdgeIndex, gather_sources, gather_targets, segment_sum

from wxml_losses.neighbours import nearest_nodes

Indices = NDArray[np.intp]


class Neighbourhood(nn.Module):
    """Edges j → i with weights w_ij from the neighbours of each node to itself.

    All tensors have the nodes or the edges in front and one more axis, `[node, column]` or `[edge, column]`.
    """

    weights: Tensor

    def __init__(self, edges: EdgeIndex, weights: NDArray[np.float64], *, normalised: bool) -> None:
        """Keep the weights.

        Args:
            edges: sorted by target.
            weights: w, shape `[edge]`, not negative.
            normalised: whether the weights into a node add up to 1, also where some of the neighbours are missing.
        """
        super().__init__()
        self.edges, self.normalised = edges, normalised
        if normalised:
            whole = np.bincount(edges.target.numpy(), weights, minlength=edges.target_count)
            weights = weights / np.where(whole > 0, whole, 1.0)[edges.target.numpy()]
        weights_ = torch.tensor(weights[:, None], dtype=torch.get_default_dtype())
        self.register_buffer("weights", weights_, persistent=False)

    def differences(self, values: Tensor) -> Tensor:
        """x_j − x_i of each edge."""
        return gather_sources(values[None], self.edges)[0] - gather_targets(values[None], self.edges)[0]

    def sources(self, values: Tensor) -> Tensor:
        """x_j of each edge."""
        return gather_sources(values[None], self.edges)[0]

    def means(self, values: Tensor, weights: Tensor) -> Tensor:
        """Σ_j w_ij v_ij, over Σ_j w_ij if the weights are normalised.

        Args:
            values: v of each edge.
            weights: those of `present`.
        """
        summed = segment_sum((weights * values)[None], self.edges)[0]
        if not self.normalised:
            return summed
        whole = segment_sum(weights[None], self.edges)[0]
        return summed / torch.where(whole > 0, whole, 1.0)

    def present(self, present: Tensor, *, both_ends: bool) -> tuple[Tensor, Tensor]:
        """Return the weights of the edges, 0 where a value is missing, and whether each node has any that counts.

        Args:
            present: whether there is a truth, shape `[node, column]`.
            both_ends: whether an edge needs the value at its target, too.
        """
        there = present.to(self.weights.dtype)
        weights = self.weights * self.sources(there)
        if both_ends:
            weights = weights * gather_targets(there[None], self.edges)[0]
        return weights, present & (segment_sum(weights[None], self.edges)[0] > 0)


def neighbourhood_of(space: LossSpace, neighbours: int | None, *, itself: bool, normalised: bool) -> Neighbourhood:
    """Make the neighbourhoods of the nodes of the data, in which each node counts alike.

    Args:
        space: what is compared.
        neighbours: how many of the nearest nodes; None: those to which edges of the graph lead.
        itself: whether a node is in its neighbourhood.
        normalised: whether the weights into a node add up to 1.

    Raises:
        ConfigError: there are not so many nodes, or the graph has no edges among the nodes of the data.
    """
    count = len(space.grid)
    source, target = _of_graph(space) if neighbours is None else _nearest(space, neighbours)
    others = source != target
    source, target = source[others], target[others]
    if itself:
        source, target = (np.concatenate([part, np.arange(count)]) for part in (source, target))
    order = np.lexsort((source, target))
    edges = EdgeIndex(source[order], target[order], count, count)
    return Neighbourhood(edges, np.ones(len(order)), normalised=normalised)


def _of_graph(space: LossSpace) -> tuple[Indices, Indices]:
    edges = space.graph.edges.get(("grid", "grid"))
    if edges is None:
        raise ConfigError(
            [Fault("neighbours", "the graph has no edges grid → grid")],
            fix="write the number of `neighbours`, or choose a graph builder that builds these edges",
        )
    return edges.source, edges.target


def _nearest(space: LossSpace, neighbours: int) -> tuple[Indices, Indices]:
    if neighbours >= len(space.grid):
        raise ConfigError(
            [Fault("neighbours", f"a node of {len(space.grid)} has fewer others, got {neighbours}")],
            fix="write a smaller number of `neighbours`",
        )
    pairs = nearest_nodes(unit_vectors(space.grid.latitudes, space.grid.longitudes), neighbours)
    return pairs.source, pairs.target
