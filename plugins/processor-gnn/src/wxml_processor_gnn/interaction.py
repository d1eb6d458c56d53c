"""The interaction network: messages on edges, sums into targets, an update of the targets.

With MLP_e on edges and MLP_n on nodes (Battaglia et al. 2016, arXiv:1612.00222; Lam et al. 2023, arXiv:2212.12794):

    e'_ij = e_ij + MLP_e[x_i ‖ x_j ‖ e_ij]        for each edge j → i
    a_i   = Σ_j e'_ij
    x'_i  = x_i + MLP_n[x_i ‖ a_i]
"""

__all__ = ["EdgeNetwork", "Interaction", "NodeNetwork"]

from torch import Tensor, nn
from torch.nn import functional
from wxml.model.edges import EdgeIndex, join_edges, segment_sum

from wxml_processor_gnn.mlp import ACTIVATIONS, Activation, mlp


class EdgeNetwork(nn.Module):
    """MLP_e[x_i ‖ x_j ‖ e_ij], without ever making the concatenation.

    The first layer is linear, W[x_i ‖ x_j ‖ e] = W_i x_i + W_j x_j + W_e e, so that its products over nodes are done once
    per node. The parameters are those of the plain form: one weight `[channels, 3 · channels]` and one bias.
    """

    def __init__(self, channels: int, hidden_layers: int, activation: Activation) -> None:
        super().__init__()
        self.first = nn.Linear(3 * channels, channels)
        self.activation = ACTIVATIONS[activation]()
        self.rest = mlp(channels, channels, channels, hidden_layers=hidden_layers - 1, activation=activation)

    def forward(self, target: Tensor, source: Tensor, edge: Tensor, edges: EdgeIndex) -> Tensor:
        """Messages, shape `[batch, edge, channel]`; see `wxml.model.edges.join_edges` for the arguments."""
        to_target, to_source, to_edge = self.first.weight.chunk(3, dim=1)
        joined = join_edges(
            functional.linear(target, to_target, self.first.bias),
            functional.linear(source, to_source),
            functional.linear(edge, to_edge),
            edges,
        )
        messages: Tensor = self.rest(self.activation(joined))
        return messages


class NodeNetwork(nn.Module):
    """x + MLP_n[x ‖ a]."""

    def __init__(self, channels: int, hidden_layers: int, activation: Activation) -> None:
        super().__init__()
        self.first = nn.Linear(2 * channels, channels)
        self.activation = ACTIVATIONS[activation]()
        self.rest = mlp(channels, channels, channels, hidden_layers=hidden_layers - 1, activation=activation)

    def forward(self, nodes: Tensor, received: Tensor) -> Tensor:
        """Updated nodes from the nodes and what they received, all `[batch, node, channel]`."""
        own, other = self.first.weight.chunk(2, dim=1)
        joined = functional.linear(nodes, own, self.first.bias) + functional.linear(received, other)
        updated: Tensor = nodes + self.rest(self.activation(joined))
        return updated


class Interaction(nn.Module):
    """One round of messages along the edges of a route or a mesh."""

    def __init__(self, channels: int, hidden_layers: int, activation: Activation) -> None:
        super().__init__()
        self.edge_network = EdgeNetwork(channels, hidden_layers, activation)
        self.node_network = NodeNetwork(channels, hidden_layers, activation)

    def forward(self, target: Tensor, source: Tensor, edge: Tensor, edges: EdgeIndex) -> tuple[Tensor, Tensor]:
        """The updated targets and the updated edges.

        Args:
            target: shape `[batch, target_node, channel]`.
            source: shape `[batch, source_node, channel]`.
            edge: shape `[batch, edge, channel]` or, where it is the same for the whole batch, `[edge, channel]`.
            edges: which edges.
        """
        edge = edge + self.edge_network(target, source, edge, edges)
        return self.node_network(target, segment_sum(edge, edges)), edge
