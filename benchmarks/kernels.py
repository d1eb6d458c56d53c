"""Each public kernel of wxml-kernels beside the plain composition of PyTorch that a user would write for it.

    python benchmarks/kernels.py [--quick] [--kernels …] [--threads 1] [--runs 7] [--output docs/benchmarks]

Needs torch and wxml-kernels alone. The plain compositions:

    gather_sources      index_select
    segment_sum         index_add
    segment_softmax     scatter_reduce (amax), exp, index_add, index_select
    join_edges          two index_select and two additions
    edge_network        cat of target, source and edge, an MLP of torch.nn, index_add
    row_network         cat of the inputs, an MLP of torch.nn
    edge_attention      index_select of queries, keys and values, a linear layer on edges, softmax as above, index_add
    window_attention    scaled_dot_product_attention with a mask [node, node]

Both sides of a kernel run in one process of their own, on the same inputs, and are compared first. Then the peak of the
resident memory is taken in the first run of each, and the processor time in pairs of runs, the first to go changing.
A ratio is the plain side's over the kernel's: above 1, the kernel is faster or leaner.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from bench.environments import environment, machine
from bench.memory import RESET, give_back_memory, resident_mib
from bench.report import OUTPUT, show, table, write_page
from torch import Tensor, nn
from torch.nn import functional
from wxml_kernels import (
    AttentionEdges,
    EdgeIndex,
    KeyWindow,
    LayerStack,
    edge_attention,
    edge_network,
    gather_sources,
    join_edges,
    row_network,
    segment_softmax,
    segment_sum,
    window_attention,
)

Function = Callable[..., Tensor]
FEATURES = 8


@dataclass(frozen=True)
class Sizes:
    """The sizes of the inputs; edges join random nodes."""

    nodes: int = 10_242
    edges: int = 81_840
    channels: int = 128
    heads: int = 16
    window: int = 512


QUICK = Sizes(nodes=642, edges=5_120, channels=32, heads=4, window=32)


@dataclass(frozen=True)
class Case:
    """A kernel, its plain form, and the inputs of both."""

    ours: Function
    plain: Function
    inputs: tuple[Tensor, ...]


def random(*shape: int) -> Tensor:
    """Normal values that require a gradient."""
    return torch.randn(*shape).requires_grad_()


def plain_softmax(logits: Tensor, target: Tensor, nodes: int) -> Tensor:
    """The softmax over the edges into each target, `[1, edge, head]`."""
    index, shape = target[None, :, None].expand_as(logits), (1, nodes, logits.shape[-1])
    top = logits.new_full(shape, -torch.inf).scatter_reduce(1, index, logits.detach(), "amax")
    weights = torch.exp(logits - top.index_select(1, target))
    return weights / weights.new_zeros(shape).index_add(1, target, weights).index_select(1, target)


def mlp(inputs: int, channels: int) -> nn.Sequential:
    """Two hidden layers and a layer norm."""
    layers = [nn.Linear(inputs, channels), nn.SiLU(), nn.Linear(channels, channels), nn.SiLU()]
    return nn.Sequential(*layers, nn.Linear(channels, channels), nn.LayerNorm(channels))


def stack_of(network: nn.Sequential) -> LayerStack:
    """The layers of an `mlp` behind its first one."""
    _, _, second, _, third, norm = network
    weights, biases = (second.weight, third.weight), (second.bias, third.bias)
    return LayerStack("silu", weights, biases, (norm.weight, norm.bias))  # type: ignore[arg-type]


def on_edges(name: str, size: Sizes) -> Case:
    """Gather, sum, softmax and join."""
    source, target, edges = random_edges(size)
    n, node, edge = size.nodes, random(1, size.nodes, size.channels), random(1, size.edges, size.channels)
    match name:
        case "gather_sources":
            return Case(lambda x: gather_sources(x, edges), lambda x: x.index_select(1, source), (node,))
        case "segment_sum":
            zeros = torch.zeros(1, n, size.channels)
            return Case(lambda e: segment_sum(e, edges), lambda e: zeros.index_add(1, target, e), (edge,))
        case "segment_softmax":
            logits = random(1, size.edges, size.heads)
            return Case(lambda e: segment_softmax(e, edges), lambda e: plain_softmax(e, target, n), (logits,))
    inputs = (node, random(1, n, size.channels), edge)

    def plain(t: Tensor, s: Tensor, e: Tensor) -> Tensor:
        return t.index_select(1, target) + s.index_select(1, source) + e

    return Case(lambda t, s, e: join_edges(t, s, e, edges), plain, inputs)


def networks(name: str, size: Sizes) -> Case:
    """An MLP on edges and its sums into targets, and one on nodes, both with a residual."""
    (source, target, edges), c, n = random_edges(size), size.channels, size.nodes
    network = mlp(3 * c if name == "edge_network" else 2 * c, c)
    parameters = tuple(network.parameters())
    first: nn.Linear = network[0]  # type: ignore[assignment]

    def ours_on_edges(x: Tensor, e: Tensor, *_: Tensor) -> Tensor:
        of_target, of_source, of_edge = first.weight.chunk(3, dim=1)
        nodes = functional.linear(x, of_target, first.bias), functional.linear(x, of_source)
        received, updated = edge_network(nodes, e, of_edge, stack_of(network), edges)
        return torch.cat([received, updated], 1)

    def plain_on_edges(x: Tensor, e: Tensor, *_: Tensor) -> Tensor:
        updated = e + network(torch.cat([x.index_select(1, target), x.index_select(1, source), e], -1))
        return torch.cat([torch.zeros_like(x).index_add(1, target, updated), updated], 1)

    def ours_on_rows(x: Tensor, y: Tensor, *_: Tensor) -> Tensor:
        return row_network((x, y), first.weight.chunk(2, dim=1), first.bias, stack_of(network), residual=True)

    def plain_on_rows(x: Tensor, y: Tensor, *_: Tensor) -> Tensor:
        return x + network(torch.cat([x, y], -1))

    if name == "edge_network":
        return Case(ours_on_edges, plain_on_edges, (random(1, n, c), random(1, size.edges, c), *parameters))
    return Case(ours_on_rows, plain_on_rows, (random(1, n, c), random(1, n, c), *parameters))


def along_edges(_: str, size: Sizes) -> Case:
    """Attention along edges."""
    source, target, _edges = random_edges(size)
    edges, n, c, heads = AttentionEdges(source, target, size.nodes, size.nodes), size.nodes, size.channels, size.heads

    def plain(q: Tensor, k: Tensor, v: Tensor, a: Tensor, w: Tensor) -> Tensor:
        e, shape = functional.linear(a, w), (1, size.edges, heads, c // heads)
        k, v = (k.index_select(1, source) + e).view(shape), (v.index_select(1, source) + e).view(shape)
        logits = (q.index_select(1, target).view(shape) * k).sum(-1) * (c // heads) ** -0.5
        weights = plain_softmax(logits, target, n)
        return torch.zeros_like(q).index_add(1, target, (weights.unsqueeze(-1) * v).flatten(2))

    def ours(q: Tensor, k: Tensor, v: Tensor, a: Tensor, w: Tensor) -> Tensor:
        return edge_attention(q, k, v, edges.arranged(a), w, edges, heads)

    return Case(ours, plain, (*(random(1, n, c) for _ in range(3)), random(size.edges, FEATURES), random(c, FEATURES)))


def in_windows(_: str, size: Sizes) -> Case:
    """Attention in windows."""
    window, place = KeyWindow.among(size.nodes, size.window), torch.arange(size.nodes)
    mask = (place[:, None] - place).abs() <= size.window
    inputs = tuple(random(1, size.heads, size.nodes, size.channels // size.heads) for _ in range(3))

    def plain(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)

    return Case(lambda q, k, v: window_attention(q, k, v, window), plain, inputs)


def random_edges(size: Sizes) -> tuple[Tensor, Tensor, EdgeIndex]:
    """Source and target of each edge, sorted by target, and their index."""
    source, target = torch.randint(size.nodes, (2, size.edges))
    target = target.sort().values
    return source, target, EdgeIndex(source, target, size.nodes, size.nodes)


KERNELS: dict[str, Callable[[str, Sizes], Case]] = {
    **dict.fromkeys(("gather_sources", "segment_sum", "segment_softmax", "join_edges"), on_edges),
    **dict.fromkeys(("edge_network", "row_network"), networks),
    "edge_attention": along_edges,
    "window_attention": in_windows,
}
PASSES = ("forward", "forward + backward")


def run(function: Function, inputs: tuple[Tensor, ...], which: str) -> None:
    """One pass; the gradients are those of the output's sum with fixed weights."""
    if which == "forward":
        with torch.no_grad():
            function(*inputs)
        return
    out = function(*inputs)
    torch.autograd.grad(out, inputs, torch.ones_like(out))


def peak_mib(work: Callable[[], None]) -> float:
    """The greatest rise of the resident memory during `work`."""
    give_back_memory()
    RESET.write_text("5")  # proc(5): the mark falls to what is resident now
    before = resident_mib()
    work()
    return resident_mib("VmHWM") - before


def measure(name: str, size: Sizes, runs: int) -> list[dict[str, Any]]:
    """One row for each pass of a kernel, in this process."""
    torch.manual_seed(0)
    case = KERNELS[name](name, size)
    with torch.no_grad():
        torch.testing.assert_close(case.ours(*case.inputs), case.plain(*case.inputs), rtol=1e-3, atol=1e-3)
    rows = []
    for which in PASSES:
        sides = [partial(run, function, case.inputs, which) for function in (case.ours, case.plain)]
        peaks = [peak_mib(side) for side in sides]
        pairs = []
        for number in range(runs):
            spent = [0.0, 0.0]
            for side in (0, 1) if number % 2 else (1, 0):
                start = time.process_time()
                sides[side]()
                spent[side] = time.process_time() - start
            pairs.append(spent)
        ours, plain = (1e3 * statistics.median(times) for times in zip(*pairs, strict=True))
        ratio = statistics.median(plain / ours for ours, plain in pairs)
        row = {"kernel": name, "pass": which, "ours_ms": round(ours, 2), "plain_ms": round(plain, 2)}
        memory = {"ours_mib": round(peaks[0]), "plain_mib": round(peaks[1])}
        rows.append({**row, "ratio": round(ratio, 2), **memory, "runs": runs})
    return rows


def page(rows: list[dict[str, Any]], size: Sizes) -> str:
    """The page of tables."""
    lines = [
        (r["kernel"], r["pass"], r["ours_ms"], r["plain_ms"], r["ratio"], r["ours_mib"], r["plain_mib"]) for r in rows
    ]
    header = ("kernel", "pass", "kernel ms", "plain ms", "ratio", "kernel MiB", "plain MiB")
    sizes = ", ".join(f"{value} {name}" for name, value in asdict(size).items())
    return (
        f"# The kernels beside plain PyTorch\n\n{machine()}; torch {torch.__version__}; float32; "
        f"threads: {torch.get_num_threads()}.\n{sizes}. Edges join random nodes.\n"
        "Processor time, medians; ratio: plain over kernel, the median over pairs of runs. MiB: by how much a first\n"
        "run raises the resident memory. The plain compositions: `benchmarks/kernels.py`.\n\n" + table(header, lines)
    )


def main() -> int:
    """Read the command line, measure each kernel in a process of its own, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small sizes")
    parser.add_argument("--kernels", nargs="+", choices=KERNELS, default=list(KERNELS))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    size = QUICK if options.quick else Sizes()
    torch.set_num_threads(options.threads)
    if options.here:
        for row in measure(options.kernels[0], size, options.runs):
            print(json.dumps(row))
        return 0
    rows: list[dict[str, Any]] = []
    for name in options.kernels:
        arguments = ["--kernels", name, "--threads", str(options.threads), "--runs", str(options.runs), "--here"]
        command = [sys.executable, __file__, *arguments, *(["--quick"] if options.quick else [])]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment(options.threads))
        for line in done.stdout.splitlines():
            show(json.loads(line), rows)
    write_page(options.output, "kernels", page(rows, size), rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
