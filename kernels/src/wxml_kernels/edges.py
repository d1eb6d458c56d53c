"""Gather, segment sum and segment softmax on edges that are sorted by target, forward and backward.

`EdgeIndex` sorts and builds every index once; a step builds none. The gradient of a gather is a segment sum and the
gradient of a segment sum is a gather, so both use the same two primitives: `index_select`, and `embedding_bag` as a sum
over CSR segments, which on a CPU is several times faster than `index_add` on the same edges and needs no temporary.
"""

__all__ = [
    "WORKING_SET",
    "EdgeIndex",
    "Edges",
    "Range",
    "csr_pointers",
    "gather_sources",
    "gather_targets",
    "join_edges",
    "segment_softmax",
    "segment_sum",
    "sum_range",
]

from typing import Any, NamedTuple, Protocol, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn
from torch.nn import functional

from wxml_kernels.memory_pool import is_real

WORKING_SET = 4 * 2**20
"""Bytes that a kernel touches for one range of edges. Products, two or three tensors at a time, then find them in the
caches, and a range is long enough to hide the cost of starting an operation; 2 MiB takes 10 % longer."""


class Edges(Protocol):
    """Directed edges that are sorted by target, such as an `EdgeSet` of wxml."""

    @property
    def source(self) -> NDArray[np.int64]:
        """The node that each edge starts at, shape `[edge]`."""

    @property
    def target(self) -> NDArray[np.int64]:
        """The node that each edge ends at, shape `[edge]`."""

    @property
    def source_count(self) -> int:
        """The number of source nodes."""

    @property
    def target_count(self) -> int:
        """The number of target nodes."""


class Range(NamedTuple):
    """Neighbouring targets and all edges into them."""

    targets: slice
    edges: slice


class _Folded(NamedTuple):
    """Indices into arrays whose batch axis is folded into the node axis or the edge axis."""

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
    """The edges of a graph for the kernels: buffers that move with a model and are not saved with it.

    Edges may join two sets of nodes or one set to itself. Node numbers start at 0 in each set.

    >>> edges = EdgeIndex([0, 1, 1], [0, 0, 2], source_count=2, target_count=3)
    >>> edges.pointers
    tensor([0, 2, 2, 3])

    Args:
        source: the node that each edge starts at, shape `[edge]`: a list, an array or a tensor on the CPU.
        target: the node that each edge ends at, shape `[edge]`; it never decreases.
        source_count: the number of source nodes.
        target_count: the number of target nodes.

    Raises:
        ValueError: the arrays differ in shape, hold other values than integers or numbers of no node, or `target`
            decreases.
    """

    source: Tensor
    target: Tensor
    pointers: Tensor
    """CSR pointers: the edges into node i are `pointers[i]:pointers[i + 1]`; shape `[target_node + 1]`."""
    transpose: Tensor
    """The permutation that sorts the edges by source, shape `[edge]`."""
    source_pointers: Tensor
    """CSR pointers into `transpose`: the edges out of node j; shape `[source_node + 1]`."""

    def __init__(self, source: ArrayLike, target: ArrayLike, source_count: int, target_count: int) -> None:
        super().__init__()
        source, target = _node_numbers("source", source, source_count), _node_numbers("target", target, target_count)
        if source.shape != target.shape:
            raise ValueError(f"`source` and `target` must have the same length, got {len(source)} and {len(target)}")
        if len(target) and (falls := np.flatnonzero(np.diff(target) < 0)).size:
            first = int(falls[0])
            raise ValueError(
                f"`target` must never decrease, got {target[first]} and then {target[first + 1]} at edge {first + 1}; "
                "sort source, target and the features of the edges by np.argsort(target, kind='stable')"
            )
        self.source_count, self.target_count, self.edge_count = source_count, target_count, len(source)
        self._pointers = csr_pointers(target, target_count)  # for Python as well: a loop over ranges reads no tensor
        for name, index in (
            ("source", source),
            ("target", target),
            ("pointers", self._pointers),
            ("transpose", np.argsort(source, kind="stable")),
            ("source_pointers", csr_pointers(source, source_count)),
        ):
            self.register_buffer(name, torch.tensor(index, dtype=torch.int64), persistent=False)
        self._folded: dict[tuple[int, torch.device], _Folded] = {}
        self._ranges: dict[int, tuple[Range, ...]] = {}

    @classmethod
    def of(cls, edges: Edges) -> Self:
        """The index of an object with `source`, `target`, `source_count` and `target_count`."""
        return cls(edges.source, edges.target, edges.source_count, edges.target_count)

    def ranges(self, bytes_per_edge: int, budget: int = WORKING_SET) -> tuple[Range, ...]:
        """The targets in ranges whose edges fit the budget, in order; a target with more edges is a range of its own.

        A range holds every edge into its targets, so a sum or a softmax over the edges into a target is complete in
        one range, and walking over ranges changes no result but the order of sums over all edges.

        Args:
            bytes_per_edge: bytes that a kernel reads and writes for one edge.
            budget: bytes for the edges of one range.
        """
        most = max(1, budget // max(1, bytes_per_edge))
        if most not in self._ranges:
            found, first, before = [], 0, self._pointers
            while first < self.target_count:
                fitting = int(np.searchsorted(before, before[first] + most, side="right")) - 1
                last = max(first + 1, fitting)
                found.append(Range(slice(first, last), slice(int(before[first]), int(before[last]))))
                first = last
            self._ranges[most] = tuple(found)
        return self._ranges[most]

    def folded(self, batch: int) -> _Folded:
        """The indices for `batch` items; made once for each batch size and device."""
        key = (batch, self.source.device)
        if key in self._folded:
            return self._folded[key]
        with torch.inference_mode(False):  # a forecast may make them, and training uses them afterwards
            items = torch.arange(batch, device=self.source.device)[:, None]
            edges = torch.arange(batch * self.edge_count + 1, device=self.source.device)
            source = (self.source + items * self.source_count).reshape(-1)  # [batch · edge]
            target = (self.target + items * self.target_count).reshape(-1)
            pointers, source_pointers = (
                torch.cat([(one[:-1] + items * self.edge_count).reshape(-1), edges[-1:]])  # [batch · node + 1]
                for one in (self.pointers, self.source_pointers)
            )
            transpose = (self.transpose + items * self.edge_count).reshape(-1)
            ends = torch.stack([source, target + batch * self.source_count], dim=1).reshape(-1)  # [batch · edge · 2]
            folded = _Folded(source, target, edges[:-1], pointers, transpose, source_pointers, ends, 2 * edges)
        if is_real(folded.order) or torch.compiler.is_compiling():  # indices without values serve a planner alone
            self._folded[key] = folded
        return folded


def _node_numbers(name: str, index: ArrayLike, count: int) -> NDArray[np.int64]:
    """`index` as node numbers below `count`; a ValueError names the parameter `name`."""
    numbers = np.asarray(index)
    if numbers.ndim != 1 or (numbers.size and numbers.dtype.kind not in "iu"):
        raise ValueError(
            f"`{name}` must be integers of the shape [edge], got {numbers.dtype} of the shape {list(numbers.shape)}"
        )
    if numbers.size and (numbers.min() < 0 or numbers.max() >= count):
        raise ValueError(
            f"`{name}` must be node numbers from 0 to {count - 1} (`{name}_count` is {count}), "
            f"got {numbers.min()} to {numbers.max()}"
        )
    return numbers.astype(np.int64)


def csr_pointers(index: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """CSR pointers of a sorted index: the places of node i are `pointers[i]:pointers[i + 1]`; shape `[count + 1]`."""
    return np.concatenate([[0], np.cumsum(np.bincount(index, minlength=count))]).astype(np.int64)


def _select(values: Tensor, index: Tensor) -> Tensor:
    """Rows of `[batch, row, channel]` by folded index, the same number for each item of the batch."""
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


class _Gather(torch.autograd.Function):
    """Selects the rows `index`; the gradient is a sum over the CSR segments that select the same rows."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, index: Tensor, segments: tuple[Tensor, Tensor]) -> Tensor:
        ctx.segments = segments
        return _select(values, index)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        return _sum(grads[0], *ctx.segments), None, None


def gather_sources(values: Tensor, edges: EdgeIndex) -> Tensor:
    """The value of each edge's source: `[batch, source_node, channel]` to `[batch, edge, channel]`.

    >>> edges = EdgeIndex([0, 1, 1], [0, 0, 2], source_count=2, target_count=3)
    >>> gather_sources(torch.tensor([[[5.0], [7.0]]]), edges).flatten()
    tensor([5., 7., 7.])
    """
    index = edges.folded(len(values))
    segments = index.transpose, index.source_pointers
    out: Tensor = _Gather.apply(values, index.source, segments)  # type: ignore[no-untyped-call]
    return out


def gather_targets(values: Tensor, edges: EdgeIndex) -> Tensor:
    """The value of each edge's target: `[batch, target_node, channel]` to `[batch, edge, channel]`.

    >>> edges = EdgeIndex([0, 1, 1], [0, 0, 2], source_count=2, target_count=3)
    >>> gather_targets(torch.tensor([[[1.0], [2.0], [3.0]]]), edges).flatten()
    tensor([1., 1., 3.])
    """
    index = edges.folded(len(values))
    out: Tensor = _Gather.apply(values, index.target, (index.order, index.pointers))  # type: ignore[no-untyped-call]
    return out


class _SegmentSum(torch.autograd.Function):
    """Sums the edges into each target; the gradient gathers from the targets."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, index: _Folded) -> Tensor:
        ctx.index = index
        return _sum(values, index.order, index.pointers)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        return _select(grads[0], ctx.index.target), None


def segment_sum(values: Tensor, edges: EdgeIndex) -> Tensor:
    """The sum over the edges into each target: `[batch, edge, channel]` to `[batch, target_node, channel]`.

    >>> edges = EdgeIndex([0, 1, 1], [0, 0, 2], source_count=2, target_count=3)
    >>> segment_sum(torch.tensor([[[1.0], [2.0], [4.0]]]), edges).flatten()
    tensor([3., 0., 4.])
    """
    index = edges.folded(len(values))
    out: Tensor = _SegmentSum.apply(values, index)  # type: ignore[no-untyped-call]
    return out


def segment_softmax(logits: Tensor, edges: EdgeIndex) -> Tensor:
    """The softmax over the edges into each target, `[batch, edge, head]` in and out.

    Each target's greatest logit is subtracted first, so that large logits neither overflow nor vanish.

    >>> edges = EdgeIndex([0, 1, 1], [0, 0, 2], source_count=2, target_count=3)
    >>> segment_softmax(torch.zeros(1, 3, 1), edges).flatten()
    tensor([0.5000, 0.5000, 1.0000])
    """
    index = edges.target[None, :, None].expand_as(logits)
    shape = (len(logits), edges.target_count, logits.shape[-1])
    greatest = logits.new_full(shape, -torch.inf).scatter_reduce(1, index, logits.detach(), "amax")
    weights = torch.exp(logits - gather_targets(greatest, edges))
    return weights / gather_targets(segment_sum(weights, edges), edges)


class _JoinEdges(torch.autograd.Function):
    """`join_edges`; the gradient of nodes is a sum over their edges."""

    @staticmethod
    def forward(ctx: Any, target: Tensor, source: Tensor, edge: Tensor, index: _Folded) -> Tensor:
        ctx.index, ctx.edge_is_shared = index, edge.ndim == 2
        ends = torch.cat([source.flatten(0, 1), target.flatten(0, 1)])
        joined = _sum(ends[None], index.ends, index.end_pointers)  # one pass; two selects need twice the memory
        joined = joined.view(len(target), len(index.order) // len(target), source.shape[-1])
        joined += edge
        return joined

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,), index = grads, ctx.index
        grad_target = _sum(grad, index.order, index.pointers)
        grad_source = _sum(grad, index.transpose, index.source_pointers)
        return grad_target, grad_source, grad.sum(0) if ctx.edge_is_shared else grad, None


def join_edges(target: Tensor, source: Tensor, edge: Tensor, edges: EdgeIndex) -> Tensor:
    """`target[i] + source[j] + edge[ij]` for every edge j → i, in one tensor.

    Since W[x_i ‖ x_j ‖ e] = W_i x_i + W_j x_j + W_e e, this is the first layer of an edge network with its products of
    nodes taken once per node rather than once per edge.

    >>> edges = EdgeIndex([0, 1, 1], [0, 0, 2], source_count=2, target_count=3)
    >>> target, source = torch.tensor([[[1.0], [2.0], [3.0]]]), torch.tensor([[[10.0], [20.0]]])
    >>> join_edges(target, source, torch.zeros(3, 1), edges).flatten()
    tensor([11., 21., 23.])

    Args:
        target: shape `[batch, target_node, channel]`.
        source: shape `[batch, source_node, channel]`.
        edge: shape `[batch, edge, channel]`, or `[edge, channel]` if it is the same for the whole batch.
        edges: the edges.

    Returns:
        Shape `[batch, edge, channel]`.
    """
    out: Tensor = _JoinEdges.apply(target, source, edge, edges.folded(len(target)))  # type: ignore[no-untyped-call]
    return out


def sum_range(values: Tensor, edges: EdgeIndex, part: Range) -> Tensor:
    """The sum over the edges into each target of a range: `[edge, channel]` to `[target_node, channel]`.

    Without gradient: for kernels that walk over `EdgeIndex.ranges` and have a backward pass of their own.
    """
    count, targets = len(values), part.targets
    if not count:
        return values.new_zeros(targets.stop - targets.start, values.shape[-1])
    pointers = edges.pointers[targets.start : targets.stop + 1] - part.edges.start
    order = edges.folded(1).order[:count]
    summed, *_ = torch.embedding_bag(values, order, pointers, mode=0, include_last_offset=True)  # mode 0: sum
    return summed
