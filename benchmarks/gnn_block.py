"""How long the GNN processor takes, against the plain form with concatenated inputs, and against anemoi-models.

    OMP_NUM_THREADS=1 python benchmarks/gnn_block.py [--nodes 10242] [--edges 81840] [--channels 128] [--layers 2]

The mesh is random with the counts of refinement 5; the activation is GELU, as in anemoi-models. Every line that it
prints is JSON:

- `processor`: median CPU milliseconds, forward (inference) and forward + backward, of ours and of the plain form with
  the same weights, run in turn in one process; the ratio is the median of the pairs' ratios, above 1 where ours is
  faster. Both give the same result, or it stops.
- `memory`: how far the resident memory rises above the model, its input and the mesh, each in a process of its own.
- `kernel`: the kernels on edges against `index_select` and `index_add_`, which know nothing of the edges' order.
- `peer`: where `WXML_PEERS` names an environment that can import anemoi-models, or this one can, its GNN processor of
  the same size on the same edges, in a process of its own, against ours in this one.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from bench.environments import peer_python
from torch import Tensor, nn

Work = Callable[[], object]


# The mesh and the processors on it


def random_mesh(options: argparse.Namespace) -> tuple[np.ndarray, np.ndarray]:
    """Sources and targets of distinct random edges, sorted by target."""
    random = np.random.default_rng(5)
    distinct = np.unique(random.integers(options.nodes**2, size=options.edges + options.edges // 10))
    pairs = np.sort(random.permutation(distinct)[: options.edges])
    return pairs % options.nodes, pairs // options.nodes


def our_processor(options: argparse.Namespace) -> nn.Module:
    """wxml's, made by a fixed seed."""
    from wxml.graphs.graph import EdgeSet, Mesh
    from wxml.graphs.node_set import NodeSet
    from wxml.model.processor import ProcessorChannels
    from wxml_processor_gnn.processor import GnnProcessor

    torch.manual_seed(0)
    random = np.random.default_rng(6)
    nodes = NodeSet(np.degrees(np.arcsin(random.uniform(-1, 1, options.nodes))), random.uniform(0, 360, options.nodes))
    edges = EdgeSet.between(nodes, nodes, *random_mesh(options))
    channels = ProcessorChannels(options.channels)
    return GnnProcessor(Mesh(nodes, edges), channels, num_layers=options.layers, activation="gelu")


class PlainProcessor(nn.Module):
    """The same sums with the same weights as people write them first: gather, concatenate, index_add."""

    def __init__(self, ours: nn.Module) -> None:
        super().__init__()
        self.embed_edges = nn.Sequential(*ours.embed_edges)
        self.edge_networks = nn.ModuleList(nn.Sequential(*layer.edge_network) for layer in ours.layers)
        self.node_networks = nn.ModuleList(nn.Sequential(*layer.node_network) for layer in ours.layers)
        self.features, self.source, self.target = ours.edge_features(), ours.edges.source, ours.edges.target

    def forward(self, state: Tensor) -> Tensor:
        """`[1, node, channel]` in and out."""
        x, edge = state[0], self.embed_edges(self.features)
        for on_edges, on_nodes in zip(self.edge_networks, self.node_networks, strict=True):
            joined = torch.cat([x.index_select(0, self.target), x.index_select(0, self.source), edge], dim=-1)
            edge = edge + on_edges(joined)
            received = torch.zeros_like(x).index_add_(0, self.target, edge)
            x = x + on_nodes(torch.cat([x, received], dim=-1))
        return x[None]


def processors(options: argparse.Namespace) -> dict[str, nn.Module]:
    """Ours and the plain one, which share their weights."""
    ours = our_processor(options)
    return {"ours": ours, "plain": PlainProcessor(ours)}


def state_of(options: argparse.Namespace) -> Tensor:
    """A random state with a gradient."""
    torch.manual_seed(1)
    return torch.randn(1, options.nodes, options.channels, requires_grad=True)


def inference(module: Callable[[Tensor], Tensor], state: Tensor) -> Work:
    """A forward pass without gradients."""

    def run() -> object:
        with torch.inference_mode():
            return module(state)

    return run


def training(module: nn.Module, state: Tensor) -> Work:
    """A forward and a backward pass."""

    def run() -> None:
        module.zero_grad()
        module(state).square().mean().backward()

    return run


PASSES = {"forward": inference, "forward + backward": training}


# Time and memory


def cpu_ms(work: Work) -> float:
    """CPU milliseconds of this process for one run."""
    start = time.process_time()
    work()
    return 1e3 * (time.process_time() - start)


def in_turn(ours: Work, other: Work, runs: int) -> dict[str, float]:
    """Medians of both after a run that does not count, and of the ratios of the runs that followed each other."""
    ours(), other()
    pairs = [(cpu_ms(ours), cpu_ms(other)) for _ in range(runs)]
    mine, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(second / first for first, second in pairs)
    return {"ours_ms": round(mine, 2), "other_ms": round(theirs, 2), "ratio": round(ratio, 2)}


def alone(work: Work, runs: int) -> float:
    """The median after a run that does not count."""
    work()
    return round(statistics.median(cpu_ms(work) for _ in range(runs)), 2)


def show(**line: object) -> None:
    """Print one line."""
    print(json.dumps(line), flush=True)


def compare_processors(options: argparse.Namespace) -> None:
    """The lines `processor`."""
    both, state = processors(options), state_of(options)
    with torch.no_grad():
        torch.testing.assert_close(both["ours"](state), both["plain"](state), rtol=1e-4, atol=1e-4)
    for name, make in PASSES.items():
        line = in_turn(make(both["ours"], state), make(both["plain"], state), options.runs)
        show(what="processor", run=name, other="plain", **line)


def resident_mib(what: str) -> float:
    """Resident memory of this process: `VmRSS` now, `VmHWM` at most so far (unlike ru_maxrss, not the parent's)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(what))


def one_memory(options: argparse.Namespace) -> None:
    """In a process of its own: MiB by which the peak rises above what was there before the pass."""
    module, state = processors(options)[options.who], state_of(options)
    before = resident_mib("VmRSS")
    PASSES[options.run](module, state)()
    show(mib=round(resident_mib("VmHWM") - before))


def compare_memory(options: argparse.Namespace) -> None:
    """The lines `memory`."""
    for run in PASSES:
        ours, plain = (
            float(in_process(sys.executable, options, "--who", who, "--run", run)["mib"])  # type: ignore[arg-type]
            for who in ("ours", "plain")
        )
        show(what="memory", run=run, other="plain", ours_mib=ours, other_mib=plain, ratio=round(plain / ours, 2))


# Kernels


def compare_kernels(options: argparse.Namespace) -> None:
    """The lines `kernel`."""
    from wxml_kernels import gather_sources, gather_targets, join_edges, segment_sum

    edges = our_processor(options).edges
    source, target = edges.source, edges.target
    nodes = state_of(options)
    edge = torch.randn(1, options.edges, options.channels, requires_grad=True)

    def plain_sum(values: Tensor) -> Tensor:
        return values.new_zeros(1, options.nodes, options.channels).index_add(1, target, values)

    def plain_join(values: Tensor) -> Tensor:
        return values.index_select(1, target) + values.index_select(1, source) + edge

    cases: dict[str, tuple[Tensor, Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
        "gather_sources": (nodes, lambda x: gather_sources(x, edges), lambda x: x.index_select(1, source)),
        "gather_targets": (nodes, lambda x: gather_targets(x, edges), lambda x: x.index_select(1, target)),
        "segment_sum": (edge, lambda x: segment_sum(x, edges), plain_sum),
        "join_edges": (nodes, lambda x: join_edges(x, x, edge, edges), plain_join),
    }
    for name, (values, ours, plain) in cases.items():
        torch.testing.assert_close(ours(values), plain(values))
        line = in_turn(inference(ours, values), inference(plain, values), 3 * options.runs)
        show(what="kernel", kernel=name, run="forward", **line)
        line = in_turn(gradient(ours, values), gradient(plain, values), 3 * options.runs)
        show(what="kernel", kernel=name, run="forward + backward", **line)


def gradient(kernel: Callable[[Tensor], Tensor], values: Tensor) -> Work:
    """A kernel and its gradient."""
    ones = torch.ones_like(kernel(values))

    def run() -> object:
        return torch.autograd.grad(kernel(values), values, ones)

    return run


# The peer


def peer_processor(options: argparse.Namespace) -> tuple[nn.Module, Callable[[Tensor], Tensor]]:
    """The GNN processor of anemoi-models as its own training config describes it, at our size; runs in its process."""
    from importlib.resources import files

    from anemoi.models.distributed.shapes import GraphShardInfo  # type: ignore[import-not-found]
    from hydra.utils import instantiate  # type: ignore[import-not-found]  # noqa: TID251  # how the peer makes it
    from omegaconf import OmegaConf

    model = OmegaConf.load(str(files("anemoi.training.config") / "model" / "gnn.yaml"))
    model.num_channels, model.processor.num_layers, model.processor.num_chunks = options.channels, options.layers, 1
    model.processor.gradient_checkpointing = False
    described = OmegaConf.to_container(OmegaConf.create({"model": model}), resolve=True)["model"]["processor"]
    processor = instantiate(described, _recursive_=False, edge_dim=3)
    index = torch.from_numpy(np.stack(random_mesh(options)))
    features = torch.randn(options.edges, 3)
    shards = GraphShardInfo(nodes=[options.nodes], edges=[options.edges])
    return processor, lambda state: processor(state[0], 1, shards, features, index)


def one_peer(options: argparse.Namespace) -> None:
    """In the peer's process: its medians."""
    processor, forward = peer_processor(options)
    state = state_of(options)

    def step() -> None:
        processor.zero_grad()
        forward(state).square().mean().backward()

    works = {"forward": inference(forward, state), "forward + backward": step}
    show(**{name: alone(work, options.runs) for name, work in works.items()})


def compare_peer(options: argparse.Namespace, python: str) -> None:
    """The lines `peer`."""
    ours, state = our_processor(options), state_of(options)
    theirs = in_process(python, options, "--who", "peer")
    for name, make in PASSES.items():
        mine, other = alone(make(ours, state), options.runs), float(theirs[name])  # type: ignore[arg-type]
        show(what="peer", run=name, other="anemoi-models", ours_ms=mine, other_ms=other, ratio=round(other / mine, 2))


# Processes and the command line


def in_process(python: str, options: argparse.Namespace, *arguments: str) -> dict[str, object]:
    """Run this file with an interpreter on one thread and return the line that it prints; stop where it fails."""
    sizes = [word for name in ("nodes", "edges", "channels", "layers", "runs") for word in size_of(options, name)]
    command = [python, str(Path(__file__).resolve()), *sizes, *arguments]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **threads})
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr[-1500:]}")
    line: dict[str, object] = json.loads(done.stdout.strip().splitlines()[-1])
    return line


def size_of(options: argparse.Namespace, name: str) -> tuple[str, str]:
    """An option as it is written on the command line."""
    return f"--{name}", str(getattr(options, name))


def parser() -> argparse.ArgumentParser:
    """The command line; what is suppressed is how this file calls itself."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("nodes", 10242), ("edges", 81840), ("channels", 128), ("layers", 2), ("runs", 5)):
        made.add_argument(f"--{name}", type=int, default=default)
    for name in ("--who", "--run"):
        made.add_argument(name, help=argparse.SUPPRESS)
    return made


def main() -> int:
    """Read the command line and run."""
    options = parser().parse_args()
    torch.set_num_threads(1)
    if options.who == "peer":
        one_peer(options)
    elif options.who:
        one_memory(options)
    else:
        sizes = {name: getattr(options, name) for name in ("nodes", "edges", "channels", "layers")}
        show(torch=torch.__version__, threads=torch.get_num_threads(), **sizes)
        compare_processors(options)
        compare_memory(options)
        compare_kernels(options)
        if python := peer_python():
            compare_peer(options, python)
    return 0


if __name__ == "__main__":
    sys.exit(main())
