"""The interaction network: messages on edges, sums into targets, an update of the targets.

With MLP_e on edges and MLP_n on nodes (Battaglia et al. 2016, arXiv:1612.00222; Lam et al. 2023, arXiv:2212.12794):

    e'_ij = e_ij + MLP_e[x_i ‖ x_j ‖ e_ij]        for each edge j → i
    a_i   = Σ_j e'_ij
    x'_i  = x_i + MLP_n[x_i ‖ a_i]
"""

__all__ = ["Interaction", "JoinedNetwork"]

from torch import Tensor, nn
from torch.nn import functional
from wxml.model.edges import EdgeIndex, join_edges, segment_sum

from wxml_processor_gnn.mlp import ACTIVATIONS, Activation, apply_to_rows, mlp


class JoinedNetwork(nn.Module):
    """MLP[x ‖ y ‖ …] of inputs that all have the same channels, without ever making the concatenation.

    The first layer is linear, W[x ‖ y ‖ …] + b = (W_x x + b) + W_y y + …, so whoever calls it takes the products where
    they are cheapest, on nodes rather than on edges, adds them up, and passes the sum on to `rest`. The parameters are
    those of the plain form: one weight `[channels, inputs · channels]` and one bias.
    """

    def __init__(self, inputs: int, channels: int, hidden_layers: int, activation: Activation) -> None:
        super().__init__()
        self.first = nn.Linear(inputs * channels, channels)
        after = mlp(channels, channels, channels, hidden_layers=hidden_layers - 1, activation=activation)
        self.rest = nn.Sequential(ACTIVATIONS[activation](), *after)

    def products(self, first: Tensor, *others: Tensor) -> list[Tensor]:
        """W_x x + b, W_y y, …: each input's share in the first layer, `[..., channel]` in and out."""
        own, *weights = self.first.weight.chunk(1 + len(others), dim=1)
        shares = (functional.linear(values, weight) for values, weight in zip(others, weights, strict=True))
        return [functional.linear(first, own, self.first.bias), *shares]


class Interaction(nn.Module):
    """One round of messages along the edges of a route or a mesh."""

    def __init__(self, channels: int, hidden_layers: int, activation: Activation) -> None:
        super().__init__()
        self.edge_network = JoinedNetwork(3, channels, hidden_layers, activation)
        self.node_network = JoinedNetwork(2, channels, hidden_layers, activation)

    def forward(self, target: Tensor, source: Tensor, edge: Tensor, edges: EdgeIndex) -> tuple[Tensor, Tensor]:
        """The updated targets and the updated edges.

        Args:
            target: shape `[batch, target_node, channel]`.
            source: shape `[batch, source_node, channel]`.
            edge: shape `[batch, edge, channel]` or, where it is the same for the whole batch, `[edge, channel]`.
            edges: which edges.
        """
        to_target, to_source, to_edge = self.edge_network.products(target, source, edge)
        joined = join_edges(to_target, to_source, to_edge, edges)
        edge = apply_to_rows(self.edge_network.rest, joined).add_(edge)  # a layer norm does not keep what it gave
        return self.update(target, segment_sum(edge, edges)), edge

    def update(self, nodes: Tensor, received: Tensor) -> Tensor:
        """The updated nodes, x + MLP_n[x ‖ a], from the nodes and what they received, all `[batch, node, channel]`."""
        own, other = self.node_network.products(nodes, received)
        updated: Tensor = nodes + self.node_network.rest(own + other)
        return updated
