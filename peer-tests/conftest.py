"""The graph that all tests share, and the table of their measurements."""

import os
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
import torch
from agreement import LIMITS, Agreement
from peer_graph import build_graph, converted
from torch_geometric.data import HeteroData
from wxml.graphs.graph import Graph

HEADING = f"""# Equality with anemoi-models {version("anemoi-models")}

The same weights and inputs in both programs, on a graph of anemoi-graphs with 280 grid nodes and 162 mesh nodes, 32
channels, every parameter away from its initial value. Each number is the greatest difference over the greatest value of
the same tensor, the worst tensor counts; zero is bit for bit. In float32 but for the last column; written by
`nox -s peers`, which fails above {LIMITS[torch.float32]:g} in float32 and {LIMITS[torch.float64]:g} in float64.

A gradient that is zero in exact arithmetic (that of a key's bias, which a softmax does not see) is measured against the
greatest gradient. For float64, whole models get the peer's sines and cosines of the coordinates, which it computes in
float32.

"""
MEASURED: dict[str, dict[torch.dtype, Agreement]] = {}


@pytest.fixture(scope="session")
def peer_graph() -> HeteroData:
    return build_graph()


@pytest.fixture(scope="session")
def graph(peer_graph: HeteroData) -> Graph:
    return converted(peer_graph)


@pytest.fixture
def agree() -> Callable[[str, dict[torch.dtype, Agreement]], None]:
    """Record a measurement, and fail if a difference exceeds the limit."""

    def check(subject: str, measured: dict[torch.dtype, Agreement]) -> None:
        MEASURED[subject] = measured
        for dtype, found in measured.items():
            assert found.worst <= LIMITS[dtype], f"{subject} in {dtype}: {found}"

    return check


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The greatest relative differences, as a table; `WXML_EQUALITY` names a file that it goes into as well."""
    if not MEASURED:
        return
    lines = list(_table())
    terminalreporter.section("greatest relative difference from anemoi-models")
    terminalreporter.write_line("\n".join(lines))
    if target := os.environ.get("WXML_EQUALITY"):
        Path(target).write_text(HEADING + "\n".join(lines) + "\n")


def _table() -> Iterator[str]:
    yield "| subject | output | gradient of inputs | gradient of weights | the worst of them in float64 |"
    yield "|---|---|---|---|---|"
    for subject, measured in MEASURED.items():
        single, double = measured[torch.float32], measured[torch.float64]
        numbers = (single.output, single.input_gradient, single.weight_gradient, double.worst)
        yield f"| {subject} | " + " | ".join(f"{number:.1e}" for number in numbers) + " |"


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(7)
