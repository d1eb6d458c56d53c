"""The peer's answers for inputs and weights by formula: wxml-anemoi's tests compare with them, without the peer.

python peer-tests/reference_cases.py    writes them down again
"""

__all__ = ["CASES", "answer", "recorded"]

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peer_graph import NAMES
from peer_parts import PeerMapper, PeerProcessor, peer_config
from torch import nn
from torch_geometric.data import HeteroData
from wxml.graphs.graph import Graph
from wxml.testing import tiny_graph, tiny_grid
from wxml_anemoi.closed_form import closed_form, response

Config = dict[str, Any]
ANSWERS = Path(__file__).parents[1] / "plugins" / "anemoi" / "tests"
CHANNELS, HEADS, BATCH, RAW_GRID, RAW_MESH, OUTPUTS = 8, 2, 2, 5, 6, 3
SMALL = {"num_channels": CHANNELS, "num_heads": HEADS}
CASES: dict[str, dict[str, tuple[str, str, Config]]] = {
    "gnn": {part: (part, "gnn", {}) for part in ("processor", "encoder", "decoder")},
    "transformer": {
        "transformer full": ("processor", "transformer", {}),
        "transformer window": ("processor", "transformer", {"window_size": 3}),
        "transformer qk_norm swiglu": ("processor", "transformer", {"qk_norm": True, "mlp_implementation": "swiglu"}),
        "transformer encoder": ("encoder", "transformer_transformermapper", {}),
        "transformer decoder": ("decoder", "transformer_transformermapper", {}),
        "graph-transformer": ("processor", "graphtransformer", {}),
        "graph-transformer qk_norm glu": (
            "processor",
            "graphtransformer",
            {"qk_norm": True, "mlp_implementation": "glu"},
        ),
        "graph-transformer encoder": ("encoder", "graphtransformer", {}),
        "graph-transformer decoder": ("decoder", "graphtransformer", {}),
    },
}
"""The cases by family and name: a part of a preset of the peer, and options that differ from those of the preset."""


def recorded(family: str) -> Path:
    """The file of the answers for a family."""
    return ANSWERS / f"answers_{family}.json"


def answer(part: str, family: str, options: Config) -> dict[str, list[float]]:
    """The answer of the peer's part in float64."""
    graph = tiny_graph(tiny_grid(4, 6), mesh_nodes=10)
    module, shapes = _part(part, _hetero_data(graph), peer_config(family, SMALL | options))
    module = module.double()
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            known = "edges" if name.startswith("edges.") else name.removeprefix("part.")
            parameter.copy_(closed_form(known, parameter.shape))
    inputs = [closed_form(name, (BATCH, *shape)) for name, shape in shapes.items()]
    return response(module, inputs, module.parameters())


def _part(part: str, graph: HeteroData, config: Config) -> tuple[nn.Module, dict[str, tuple[int, int]]]:
    """A part, and the shapes of its inputs by name; a GNN's decoder gets latent states, the others' raw targets."""
    grid, mesh = len(graph["data"].x), len(graph["hidden"].x)
    if part == "processor":
        return PeerProcessor(graph, config), {"state": (mesh, CHANNELS)}
    if part == "encoder":
        channels = RAW_GRID, RAW_MESH, None
        return PeerMapper(graph, config, channels), {"source": (grid, RAW_GRID), "target": (mesh, RAW_MESH)}
    raw = CHANNELS if "GNN" in config["model"]["processor"]["_target_"] else RAW_GRID
    shapes = {"source": (mesh, CHANNELS), "target": (grid, raw)}
    return PeerMapper(graph, config, (CHANNELS, raw, OUTPUTS)), shapes


def _hetero_data(graph: Graph) -> HeteroData:
    """A graph of wxml in the peer's form."""
    data = HeteroData()
    for ours, theirs in NAMES.items():
        nodes = graph.nodes[ours]
        data[theirs].x = torch.from_numpy(np.radians(np.stack([nodes.latitudes, nodes.longitudes], axis=1)))
        data[theirs].num_nodes = len(nodes)
    for (source, target), edges in graph.edges.items():
        found = data[NAMES[source], "to", NAMES[target]]
        found.edge_index = torch.from_numpy(np.stack([edges.source, edges.target]))
        found.edge_length, found.edge_dirs = torch.from_numpy(edges.features).split([1, 2], dim=1)
    return data


def write() -> None:
    """Compute all answers of the peer again and write their files."""
    for family, cases in CASES.items():
        answers = {name: answer(*case) for name, case in cases.items()}
        recorded(family).write_text(json.dumps(answers, indent=1) + "\n")


if __name__ == "__main__":
    write()
