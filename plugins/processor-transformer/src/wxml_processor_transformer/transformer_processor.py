"""TransformerProcessor: attention within a sliding window over the mesh nodes."""

__all__ = ["TransformerProcessor"]

from functools import partial
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from wxml import Mesh, Processor, ProcessorChannels, run_layers
from wxml_kernels import KeyWindow

from wxml_processor_transformer import options
from wxml_processor_transformer.attention import require_backend
from wxml_processor_transformer.node_order import node_order, reordered
from wxml_processor_transformer.rotary import rotary_pair
from wxml_processor_transformer.transformer_block import TransformerBlock


class TransformerProcessor(Processor):
    """Sliding-window transformer: a mesh node attends to those at most `window` places away in the node order.

    The edges of the mesh play no part. Formulas: `wxml_processor_transformer.transformer_block` and `.attention`.
    """

    takes_condition: ClassVar[bool] = True
    has_recompute_groups: ClassVar[bool] = True
    order: Tensor
    back: Tensor

    def __init__(
        self,
        mesh: Mesh,
        channels: ProcessorChannels,
        *,
        num_layers: options.NumLayers = 4,
        num_heads: options.NumHeads = 4,
        window: options.Window = 512,
        order: options.Order = "hilbert",
        position: options.Position = "none",
        mlp_ratio: options.MlpRatio = 4.0,
        mlp: options.Mlp = "mlp",
        activation: options.Activation = "gelu",
        qk_norm: options.QkNorm = False,
        dropout: options.AttentionDropout = 0.0,
        norm: options.Norm = "layer-norm",
        backend: options.Backend = "auto",
    ) -> None:
        super().__init__(mesh, channels)
        chosen = options.BlockOptions(num_heads, mlp_ratio, mlp, activation, qk_norm, dropout, norm, backend)
        blocks = (TransformerBlock(channels.hidden, chosen, channels.condition) for _ in range(num_layers))
        self.layers = nn.ModuleList(blocks)
        self.window = None if window is None else KeyWindow.among(len(mesh.nodes), window)
        require_backend(backend, self.window, dropout)
        permutation = node_order(mesh.nodes, order)
        self.register_buffer("order", torch.tensor(permutation), persistent=False)
        self.register_buffer("back", torch.tensor(np.argsort(permutation)), persistent=False)
        nodes = reordered(mesh.nodes, permutation), np.arange(len(permutation))
        self.rotary = rotary_pair(position, channels.hidden // num_heads, nodes, nodes)

    def forward(self, state: Tensor, condition: Tensor | None = None) -> Tensor:
        """The state after all blocks, which core takes as the update Δ.

        State, condition and Δ have the shape `[batch, mesh_node, channel]`, in the order of the mesh.
        """
        state = state.index_select(1, self.order)
        condition = None if condition is None else condition.index_select(1, self.order)

        def step(block: nn.Module, state: Tensor) -> tuple[Tensor]:
            return (block(state, self.window, self.rotary, condition),)

        steps = [partial(step, block) for block in self.layers]
        (state,) = run_layers(steps, (state,), self.recompute_groups)
        return state.index_select(1, self.back)
