"""A trial of the fused kernels on a device against torch's operations; where they differ, `auto` leaves them out."""

__all__ = ["fault_of_edge_kernels"]

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from wxml_kernels.degree_blocks import AttentionEdges
from wxml_kernels.fused import EdgeBackend, first_line
from wxml_kernels.graph_attention import edge_attention
from wxml_kernels.layer_stack import LayerStack
from wxml_kernels.networks import edge_network

NODES, EDGES, HEADS, WIDTH, FEATURES = 50, 300, 3, 24, 5
TOLERANCE = 2e-2
"""The largest difference over the largest value: products on a GPU may have the ten bits of TF32."""


def fault_of_edge_kernels(device: torch.device) -> str | None:
    """Run attention and a network on random edges in both forms, forward and backward; say what differs, or None."""
    forms: dict[str, Callable[[torch.device, EdgeBackend], list[Tensor]]] = {
        "attention along edges": _attention,
        "the network on edges": _network,
    }
    try:
        with torch.inference_mode(False), torch.enable_grad(), torch.autocast(device.type, enabled=False):
            for name, form in forms.items():
                for fused, plain in zip(form(device, "triton"), form(device, "blocks"), strict=True):
                    if not (fused - plain).abs().max() <= TOLERANCE * plain.abs().max():
                        return f"{name} gave other numbers by Triton in a trial"
    except Exception as error:  # noqa: BLE001  # compilers and drivers fail in many ways, and torch's operations remain
        return f"a trial of Triton failed: {type(error).__name__}: {first_line(error)}"
    return None


def _edges(device: torch.device) -> AttentionEdges:
    random = np.random.default_rng(0)
    source, target = random.integers(NODES, size=EDGES), np.sort(random.integers(NODES, size=EDGES))
    return AttentionEdges(source, target, NODES, NODES).to(device)


def _random(device: torch.device, *shapes: tuple[int, ...]) -> list[Tensor]:
    """Normal values that require a gradient, the same for every call; the generator of the process is left alone."""
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator).to(device).requires_grad_() for shape in shapes]


def _attention(device: torch.device, backend: EdgeBackend) -> list[Tensor]:
    """The output and the gradients of attention along edges."""
    edges, nodes = _edges(device), (2, NODES, HEADS * WIDTH)
    leaves = _random(device, nodes, nodes, nodes, (EDGES, FEATURES), (HEADS * WIDTH, FEATURES))
    query, key, value, features, weight = leaves
    out = edge_attention(query, key, value, edges.arranged(features), weight, edges, HEADS, backend=backend)
    return [out.detach(), *torch.autograd.grad(out.square().sum(), leaves)]


def _network(device: torch.device, backend: EdgeBackend) -> list[Tensor]:
    """The outputs and the gradients of a network on edges."""
    edges, c = _edges(device), HEADS * WIDTH
    leaves = _random(device, (2, NODES, c), (2, NODES, c), (EDGES, c), (c, c), (c, c), (c,), (c,), (c,))
    t, s, e, first, second, bias, gain, shift = leaves
    stack = LayerStack("silu", (second,), (bias,), (gain, shift))
    received, updated = edge_network((t, s), e, first, stack, edges, backend=backend)
    grads = torch.autograd.grad(received.square().mean() + updated.square().mean(), leaves)
    return [received.detach(), updated.detach(), *grads]
