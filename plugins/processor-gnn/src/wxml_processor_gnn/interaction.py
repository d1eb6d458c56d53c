"""The interaction network: messages on edges, sums into targets, an update of the targets.

With MLP_e on edges and MLP_n on nodes (Battaglia et al. 2016, arXiv:1612.00222; Lam et al. 2023, arXiv:2212.12794):

    e'_ij = e_ij + MLP_e[x_i ‖ x_j ‖ e_ij]        for each edge j → i
    a_i   = Σ_j e'_ij
    x'_i  = x_i + MLP_n[x_i ‖ a_i]
"""

__all__ = ["Interaction"]

from torch import Tensor, nn
from torch.nn import functional
from wxml import ConditionalLayerNorm
from wxml.errors import ConfigError, Fault
from wxml_kernels import BackendError, EdgeIndex, edge_network

from wxml_processor_gnn.mlp import Mlp, MlpOptions


class Interaction(nn.Module):
    """One round of messages along the edges of a route or a mesh.

    The first layer of MLP_e is linear, W[x_i ‖ x_j ‖ e] + b = (W_i x_i + b) + W_j x_j + W_e e, so two of its three
    products are taken once per node rather than once per edge. The weights are those of the plain form.
    """

    def __init__(
        self, channels: int, options: MlpOptions, condition_channels: int = 0, *, keeps_edges: bool = True
    ) -> None:
        super().__init__()
        conditional = ConditionalLayerNorm(channels, condition_channels) if condition_channels else None
        self.edge_network = Mlp(3 * channels, channels, channels, options, nn.LayerNorm(channels))
        self.node_network = Mlp(2 * channels, channels, channels, options, conditional or nn.LayerNorm(channels))
        self.keeps_edges = keeps_edges

    def forward(
        self, target: Tensor, source: Tensor, edge: Tensor, edges: EdgeIndex, condition: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """The updated targets, and the updated edges; with `keeps_edges=False`, `edge` in their place.

        Args:
            target: shape `[batch, target_node, channel]`.
            source: shape `[batch, source_node, channel]`.
            edge: shape `[batch, edge, channel]` or, if it is the same for the whole batch, `[edge, channel]`.
            edges: the edges of the route or the mesh.
            condition: shape `[batch, target_node, condition channel]`.

        Raises:
            ConfigError: the backend cannot run on the device of the target.
        """
        own, other, on_edge = self.edge_network.first.weight.chunk(3, dim=1)
        options, bias = self.edge_network.options, self.edge_network.first.bias
        dtype = options.products or target.dtype
        to_target = functional.linear(target.to(dtype), own.to(dtype), bias.to(dtype))
        dtype = options.products or source.dtype
        to_source = functional.linear(source.to(dtype), other.to(dtype))
        try:
            received, edge = edge_network(
                (to_target, to_source),
                edge,
                on_edge,
                self.edge_network.stack,
                edges,
                dtype=options.products,
                keeps_edges=self.keeps_edges,
                recompute=options.recompute,
                backend=options.backend,
            )
        except BackendError as error:
            raise ConfigError([Fault("backend", str(error))], fix="use `backend: auto`: the same numbers") from error
        return self.node_network(target, received, residual=True, condition=condition), edge
