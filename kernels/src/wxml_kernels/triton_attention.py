"""Attention along edges as three Triton kernels, for GPUs; `wxml_kernels.fused` says when they run.

With l_ij = s (q_i · k_j + p_i · a_ij) in each head, they compute

    o_i = Σ_j α_ij v_j,    r_i = Σ_j α_ij a_ij,    α_ij = softmax_j l_ij        over the edges j → i

in one pass over the edges of each target, with the softmax rescaled as it goes (Dao et al. 2022, arXiv:2205.14135).
With p_i = Wᵀ q_i this is `wxml_kernels.edge_attention`, whose output is o_i + W r_i. From g = ∂o and h = ∂r:

    ∂α_ij = g_i · v_j + h_i · a_ij          ∂l_ij = α_ij (∂α_ij - g_i · o_i - h_i · r_i)
    ∂q_i = s Σ_j ∂l_ij k_j    ∂p_i = s Σ_j ∂l_ij a_ij    ∂k_j = s Σ_i ∂l_ij q_i    ∂v_j = Σ_i α_ij g_i
    ∂a_ij = Σ_heads s ∂l_ij p_i + α_ij h_i

One program has one target (or, for ∂k and ∂v, one source) and adds up alone what belongs to it: no atomic operation, so
results repeat. The only tensors of the size of the edges are α and ∂l, one number for each edge and head.
"""

__all__ = ["attention_along_edges"]

import torch
import triton
import triton.language as tl
from torch import Tensor

from wxml_kernels.degree_blocks import AttentionEdges


@triton.jit
def _forward(
    q, k, v, a, p, spans, others, out, sums, lse, targets, sources, items,
    H: tl.constexpr, D: tl.constexpr, F: tl.constexpr,
    HP: tl.constexpr, DP: tl.constexpr, FP: tl.constexpr, SUM: tl.constexpr, SCALE: tl.constexpr,
):  # fmt: skip
    i, n = tl.program_id(0).to(tl.int64), tl.program_id(1).to(tl.int64)
    head, here = tl.arange(0, HP)[:, None], n * targets + i
    d, f = tl.arange(0, DP)[None, :], tl.arange(0, FP)[None, :]
    channel, in_c = head * D + d, (head < H) & (d < D)
    feature, in_f = head * F + f, (head < H) & (f < F)
    q_i = tl.load(q + here * (H * D) + channel, mask=in_c, other=0.0).to(SUM) * SCALE
    p_i = tl.load(p + here * (H * F) + feature, mask=in_f, other=0.0).to(SUM) * SCALE
    greatest = tl.full([HP], float("-inf"), dtype=SUM)
    total = tl.zeros([HP], dtype=SUM)
    o_i = tl.zeros([HP, DP], dtype=SUM)
    r_i = tl.zeros([HP, FP], dtype=SUM)
    first, last = tl.load(spans + 2 * i), tl.load(spans + 2 * i + 1)
    for e in range(first, last):
        there = (n * sources + tl.load(others + e)) * (H * D) + channel
        a_e = tl.load(a + (n * items + e) * F + f, mask=f < F, other=0.0).to(SUM)
        k_j = tl.load(k + there, mask=in_c, other=0.0).to(SUM)
        v_j = tl.load(v + there, mask=in_c, other=0.0).to(SUM)
        logit = tl.sum(q_i * k_j, 1) + tl.sum(p_i * a_e, 1)
        above = tl.maximum(greatest, logit)
        before, weight = tl.exp(greatest - above), tl.exp(logit - above)
        o_i = o_i * before[:, None] + weight[:, None] * v_j
        r_i = r_i * before[:, None] + weight[:, None] * a_e
        total, greatest = total * before + weight, above
    total = tl.where(total > 0, total, 1.0)
    tl.store(out + here * (H * D) + channel, o_i / total[:, None], mask=in_c)
    tl.store(sums + here * (H * F) + feature, r_i / total[:, None], mask=in_f)
    heads = tl.arange(0, HP)
    tl.store(lse + here * H + heads, greatest + tl.log(total), mask=heads < H)


@triton.jit
def _by_target(
    q, k, v, a, p, out, sums, lse, grad_out, grad_sums, spans, others,
    grad_q, grad_p, grad_a, alpha, grad_logits, targets, sources, edges, items,
    H: tl.constexpr, D: tl.constexpr, F: tl.constexpr,
    HP: tl.constexpr, DP: tl.constexpr, FP: tl.constexpr, SUM: tl.constexpr, SCALE: tl.constexpr, WITH_A: tl.constexpr,
):  # fmt: skip
    i, n = tl.program_id(0).to(tl.int64), tl.program_id(1).to(tl.int64)
    head, here = tl.arange(0, HP)[:, None], n * targets + i
    d, f = tl.arange(0, DP)[None, :], tl.arange(0, FP)[None, :]
    channel, in_c = head * D + d, (head < H) & (d < D)
    feature, in_f = head * F + f, (head < H) & (f < F)
    heads = tl.arange(0, HP)
    at_c, at_f = here * (H * D) + channel, here * (H * F) + feature
    q_i = tl.load(q + at_c, mask=in_c, other=0.0).to(SUM) * SCALE
    p_i = tl.load(p + at_f, mask=in_f, other=0.0).to(SUM) * SCALE
    g_i = tl.load(grad_out + at_c, mask=in_c, other=0.0).to(SUM)
    h_i = tl.load(grad_sums + at_f, mask=in_f, other=0.0).to(SUM)
    shift = tl.sum(g_i * tl.load(out + at_c, mask=in_c, other=0.0), 1)
    shift += tl.sum(h_i * tl.load(sums + at_f, mask=in_f, other=0.0), 1)
    lse_i = tl.load(lse + here * H + heads, mask=heads < H, other=0.0)
    grad_q_i = tl.zeros([HP, DP], dtype=SUM)
    grad_p_i = tl.zeros([HP, FP], dtype=SUM)
    first, last = tl.load(spans + 2 * i), tl.load(spans + 2 * i + 1)
    for e in range(first, last):
        there = (n * sources + tl.load(others + e)) * (H * D) + channel
        a_e = tl.load(a + (n * items + e) * F + f, mask=f < F, other=0.0).to(SUM)
        k_j = tl.load(k + there, mask=in_c, other=0.0).to(SUM)
        v_j = tl.load(v + there, mask=in_c, other=0.0).to(SUM)
        weight = tl.exp(tl.sum(q_i * k_j, 1) + tl.sum(p_i * a_e, 1) - lse_i)
        grad = weight * (tl.sum(g_i * v_j, 1) + tl.sum(h_i * a_e, 1) - shift)
        grad_q_i += grad[:, None] * k_j
        grad_p_i += grad[:, None] * a_e
        at_e = (n * edges + e) * H + heads
        tl.store(alpha + at_e, weight, mask=heads < H)
        tl.store(grad_logits + at_e, grad * SCALE, mask=heads < H)
        if WITH_A:
            grad_a_e = tl.sum(grad[:, None] * p_i + weight[:, None] * h_i, 0)
            features = tl.arange(0, FP)
            tl.store(grad_a + (n * edges + e) * F + features, grad_a_e, mask=features < F)
    tl.store(grad_q + at_c, grad_q_i * SCALE, mask=in_c)
    tl.store(grad_p + at_f, grad_p_i * SCALE, mask=in_f)


@triton.jit
def _by_source(
    q, grad_out, alpha, grad_logits, spans, others, into_target, grad_k, grad_v, targets, sources, edges,
    H: tl.constexpr, D: tl.constexpr, HP: tl.constexpr, DP: tl.constexpr, SUM: tl.constexpr,
):  # fmt: skip
    j, n = tl.program_id(0).to(tl.int64), tl.program_id(1).to(tl.int64)
    head, d = tl.arange(0, HP)[:, None], tl.arange(0, DP)[None, :]
    channel, in_c = head * D + d, (head < H) & (d < D)
    grad_k_j = tl.zeros([HP, DP], dtype=SUM)
    grad_v_j = tl.zeros([HP, DP], dtype=SUM)
    first, last = tl.load(spans + 2 * j), tl.load(spans + 2 * j + 1)
    for place in range(first, last):
        at_e = (n * edges + tl.load(into_target + place)) * H + head
        at_c = (n * targets + tl.load(others + place)) * (H * D) + channel
        grad = tl.load(grad_logits + at_e, mask=head < H, other=0.0)
        weight = tl.load(alpha + at_e, mask=head < H, other=0.0)
        grad_k_j += grad * tl.load(q + at_c, mask=in_c, other=0.0).to(SUM)
        grad_v_j += weight * tl.load(grad_out + at_c, mask=in_c, other=0.0).to(SUM)
    at = (n * sources + j) * (H * D) + channel
    tl.store(grad_k + at, grad_k_j, mask=in_c)
    tl.store(grad_v + at, grad_v_j, mask=in_c)


def attention_along_edges(
    q: Tensor, k: Tensor, v: Tensor, a: Tensor, p: Tensor, edges: AttentionEdges
) -> tuple[Tensor, Tensor]:
    """The sums o and r of the module's formula, differentiable once.

    Args:
        q: shape `[batch, target_node, head, head channel]`.
        k: shape `[batch, source_node, head, head channel]`, with the dtype of q.
        v: like `k`.
        a: as `AttentionEdges.arranged` gives them, shape `[edge, feature]` or `[batch, edge, feature]`.
        p: shape `[batch, target_node, head, feature]`.
        edges: the edges.

    Returns:
        o, shape of q, and r, shape of p, in float32 or, of float64, in float64; zero for a target without edges.
    """
    into, out_of = edges.by_target, edges.by_source
    indices = (into.spans, into.others, out_of.spans, out_of.others, edges.into_target)
    tensors = [tensor.contiguous() for tensor in (q, k, v, a, p)]
    out, sums, _ = _attention(*tensors, *indices)
    return out, sums


def _sizes(q: Tensor, features: int = 1) -> dict[str, object]:
    """The constants that a kernel is compiled for."""
    heads, width = q.shape[-2:]
    padded = {"HP": heads, "DP": width, "FP": features}
    return {
        "H": heads,
        "D": width,
        "F": features,
        **{name: triton.next_power_of_2(size) for name, size in padded.items()},
        "SUM": tl.float64 if q.dtype == torch.float64 else tl.float32,
        "SCALE": width**-0.5,
        "num_warps": max(1, min(8, triton.next_power_of_2(heads * width) // 256)),
    }


@torch.library.custom_op("wxml_kernels::triton_attention", mutates_args=())
def _attention(
    q: Tensor, k: Tensor, v: Tensor, a: Tensor, p: Tensor,
    spans: Tensor, others: Tensor, source_spans: Tensor, targets: Tensor, into_target: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    out, sums, lse = _outputs(q, p)
    if out.numel():
        items = a.shape[-2] if a.ndim == 3 else 0
        counts, sizes = (q.shape[1], k.shape[1], items), _sizes(q, a.shape[-1])
        with torch.cuda.device_of(q):  # Triton launches on the current device
            _forward[(q.shape[1], len(q))](q, k, v, a, p, spans, others, out, sums, lse, *counts, **sizes)
    return out, sums, lse


def _outputs(q: Tensor, p: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Memory for o, r and log Σ exp l, in the precision of sums."""
    wide = torch.promote_types(q.dtype, torch.float32)
    return q.new_empty(q.shape, dtype=wide), p.new_empty(p.shape, dtype=wide), q.new_empty(q.shape[:-1], dtype=wide)


@_attention.register_fake
def _(
    q: Tensor, k: Tensor, v: Tensor, a: Tensor, p: Tensor,
    spans: Tensor, others: Tensor, source_spans: Tensor, targets: Tensor, into_target: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    return _outputs(q, p)


@torch.library.custom_op("wxml_kernels::triton_attention_backward", mutates_args=())
def _gradients(
    grad_out: Tensor, grad_sums: Tensor, q: Tensor, k: Tensor, v: Tensor, a: Tensor, p: Tensor,
    out: Tensor, sums: Tensor, lse: Tensor,
    spans: Tensor, others: Tensor, source_spans: Tensor, targets: Tensor, into_target: Tensor, with_a: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    grads = _gradient_outputs(q, k, v, a, p, with_a)
    grad_q, grad_k, grad_v, grad_a, grad_p = grads
    counts = (q.shape[1], k.shape[1], a.shape[-2])
    alpha = out.new_empty(len(q), a.shape[-2], q.shape[2])
    grad_logits = torch.empty_like(alpha)
    sizes = _sizes(q, a.shape[-1])
    if grad_q.numel():
        items = a.shape[-2] if a.ndim == 3 else 0
        saved = (q, k, v, a, p, out, sums, lse, grad_out, grad_sums, spans, others)
        made = (grad_q, grad_p, grad_a, alpha, grad_logits)
        with torch.cuda.device_of(q):  # Triton launches on the current device
            _by_target[(q.shape[1], len(q))](*saved, *made, *counts, items, **sizes, WITH_A=with_a)
    if grad_k.numel():
        for unused in ("F", "FP", "SCALE"):
            del sizes[unused]
        arguments = (q, grad_out, alpha, grad_logits, source_spans, targets, into_target, grad_k, grad_v)
        with torch.cuda.device_of(q):  # Triton launches on the current device
            _by_source[(k.shape[1], len(k))](*arguments, *counts, **sizes)
    return grads


def _gradient_outputs(
    q: Tensor, k: Tensor, v: Tensor, a: Tensor, p: Tensor, with_a: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Memory for the gradients; that of a for each item of the batch, or nothing if nobody needs it."""
    grad_a = a.new_empty(len(q) if with_a else 0, *a.shape[-2:])
    return torch.empty_like(q), torch.empty_like(k), torch.empty_like(v), grad_a, torch.empty_like(p)


@_gradients.register_fake
def _(
    grad_out: Tensor, grad_sums: Tensor, q: Tensor, k: Tensor, v: Tensor, a: Tensor, p: Tensor,
    out: Tensor, sums: Tensor, lse: Tensor,
    spans: Tensor, others: Tensor, source_spans: Tensor, targets: Tensor, into_target: Tensor, with_a: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    return _gradient_outputs(q, k, v, a, p, with_a)


def _save_for_backward(ctx, inputs, output) -> None:
    tensors, indices = inputs[:5], inputs[5:]
    ctx.save_for_backward(*tensors, *output, *indices)


def _backward(ctx, grad_out, grad_sums, _grad_lse):
    q, k, v, a, p, out, sums, lse, *indices = ctx.saved_tensors
    grad_out, grad_sums = grad_out.contiguous(), grad_sums.contiguous()
    with_a = ctx.needs_input_grad[3]
    found = _gradients(grad_out, grad_sums, q, k, v, a, p, out, sums, lse, *indices, with_a)
    grad_q, grad_k, grad_v, grad_a, grad_p = found
    shared = with_a and a.ndim == 2
    return grad_q, grad_k, grad_v, (grad_a.sum(0) if shared else grad_a) if with_a else None, grad_p, *[None] * 5


_attention.register_autograd(_backward, setup_context=_save_for_backward)
