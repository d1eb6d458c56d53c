"""The backends of attention in windows, attention along edges and networks on edges, in turns on a GPU.

    python benchmarks/gpu_backends.py [--quick] [--rounds 20]

Each case prints one JSON line for each backend: milliseconds of a forward pass without gradients and of a forward and a
backward pass, medians over the rounds; the most memory that the latter takes beside its inputs; and the largest
difference of output and gradients from the form `blocks` in float32, over its largest value. A backend that cannot run
has a line that says why.

    window   blocks: scaled_dot_product_attention block by block; flex: FlexAttention; flash: flash_attn
    edges    blocks: operations of torch on all edges; compiled: the same by torch.compile; triton: fused kernels
    network  as `edges`

Without a GPU it says so, and times the one pair that a CPU has: `blocks` and `flex` in windows, forward, float32.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from wxml_kernels import AttentionEdges, KeyWindow, LayerStack, edge_attention, edge_network, window_attention

DEGREE, FEATURES = 8, 12
SIZES = [(10_242, 256, 8), (40_962, 256, 8), (40_962, 1024, 16)]
"""Nodes, channels, heads."""
WINDOW = 512
Form = Callable[..., tuple[Tensor, ...]]


@dataclass(frozen=True)
class Case:
    """A kernel at one size: its backends by name, and the inputs of all of them in float32."""

    name: str
    forms: dict[str, Form]
    inputs: list[Tensor]


def in_windows(nodes: int, channels: int, heads: int, device: str) -> Case:
    """Attention in windows."""
    window = KeyWindow.among(nodes, min(WINDOW, nodes // 4)).to(device)
    inputs = [torch.randn(1, heads, nodes, channels // heads, device=device) for _ in range(3)]

    def by(backend: Any) -> Form:
        return lambda q, k, v: (window_attention(q, k, v, window, backend=backend),)

    def flash(q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, ...]:
        from flash_attn import flash_attn_func

        q, k, v = (part.transpose(1, 2) for part in (q, k, v))
        return (flash_attn_func(q, k, v, window_size=(window.window, window.window)).transpose(1, 2),)

    return Case("window", {"blocks": by("blocks"), "flex": by("flex"), "flash": flash}, inputs)


def near_edges(nodes: int, device: str) -> AttentionEdges:
    """Eight edges into each node from nodes whose numbers are near."""
    target = np.repeat(np.arange(nodes), DEGREE)
    shift = np.random.default_rng(0).integers(-200, 200, len(target))
    return AttentionEdges((target + shift) % nodes, target, nodes, nodes).to(device)


def along_edges(nodes: int, channels: int, heads: int, device: str) -> Case:
    """Attention along edges."""
    edges = near_edges(nodes, device)
    shapes = *[(1, nodes, channels)] * 3, (nodes * DEGREE, FEATURES), (channels, FEATURES)
    inputs = [torch.randn(shape, device=device) for shape in shapes]

    def by(backend: Any) -> Form:
        return lambda q, k, v, a, w: (edge_attention(q, k, v, edges.arranged(a), w, edges, heads, backend=backend),)

    return Case("edges", {"blocks": by("blocks"), "compiled": compiled(by("blocks")), "triton": by("triton")}, inputs)


def on_edges(nodes: int, channels: int, heads: int, device: str) -> Case:
    """A network on edges, with two hidden layers and a layer norm."""
    edges, c = near_edges(nodes, device), channels
    shapes = (1, nodes, c), (1, nodes, c), (1, nodes * DEGREE, c), *[(c, c)] * 3, *[(c,)] * 4
    inputs = [torch.randn(shape, device=device) * c**-0.5 for shape in shapes]

    def by(backend: Any) -> Form:
        def form(*tensors: Tensor) -> tuple[Tensor, ...]:
            t, s, e, first, *weights = tensors
            stack = LayerStack("silu", tuple(weights[:2]), tuple(weights[2:4]), tuple(weights[4:]))
            return edge_network((t, s), e, first, stack, edges, backend=backend)

        return form

    forms = {"blocks": by("blocks"), "compiled": compiled(by("blocks")), "triton": by("triton")}
    return Case("network", forms, inputs)


def compiled(form: Form) -> Form:
    """A form by torch.compile."""
    torch.compiler.reset()
    made: Form = torch.compile(form, dynamic=False)
    return made


def gradients(form: Form, inputs: list[Tensor], half: bool) -> list[Tensor]:
    """Outputs and gradients, under autocast to bfloat16 if `half`."""
    leaves = [values.detach().requires_grad_() for values in inputs]
    outputs = run(form, leaves, half)
    total = torch.stack([out.float().square().mean() for out in outputs]).sum()
    return [*(out.detach() for out in outputs), *torch.autograd.grad(total, leaves)]


def run(form: Form, inputs: list[Tensor], half: bool) -> tuple[Tensor, ...]:
    """One forward pass; if `half`, what has a batch has half the bits, as behind a linear layer under autocast."""
    with torch.autocast(inputs[0].device.type, torch.bfloat16, enabled=half):
        return form(*(values.bfloat16() if half and values.ndim > 2 else values for values in inputs))


def milliseconds(work: Callable[[], object], rounds: int, device: str) -> float:
    """The median time of a call, until the device has done it."""
    taken = []
    for _ in range(rounds + 2):
        wait(device)
        start = time.perf_counter()
        work()
        wait(device)
        taken.append(1e3 * (time.perf_counter() - start))
    return round(statistics.median(taken[2:]), 3)


def wait(device: str) -> None:
    """Wait until the device has nothing to do."""
    if device == "cuda":
        torch.cuda.synchronize()


def measured(case: Case, half: bool, rounds: int) -> Iterator[dict[str, Any]]:
    """One line for each backend of a case."""
    expected = gradients(case.forms["blocks"], case.inputs, half=False)
    for backend, form in case.forms.items():
        line: dict[str, Any] = {"backend": backend, "dtype": "bfloat16" if half else "float32"}
        try:
            found = gradients(form, case.inputs, half)
            worst = max(float((a - b).abs().max() / b.abs().max()) for a, b in zip(found, expected, strict=True))
            with torch.no_grad():
                forward = milliseconds(lambda form=form: run(form, case.inputs, half), rounds, "cuda")
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
            both = milliseconds(lambda form=form: gradients(form, case.inputs, half), rounds, "cuda")
            peak = (torch.cuda.max_memory_allocated() - before) >> 20
            line |= {"forward_ms": forward, "both_ms": both, "peak_mib": peak, "difference": f"{worst:.1e}"}
        except Exception as error:  # noqa: BLE001  # a backend that is not there, or not for this dtype
            line["cannot"] = f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"
        yield line


def on_gpu(quick: bool, rounds: int) -> None:
    """All cases."""
    print(json.dumps({"device": torch.cuda.get_device_name(), "torch": torch.__version__}), flush=True)
    for size in [(642, 64, 4)] if quick else SIZES:
        for made in (in_windows, along_edges, on_edges):
            case = made(*size, "cuda")
            for half in (False, True):
                for line in measured(case, half, rounds):
                    sizes = dict(zip(("nodes", "channels", "heads"), size, strict=True))
                    print(json.dumps({"kernel": case.name, **sizes, **line}), flush=True)


def on_cpu(quick: bool, rounds: int) -> None:
    """Attention in windows, forward."""
    note = "no GPU: nothing below was timed on one; flex has no backward pass here, and triton does not run"
    print(json.dumps({"device": "cpu", "torch": torch.__version__, "note": note}), flush=True)
    for nodes, channels, heads in [(642, 64, 4)] if quick else [(2562, 64, 4), *SIZES[:1]]:
        sizes = {"kernel": "window", "nodes": nodes, "channels": channels, "heads": heads}
        for line in forward_on_cpu(in_windows(nodes, channels, heads, "cpu"), rounds):
            print(json.dumps({**sizes, **line}), flush=True)


def forward_on_cpu(case: Case, rounds: int) -> Iterator[dict[str, Any]]:
    """One line for each backend that a CPU has."""
    with torch.no_grad():
        expected = case.forms["blocks"](*case.inputs)[0]
        for backend in ("blocks", "flex"):
            form = case.forms[backend]
            difference = float((form(*case.inputs)[0] - expected).abs().max())
            forward = milliseconds(lambda form=form: form(*case.inputs), rounds, "cpu")
            yield {"backend": backend, "forward_ms": forward, "difference": f"{difference:.1e}"}


def main() -> None:
    """Read the command line, measure, print."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--quick", action="store_true", help="one round of the smallest case: shows that all runs")
    made.add_argument("--rounds", type=int, default=20)
    options = made.parse_args()
    torch.manual_seed(0)
    rounds = 1 if options.quick else options.rounds
    if torch.cuda.is_available():
        on_gpu(options.quick, rounds)
    else:
        torch.set_num_threads(1)
        on_cpu(options.quick, rounds)


if __name__ == "__main__":
    main()
