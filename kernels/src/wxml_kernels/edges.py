"""Kernels on edges that are sorted by target: gather, segment-sum, segment-softmax, forward and backward.

Nothing is sorted and no index is built in a step: the order of the edges, their CSR pointers and the transpose
permutation come from the `EdgeSet`. The backward pass of a gather is a segment sum and the other way round, so both use
the same two primitives: `index_select`, and `embedding_bag` as a sum over CSR segments, which on a CPU is several times
faster than `index_add` on the same edges and needs no temporary.
"""

__all__ = [
    "WORKING_SET",
    "EdgeIndex",
    "Range",
    "SortedEdges",
    "gather_sources",
    "gather_targets",
    "index_tensor",
    "join_edges",
    "segment_softmax",
    "segment_sum",
    "sum_range",
]

from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from wxml_kernels.reused_memory import is_real

WORKING_SET = 4 * 2**20
"""Bytes that a kernel touches for one range of edges. The products, two or three tensors at a time, then find theirs in
the caches, and the ranges are long enough to make what each operation costs to start small; 2 MiB takes 10 % longer."""


class SortedEdges(Protocol):
    """Directed edges that are sorted by target, as NumPy arrays of int64; wxml's `EdgeSet` is one."""

    @property
    def source(self) -> NDArray[np.int64]:
        """The node an edge starts at, shape `[edge]`."""

    @property
    def target(self) -> NDArray[np.int64]:
        """The node an edge ends at, shape `[edge]`; never falls."""

    @property
    def source_count(self) -> int:
        """How many source nodes there are."""

    @property
    def target_count(self) -> int:
        """How many target nodes there are."""

    @property
    def pointers(self) -> NDArray[np.int64]:
        """CSR pointers: the edges into node i are `pointers[i]:pointers[i + 1]`; shape `[target_node + 1]`."""

    @property
    def transpose(self) -> NDArray[np.int64]:
        """The permutation that sorts the edges by source, shape `[edge]`."""

    @property
    def source_pointers(self) -> NDArray[np.int64]:
        """CSR pointers into `transpose`: the edges out of node j; shape `[source_node + 1]`."""


def index_tensor(index: NDArray[np.int64]) -> Tensor:
    """Node or edge numbers as a tensor that shares no memory with them."""
    return torch.from_numpy(np.array(index, dtype=np.int64))


class Range(NamedTuple):
    """Some neighbouring targets and all the edges into them, of one item of the batch; the last ones are excluded."""

    first_target: int
    last_target: int
    first_edge: int
    last_edge: int


class _Indices(NamedTuple):
    """Indices into arrays whose batch and node axes (or batch and edge axes) are folded into one."""

    source: Tensor
    target: Tensor
    order: Tensor
    """0, 1, 2, …: the edges as they are, sorted by target."""
    pointers: Tensor
    transpose: Tensor
    source_pointers: Tensor
    ends: Tensor
    """Source and target of one edge after the other, in an array of all source nodes and then all target nodes."""
    end_pointers: Tensor
    """0, 2, 4, …: every edge has two ends."""


class EdgeIndex(nn.Module):
    """The indices of an edge set as buffers, which move with the model and are not saved with it."""

    source: Tensor
    target: Tensor
    pointers: Tensor
    transpose: Tensor
    source_pointers: Tensor

    def __init__(self, edges: SortedEdges) -> None:
        super().__init__()
        self.source_count, self.target_count, self.edge_count = (
            edges.source_count,
            edges.target_count,
            len(edges.source),
        )
        for name in ("source", "target", "pointers", "transpose", "source_pointers"):
            self.register_buffer(name, index_tensor(getattr(edges, name)), persistent=False)
        self._folded: dict[tuple[int, torch.device], _Indices] = {}
        self._edges_before = edges.pointers  # known to Python as well: a loop over ranges reads no tensor
        self._ranges: dict[int, tuple[Range, ...]] = {}

    def ranges(self, bytes_per_edge: int, budget: int = WORKING_SET) -> tuple[Range, ...]:
        """The targets in ranges whose edges fit the budget, in order; a target with more edges is a range of its own.

        A range holds every edge into its targets, so a sum or a softmax over the edges into a target is complete in
        one range, and walking over ranges changes no result but the order of sums over all edges.

        Args:
            bytes_per_edge: what a kernel reads and writes for one edge.
            budget: bytes for the edges of one range.
        """
        most = max(1, budget // max(1, bytes_per_edge))
        if most not in self._ranges:
            self._ranges[most] = _ranges(self._edges_before, most)
        return self._ranges[most]

    def folded(self, batch: int) -> _Indices:
        """The indices for a batch of so many, made once per batch size and device."""
        key = (batch, self.source.device)
        if key in self._folded:
            return self._folded[key]
        with torch.inference_mode(False):  # made by a forecast, they serve training too
            folded = self._fold(batch)
        if is_real(folded.order) or torch.compiler.is_compiling():  # what a planner makes serves nobody else
            self._folded[key] = folded
        return folded

    def _fold(self, batch: int) -> _Indices:
        edges = batch * self.edge_count
        source = self._repeat(self.source, batch, self.source_count)
        target = self._repeat(self.target, batch, self.target_count)
        return _Indices(
            source,
            target,
            torch.arange(edges, device=self.source.device),
            self._repeat(self.pointers[:-1], batch, self.edge_count, last=edges),
            self._repeat(self.transpose, batch, self.edge_count),
            self._repeat(self.source_pointers[:-1], batch, self.edge_count, last=edges),
            torch.stack([source, target + batch * self.source_count], dim=1).reshape(-1),
            2 * torch.arange(edges + 1, device=source.device),
        )

    @staticmethod
    def _repeat(index: Tensor, batch: int, stride: int, last: int | None = None) -> Tensor:
        offsets = torch.arange(batch, device=index.device) * stride
        flat = (index + offsets[:, None]).reshape(-1)
        return flat if last is None else torch.cat([flat, flat.new_tensor([last])])


def _ranges(edges_before: NDArray[np.int64], most: int) -> tuple[Range, ...]:
    """As many targets as have `most` edges together, then the next ones."""
    found, first, targets = [], 0, len(edges_before) - 1
    while first < targets:
        fitting = int(np.searchsorted(edges_before, edges_before[first] + most, side="right")) - 1
        last = max(first + 1, fitting)
        found.append(Range(first, last, int(edges_before[first]), int(edges_before[last])))
        first = last
    return tuple(found)


def _select(values: Tensor, index: Tensor) -> Tensor:
    """Rows of `[batch, row, channel]` by folded index, as many for each item of the batch."""
    batch, _, channels = values.shape
    return values.reshape(-1, channels).index_select(0, index).view(batch, len(index) // batch, channels)


def _sum(values: Tensor, index: Tensor, pointers: Tensor) -> Tensor:
    """Sums of the selected rows over CSR segments: `[batch, row, channel]` to `[batch, segment, channel]`."""
    batch, _, channels = values.shape
    segments = len(pointers) - 1
    if not len(index):
        return values.new_zeros(batch, segments // batch, channels)
    rows = values.reshape(-1, channels)
    summed = functional.embedding_bag(index, rows, pointers, mode="sum", include_last_offset=True)
    return summed.view(batch, segments // batch, channels)


def _sum_into_targets(values: Tensor, index: _Indices) -> Tensor:
    return _sum(values, index.order, index.pointers)


def _sum_into_sources(values: Tensor, index: _Indices) -> Tensor:
    return _sum(values, index.transpose, index.source_pointers)


class _GatherSources(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, index: _Indices) -> Tensor:
        ctx.index = index
        return _select(values, index.source)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return _sum_into_sources(grads[0], ctx.index), None


class _GatherTargets(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, index: _Indices) -> Tensor:
        ctx.index = index
        return _select(values, index.target)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return _sum_into_targets(grads[0], ctx.index), None


class _SegmentSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, index: _Indices) -> Tensor:
        ctx.index = index
        return _sum_into_targets(values, index)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return _select(grads[0], ctx.index.target), None


class _JoinEdges(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, target: Tensor, source: Tensor, edge: Tensor, index: _Indices) -> Tensor:
        ctx.index, ctx.edge_is_shared = index, edge.ndim == 2
        ends = torch.cat([source.flatten(0, 1), target.flatten(0, 1)])
        joined = _sum(ends[None], index.ends, index.end_pointers)  # one pass, where two selects need twice the memory
        joined = joined.view(len(target), len(index.order) // len(target), source.shape[-1])
        joined += edge
        return joined

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        (grad,) = grads
        to_edge = grad.sum(0) if ctx.edge_is_shared else grad
        return _sum_into_targets(grad, ctx.index), _sum_into_sources(grad, ctx.index), to_edge, None


def gather_sources(values: Tensor, edges: EdgeIndex) -> Tensor:
    """The value of each edge's source: `[batch, source_node, channel]` to `[batch, edge, channel]`."""
    out: Tensor = _GatherSources.apply(values, edges.folded(len(values)))  # type: ignore[no-untyped-call]
    return out


def gather_targets(values: Tensor, edges: EdgeIndex) -> Tensor:
    """The value of each edge's target: `[batch, target_node, channel]` to `[batch, edge, channel]`."""
    out: Tensor = _GatherTargets.apply(values, edges.folded(len(values)))  # type: ignore[no-untyped-call]
    return out


def segment_sum(values: Tensor, edges: EdgeIndex) -> Tensor:
    """The sum over the edges into each target: `[batch, edge, channel]` to `[batch, target_node, channel]`."""
    out: Tensor = _SegmentSum.apply(values, edges.folded(len(values)))  # type: ignore[no-untyped-call]
    return out


def join_edges(target: Tensor, source: Tensor, edge: Tensor, edges: EdgeIndex) -> Tensor:
    """`target[i] + source[j] + edge[ij]` for every edge j → i, in one tensor.

    With W[x_i ‖ x_j ‖ e] = W_i x_i + W_j x_j + W_e e this is the first layer of an edge network whose products over
    nodes are done once per node rather than once per edge.

    Args:
        target: shape `[batch, target_node, channel]`.
        source: shape `[batch, source_node, channel]`.
        edge: shape `[batch, edge, channel]`, or `[edge, channel]` where it is the same for the whole batch.
        edges: which edges.

    Returns:
        Shape `[batch, edge, channel]`.
    """
    out: Tensor = _JoinEdges.apply(target, source, edge, edges.folded(len(target)))  # type: ignore[no-untyped-call]
    return out


def sum_range(values: Tensor, edges: EdgeIndex, part: Range) -> Tensor:
    """The sum over the edges into each target of a range: `[edge, channel]` to `[target_node, channel]`.

    Without gradient: for kernels that walk over `EdgeIndex.ranges` and have a backward pass of their own.
    """
    targets, count = part.last_target - part.first_target, len(values)
    if not count:
        return values.new_zeros(targets, values.shape[-1])
    pointers = edges.pointers[part.first_target : part.last_target + 1] - part.first_edge
    order = torch.arange(count, device=values.device)
    return functional.embedding_bag(order, values, pointers, mode="sum", include_last_offset=True)


def segment_softmax(logits: Tensor, edges: EdgeIndex) -> Tensor:
    """The softmax over the edges into each target, `[batch, edge, head]` in and out.

    Each target's greatest logit is subtracted first, so that large logits neither overflow nor vanish.
    """
    index = edges.target[None, :, None].expand_as(logits)
    shape = (len(logits), edges.target_count, logits.shape[-1])
    greatest = logits.new_full(shape, -torch.inf).scatter_reduce(1, index, logits.detach(), "amax")
    weights = torch.exp(logits - gather_targets(greatest, edges))
    return weights / gather_targets(segment_sum(weights, edges), edges)
