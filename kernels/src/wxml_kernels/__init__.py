"""Fast PyTorch kernels on the edges of a graph, on rows, and in windows of an order of nodes.

Everything public is here; the modules of this package are private. All kernels take and return plain tensors with the
batch in front, are differentiable, and run on any device: on a CPU by code of this library, elsewhere and under
`torch.compile` by the same sums in operations of torch.

Key types:

- `EdgeIndex`: the edges of a graph, from plain arrays. `gather_sources`, `gather_targets`, `segment_sum`,
  `segment_softmax` and `join_edges` work on it.
- `AttentionEdges`: an `EdgeIndex` with the dense blocks that `edge_attention` needs.
- `LayerStack`: the layers of a small network after its first product, for `edge_network` and `row_network`.
- `KeyWindow`: the keys that each query sees, for `window_attention`.
"""

from wxml_kernels.degree_blocks import AttentionEdges
from wxml_kernels.edges import EdgeIndex, gather_sources, gather_targets, join_edges, segment_softmax, segment_sum
from wxml_kernels.flex_windows import WindowBackend
from wxml_kernels.fused import BackendError, EdgeBackend
from wxml_kernels.graph_attention import edge_attention
from wxml_kernels.key_windows import KeyWindow
from wxml_kernels.layer_stack import Activation, LayerStack
from wxml_kernels.networks import edge_network, row_network
from wxml_kernels.windows import window_attention

__all__ = [
    "Activation",
    "AttentionEdges",
    "BackendError",
    "EdgeBackend",
    "EdgeIndex",
    "KeyWindow",
    "LayerStack",
    "WindowBackend",
    "edge_attention",
    "edge_network",
    "gather_sources",
    "gather_targets",
    "join_edges",
    "row_network",
    "segment_softmax",
    "segment_sum",
    "window_attention",
]
