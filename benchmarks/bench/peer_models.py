"""The peer's modules, configured as its own training package configures them; imported in the peer's environment only.

Departures, the same as for wxml: no gradient checkpointing, one chunk, the given channels, layers and heads, and on a
processor (no flash attention, no Triton) `scaled_dot_product_attention` and the `pyg` graph attention.
"""

# mypy: disable-error-code="import-not-found,import-untyped"

__all__ = ["peer_subject"]

import logging
import warnings
from typing import Any

import torch
from anemoi.models.distributed.shapes import BipartiteGraphShardInfo, GraphShardInfo
from anemoi.models.layers import attention
from anemoi.models.layers.graph_provider import create_graph_provider
from anemoi.utils.config import DotDict
from hydra.utils import instantiate  # noqa: TID251  # how the peer makes its parts
from torch import Tensor, nn
from torch_geometric.data import HeteroData

from bench.graph_file import ENDS, Arrays
from bench.passes import Subject
from bench.workloads import INPUT_STEPS, TRAINABLE, WINDOW, Case

Config = dict[str, Any]
LAYERS = "anemoi.models.layers"
EDGE_ATTRIBUTES = ["edge_length", "edge_dirs"]
PROCESSORS = {
    "gnn": "GNNProcessor",
    "graph-transformer": "GraphTransformerProcessor",
    "transformer": "TransformerProcessor",
}
MAPPERS = {"gnn": "GNN", "graph-transformer": "GraphTransformer", "transformer": "GraphTransformer"}
MASK_ROWS = 2048

logging.disable(logging.WARNING)
warnings.filterwarnings("ignore")


def hetero_data(arrays: Arrays) -> HeteroData:
    """The graph in the peer's form."""
    graph = HeteroData()
    for name in ("grid", "mesh"):
        graph[name].x = torch.from_numpy(arrays[name]).float()
        graph[name].num_nodes = len(arrays[name])
    for source, target in ENDS:
        edges, attributes = graph[source, "to", target], torch.from_numpy(arrays[f"{source}>{target} attributes"])
        edges.edge_index = torch.from_numpy(arrays[f"{source}>{target}"])
        edges.edge_length, edges.edge_dirs = attributes[:, :1].contiguous(), attributes[:, 1:].contiguous()
    return graph


def _kernels(family: str) -> Config:
    norm = f"{LAYERS}.normalization.AutocastLayerNorm"
    return {
        "LayerNorm": {"_target_": norm if family == "gnn" else "torch.nn.LayerNorm"},
        "Linear": {"_target_": "torch.nn.Linear"},
        "Activation": {"_target_": "torch.nn.GELU"},
        "QueryNorm": {"_target_": norm, "bias": False},
        "KeyNorm": {"_target_": norm, "bias": False},
    }


def _common(case: Case, family: str) -> Config:
    """What processors and mappers of a family have in common."""
    config: Config = {
        "num_channels": case.shape.channels,
        "num_chunks": 1,
        "mlp_hidden_ratio": 1.0 if family == "gnn" else 4,
        "mlp_implementation": "mlp",
        "cpu_offload": False,
        "gradient_checkpointing": False,
        "layer_kernels": _kernels(family),
        "trainable_size": TRAINABLE,
        "sub_graph_edge_attributes": EDGE_ATTRIBUTES,
    }
    if family == "gnn":
        return {**config, "mlp_extra_layers": 0}
    return {**config, "num_heads": case.shape.heads, "qk_norm": False}


def _graph_attention() -> Config:
    return {"shard_strategy": "edges", "graph_attention_backend": "pyg", "edge_pre_mlp": False}


def processor_config(case: Case) -> Config:
    """As in the peer's `model/*.yaml`."""
    config = _common(case, case.family)
    config |= {"_target_": f"{LAYERS}.processor.{PROCESSORS[case.family]}", "num_layers": case.shape.layers}
    if case.family == "graph-transformer":
        config |= _graph_attention()
    if case.family == "transformer":
        config |= {"window_size": WINDOW, "dropout_p": 0.0, "attention_implementation": "scaled_dot_product_attention"}
    return config


def mapper_config(case: Case, direction: str) -> Config:
    """The encoder (`Forward`) or the decoder (`Backward`); a transformer's are graph transformers."""
    family = "gnn" if case.family == "gnn" else "graph-transformer"
    config = _common(case, family)
    config["_target_"] = f"{LAYERS}.mapper.{MAPPERS[case.family]}{direction}Mapper"
    return config if family == "gnn" else {**config, **_graph_attention()}


def _provider(graph: HeteroData, source: str, target: str) -> nn.Module:
    provider: nn.Module = create_graph_provider(
        graph=graph[source, "to", target],
        edge_attributes=EDGE_ATTRIBUTES,
        src_size=graph[source].num_nodes,
        dst_size=graph[target].num_nodes,
        trainable_size=TRAINABLE,
    )
    return provider


def _processor(case: Case, graph: HeteroData) -> Subject:
    nodes, windowed = graph["mesh"].num_nodes, case.family == "transformer"
    state = torch.randn(nodes, case.shape.channels, requires_grad=True)
    if windowed:
        processor = instantiate(processor_config(case), _recursive_=False)
        return Subject(processor, (state,), lambda: processor(state, 1, GraphShardInfo(nodes=[nodes])))
    edges = _provider(graph, "mesh", "mesh")
    processor = instantiate(processor_config(case), _recursive_=False, edge_dim=edges.edge_dim)

    def call() -> Tensor:
        features, index, _ = edges.get_edges(batch_size=1)
        shards = GraphShardInfo(nodes=[nodes], edges=[index.shape[1]])
        return processor(state, 1, shards, features, index)  # type: ignore[no-any-return]

    return Subject(nn.ModuleList([processor, edges]), (state,), call)


def _mapper(case: Case, graph: HeteroData) -> Subject:
    edges, geometry = _provider(graph, "grid", "mesh"), 4 + TRAINABLE
    widths = {"in_channels_src": INPUT_STEPS * case.shape.variables + geometry, "in_channels_dst": geometry}
    mapper = instantiate(mapper_config(case, "Forward"), _recursive_=False, **widths, edge_dim=edges.edge_dim)
    counts = [graph["grid"].num_nodes, graph["mesh"].num_nodes]
    source, target = (torch.randn(*shape, requires_grad=True) for shape in zip(counts, widths.values(), strict=True))

    def call() -> Tensor:
        features, index, _ = edges.get_edges(batch_size=1)
        shards = BipartiteGraphShardInfo(src_nodes=counts[:1], dst_nodes=counts[1:], edges=[index.shape[1]])
        ends = (source, target)
        return mapper(ends, batch_size=1, shard_info=shards, edge_attr=features, edge_index=index)[1]  # type: ignore[no-any-return]

    return Subject(nn.ModuleList([mapper, edges]), (source, target), call)


def model_config(case: Case) -> DotDict:
    """A whole model: residual skip from the last input, latent skip, no bounding."""
    encoder = {"source_datasets": ["grid"], "dataset_fusing_strategy": "not_supported"}
    decoder = {"target_datasets": ["grid"], "target_node_features": ["encoded_data"]}
    model = {
        "num_channels": case.shape.channels,
        "model": {"hidden_nodes_name": "mesh", "latent_skip": True},
        "processor": processor_config(case),
        "encoders": {"0": {**encoder, "mapper": mapper_config(case, "Forward")}},
        "decoders": {"0": {**decoder, "mapper": mapper_config(case, "Backward")}},
        "latent_aggregator": {"_target_": f"{LAYERS}.aggregator.SumAggregator"},
        "residual": {"datasets": {"grid": {"_target_": f"{LAYERS}.residual.SkipConnection", "step": -1}}},
        "bounding": {"datasets": {"grid": []}},
        "node_trainable_parameters": {"grid": TRAINABLE, "mesh": TRAINABLE},
    }
    return DotDict({"model": model})


def _model(case: Case, graph: HeteroData) -> Subject:
    from anemoi.models.data_indices.collection import IndexCollection
    from anemoi.models.models import AnemoiModelEncProcDec
    from omegaconf import OmegaConf

    names = {f"v{number:03d}": number for number in range(case.shape.variables)}
    roles = OmegaConf.create({"forcing": [], "diagnostic": [], "target": []})
    if case.family == "transformer":
        del graph["mesh", "to", "mesh"]  # its processor knows no edges, and the peer wants none then
    steps = {"n_step_input": INPUT_STEPS, "n_step_output": 1}
    indices = {"grid": IndexCollection(roles, names)}
    config = model_config(case)
    model = AnemoiModelEncProcDec(
        model_config=config, data_indices=indices, statistics={"grid": {}}, graph_data=graph, **steps
    )
    states = torch.randn(1, INPUT_STEPS, 1, graph["grid"].num_nodes, len(names))
    return Subject(model, (), lambda: model({"grid": states})["grid"])


def window_mask(_self: object, _batch: int, _heads: int, queries: int, keys: int, window: Any, device: Any) -> Tensor:
    """The mask that the peer makes, made in ranges of rows.

    Its own way makes several tables of nodes × nodes 64-bit integers at once, 27 GB at 40 962 nodes. This is kinder.
    """
    mask, column = torch.empty(queries, keys, dtype=torch.bool, device=device), torch.arange(keys)
    for rows in torch.arange(queries).split(MASK_ROWS):
        mask[rows] = (rows[:, None] - column).abs() <= window[0]
    return mask


PARTS = {"processor": _processor, "mapper": _mapper, "model": _model}


def peer_subject(case: Case, arrays: Arrays) -> Subject:
    """The case as the peer does it."""
    if case.size == "large":
        attention.SDPAAttentionWrapper.create_sliding_window_mask = window_mask
    return PARTS[case.part](case, hetero_data(arrays))
