"""Commands, an experiment on a small grid, and graphs made by hand."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from wxml import EdgeSet, Graph, NodeSet
from wxml.graphs.files import save_graph
from wxml_graph_viewer.command import command

EXPERIMENT = """
defaults: [{model: gnn-tiny}]
data:
  source: {plugin: simulated-atmosphere, start: 2000-01-01, end: 2000-01-03, truncation: 5, spin_up_days: 0}
  split: {training: [2000-01-01, 2000-01-02], validation: [2000-01-03, 2000-01-03]}
graph: {plugin: icosahedral, refinement: 1}
training: {plugin: lightning, max_steps: 10}
"""


@pytest.fixture(scope="session")
def run() -> Callable[..., Result]:
    """Run a command below `wxml graph`; an error of wxml passes through."""

    def call(*arguments: object) -> Result:
        result = CliRunner().invoke(command, [str(one) for one in arguments], standalone_mode=False)
        if result.exception is not None:
            raise result.exception
        return result

    return call


@pytest.fixture
def experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An experiment on a small grid, with a cache of its own."""
    monkeypatch.setenv("WXML_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "experiment.yaml"
    path.write_text(EXPERIMENT)
    return path


@pytest.fixture
def facts(run: Callable[..., Result], tmp_path: Path) -> Callable[[Graph], dict[str, Any]]:
    """What `wxml graph inspect --json` tells of a graph."""

    def tell(graph: Graph) -> dict[str, Any]:
        save_graph(tmp_path / "graph.safetensors", graph, {}, overwrite=True)
        told: dict[str, Any] = json.loads(run("inspect", tmp_path / "graph.safetensors", "--json").stdout)
        return told

    return tell


class Lab:
    """Graphs made by hand."""

    @staticmethod
    def lattice(rows: int, columns: int, *, east: float = 360.0, closed: bool = True) -> tuple[NodeSet, Any]:
        """Nodes on rows and columns, and the edges both ways between neighbours in a row and in a column."""
        north, place = 60 - 120 * (np.arange(rows) + 0.5) / rows, east * np.arange(columns) / columns
        nodes = NodeSet(np.repeat(north, columns), np.tile(place, rows))
        numbers = np.arange(rows * columns).reshape(rows, columns)
        after = np.roll(numbers, -1, axis=1) if closed else numbers[:, 1:]
        before = numbers if closed else numbers[:, :-1]
        along, across = (before.ravel(), after.ravel()), (numbers[:-1].ravel(), numbers[1:].ravel())
        pairs = np.concatenate([np.stack(along), np.stack(across)], axis=1)
        return nodes, np.concatenate([pairs, pairs[::-1]], axis=1)

    @staticmethod
    def joined(grid: NodeSet, mesh: NodeSet, pairs: Any) -> Graph:
        """A graph in which each grid node has edges from and to the nearest mesh node."""
        nearest = np.argmax(grid.points @ mesh.points.T, axis=1)
        numbers = np.arange(len(grid))
        edges = {
            ("grid", "mesh"): EdgeSet.between(grid, mesh, numbers, nearest),
            ("mesh", "mesh"): EdgeSet.between(mesh, mesh, *pairs),
            ("mesh", "grid"): EdgeSet.between(mesh, grid, nearest, numbers),
        }
        return Graph({"grid": grid, "mesh": mesh}, edges)

    @staticmethod
    def octahedron() -> Graph:
        """Six mesh nodes, each joined to the four that are a quarter of the globe away; a grid node on four of them."""
        mesh = NodeSet(np.array([90.0, 0, 0, 0, 0, -90]), np.array([0.0, 0, 90, 180, 270, 0]))
        opposite = [{0, 5}, {1, 3}, {2, 4}]
        pairs = [(i, j) for i in range(6) for j in range(6) if i != j and {i, j} not in opposite]
        grid, numbers = NodeSet(np.zeros(4), np.array([0.0, 90, 180, 270])), np.arange(4)
        edges = {
            ("grid", "mesh"): EdgeSet.between(grid, mesh, numbers, numbers + 1),
            ("mesh", "mesh"): EdgeSet.between(mesh, mesh, *np.transpose(pairs)),
            ("mesh", "grid"): EdgeSet.between(mesh, grid, numbers + 1, numbers),
        }
        return Graph({"grid": grid, "mesh": mesh}, edges)


@pytest.fixture(scope="session")
def lab() -> type[Lab]:
    """Makes graphs by hand."""
    return Lab
