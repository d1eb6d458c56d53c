"""The fused kernels on edges: chosen where they can run; their numbers; code for GPUs, compiled without one."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from torch import Tensor
from wxml_kernels import AttentionEdges, BackendError, LayerStack, edge_attention, edge_network, fused
from wxml_kernels.fused import runs_fused, why_not_triton

CHECKS = Path(__file__).parent / "interpreted" / "triton_checks.py"
has_triton = pytest.mark.skipif(find_spec("triton") is None, reason="Triton is not installed: nox -s triton")
CPU = torch.device("cpu")


@has_triton
@pytest.mark.long("test_they_compile_for_a_gpu")
def test_their_numbers_in_the_interpreter() -> None:
    """In a process of its own, because Triton reads the variable when it is imported."""
    command = [sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", str(CHECKS)]
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=1500)
    assert done.returncode == 0, done.stdout[-5000:]
    assert " passed" in done.stdout


@has_triton
@pytest.mark.filterwarnings("ignore::UserWarning")  # of Triton about its own defaults
@pytest.mark.parametrize("dtype", ["bf16", "fp32"])
def test_they_compile_for_a_gpu(dtype: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Machine code for compute capability 8.0 needs no GPU; odd sizes, all that is optional included."""
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    import triton
    import triton.language as tl
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource
    from wxml_kernels import triton_attention, triton_network

    attention = {"H": 3, "D": 24, "F": 12, "HP": 4, "DP": 32, "FP": 16, "SUM": tl.float32, "SCALE": 24**-0.5}
    network = {"C": 72, "CP": 128, "SUM": tl.float32}
    options = {"EPSILON": 1e-5, "NORM": True, "KEEPS": True, "ORDERED": True, "WITH_A": True}
    indices = {"spans", "others", "into_target"}
    long_indices = {"source", "target", "order", "pointers"}
    numbers = {"targets", "sources", "items", "edges", "nodes", "programs"}
    half = {*("q", "k", "v", "p", "grad_q", "grad_k", "grad_v", "grad_p"), *("t", "s", "w", "z", "y", "grad_y")}

    def type_of(name: str) -> str:
        if name in numbers:
            return "i32"
        if name in indices or name in long_indices:
            return "*i32" if name in indices else "*i64"
        return f"*{dtype}" if name in half else "*fp32"

    for module, sizes in ((triton_attention, attention), (triton_network, network)):
        kernels = [one for one in vars(module).values() if isinstance(one, triton.JITFunction)]
        assert len(kernels) >= 3
        for kernel in kernels:
            constants = {name: value for name, value in {**sizes, **options}.items() if name in kernel.arg_names}
            signature = {name: "constexpr" if name in constants else type_of(name) for name in kernel.arg_names}
            compiled = triton.compile(ASTSource(kernel, signature, constants), target=GPUTarget("cuda", 80, 32))
            assert compiled.asm["cubin"]
            assert "atom" not in compiled.asm["ptx"]  # sums without atomic operations repeat


def small() -> tuple[Tensor, Tensor, AttentionEdges]:
    edges = AttentionEdges([0, 1, 1], [0, 0, 2], source_count=3, target_count=3)
    return torch.randn(1, 3, 4), edges.arranged(torch.randn(3, 5)), edges


def test_on_a_cpu_nothing_else_is_chosen() -> None:
    nodes, _, _ = small()
    assert not runs_fused("auto", nodes)
    assert not runs_fused("blocks", nodes)


def test_asked_for_where_they_cannot_run_they_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    nodes, features, edges = small()
    with pytest.raises(BackendError, match="`backend` cannot be 'triton': "):
        edge_attention(nodes, nodes, nodes, features, torch.randn(4, 5), edges, 2, backend="triton")
    stack = LayerStack("relu", (torch.eye(4),), (torch.zeros(4),))
    with pytest.raises(BackendError, match="`backend` cannot be 'triton'"):
        edge_network((nodes, nodes), torch.zeros(3, 4), torch.eye(4), stack, edges, backend="triton")


def test_the_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    """One after the other, as a machine comes closer to what they need; the GPU is a stand-in."""
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    assert why_not_triton(CPU) == "they run on GPUs, and the device is cpu"
    gpu = torch.device("cuda", 0)
    monkeypatch.setattr(fused, "find_spec", lambda _: None)
    assert why_not_triton(gpu) == "the package triton is not installed"
    monkeypatch.setattr(fused, "find_spec", lambda _: "found")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert why_not_triton(gpu) == "torch finds no GPU"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (6, 1))
    assert why_not_triton(gpu) == "Triton needs compute capability 7.0, and the device has 6.1"
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (9, 0))
    assert why_not_triton(gpu) is None


@pytest.mark.parametrize(("fault", "runs"), [(None, True), ("a trial of Triton failed", False)])
def test_auto_follows_a_trial_and_the_log_tells_it(
    fault: str | None, runs: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The trial is made once for each device; under a compiler there is none."""
    trials: list[torch.device] = []

    def trial(device: torch.device) -> str | None:
        trials.append(device)
        return fault

    monkeypatch.setattr(fused, "_FAULTS", {})
    fused._tell.cache_clear()
    monkeypatch.setattr(fused, "why_not_triton", lambda _: None)
    monkeypatch.setattr("wxml_kernels.fused_trial.fault_of_edge_kernels", trial)
    with caplog.at_level("INFO", logger="wxml.kernels"):
        assert [fused._chosen("auto", "cuda:1", True) for _ in range(3)] == [runs] * 3
    assert trials == [torch.device("cuda:1")]
    expected = "fused, by Triton, on cuda:1" if runs else f"operations of torch on cuda:1, since {fault}"
    assert [record.message for record in caplog.records] == [f"kernels on edges: {expected}"]
    fused._tell.cache_clear()
