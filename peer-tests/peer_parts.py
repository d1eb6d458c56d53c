"""The peer's mappers, processors and models, small, as its own training package configures them."""

__all__ = ["CHANNELS", "PeerMapper", "PeerProcessor", "described", "peer_config", "peer_model"]

import logging
import warnings
from importlib.resources import files
from typing import Any

import anemoi.training.config
from anemoi.models.data_indices.collection import IndexCollection
from anemoi.models.distributed.shapes import BipartiteGraphShardInfo, GraphShardInfo
from anemoi.models.layers.graph_provider import create_graph_provider
from anemoi.utils.config import DotDict
from hydra.utils import get_class, instantiate
from omegaconf import OmegaConf
from peer_graph import ATTRIBUTES, NAMES
from torch import Tensor, nn
from torch_geometric.data import HeteroData

CHANNELS, LAYERS, HEADS, TRAINABLE = 32, 2, 4, 3
Config = dict[str, Any]

logging.disable(logging.WARNING)
warnings.filterwarnings("ignore")


def peer_config(family: str, changes: Config, norm: Config | None = None) -> Config:
    """A preset of the peer (`gnn`, `graphtransformer`, `transformer`) in a small size.

    Args:
        family: which preset.
        changes: options of the processor and of the mappers, given to those that have them.
        norm: a layer norm for the processor.
    """
    config = OmegaConf.load(str(files(anemoi.training.config) / "model" / f"{family}.yaml"))
    config.num_channels = CHANNELS
    mappers = [part.mapper for parts in (config.encoders, config.decoders) for part in parts.values()]
    defaults = {
        "num_chunks": 1,
        "num_heads": HEADS,
        "gradient_checkpointing": False,
        "graph_attention_backend": "pyg",
        "attention_implementation": "scaled_dot_product_attention",
        "window_size": None,
    }
    for part in (config.processor, *mappers):
        part.num_channels = CHANNELS  # a decoder of 0.17.1 lacks it
        for name, value in (defaults | changes).items():
            if name in part:
                part[name] = value
    config.processor.num_layers = LAYERS
    for name in (*config.node_trainable_parameters, *config.edge_trainable_parameters):
        sizes = config.node_trainable_parameters if name in NAMES.values() else config.edge_trainable_parameters
        sizes[name] = TRAINABLE
    if norm is not None:
        config.processor.layer_kernels = OmegaConf.merge(config.layer_kernels, {"LayerNorm": norm})
    config.setdefault("latent_aggregator", {"_target_": "anemoi.models.layers.aggregator.SumAggregator"})
    config.bounding = {"datasets": {"data": []}}
    whole = OmegaConf.create({"model": config, "graph": {"data": "data", "hidden": "hidden"}})
    return OmegaConf.to_container(whole, resolve=True)


def described(options: Config, layers: int = 0) -> str:
    """Layers and options for a row of the table."""
    chosen = [name if value is True else f"{name} {value}" for name, value in options.items() if name != "mlp_ratio"]
    count = [f"{layers} layer{'s' if layers > 1 else ''}"] if layers else []
    return "".join(f", {word}" for word in [*count, *chosen])


def _provider(graph: HeteroData, source: str, target: str, config: Config) -> nn.Module:
    if "sub_graph_edge_attributes" not in config:
        return create_graph_provider()
    return create_graph_provider(
        graph=graph[source, "to", target],
        edge_attributes=ATTRIBUTES,
        src_size=graph[source].num_nodes,
        dst_size=graph[target].num_nodes,
        trainable_size=TRAINABLE,
    )


class PeerProcessor(nn.Module):
    """A processor with the provider of its edges, on batches."""

    def __init__(self, graph: HeteroData, config: Config, layers: int = LAYERS) -> None:
        super().__init__()
        chosen = config["model"]["processor"] | {"num_layers": layers}
        self.edges = _provider(graph, "hidden", "hidden", chosen)
        self.part = instantiate(chosen, _recursive_=False, edge_dim=self.edges.edge_dim)

    def forward(self, state: Tensor, condition: Tensor | None = None) -> tuple[Tensor]:
        """`[batch, node, channel]` in and out."""
        flat, batch = state.flatten(0, 1), len(state)
        features, index, _ = self.edges.get_edges(batch_size=batch)
        shard = GraphShardInfo(nodes=[len(flat)], edges=None if index is None else [index.shape[1]])
        extra = {} if condition is None else {"cond": condition.flatten(0, 1)}
        out = self.part(flat, batch, shard, features, index, **extra)
        return (out.unflatten(0, (batch, -1)),)


class PeerMapper(nn.Module):
    """A mapper with the provider of its edges, on batches; a decoder gives back the target alone."""

    def __init__(self, graph: HeteroData, config: Config, channels: tuple[int, int, int | None]) -> None:
        super().__init__()
        source, target, out = channels
        decode = out is not None
        chosen = config["model"]["decoders" if decode else "encoders"]["0"]["mapper"]
        self.edges = _provider(graph, *(("hidden", "data") if decode else ("data", "hidden")), chosen)
        self.part = instantiate(
            chosen,
            _recursive_=False,
            in_channels_src=source,
            in_channels_dst=target,
            edge_dim=self.edges.edge_dim,
            **({"out_channels_dst": out} if decode else {}),
        )

    def forward(self, source: Tensor, target: Tensor) -> tuple[Tensor, ...]:
        """`[batch, node, channel]` in and out."""
        batch, flat = len(source), (source.flatten(0, 1), target.flatten(0, 1))
        features, index, _ = self.edges.get_edges(batch_size=batch)
        edges = None if index is None else [index.shape[1]]
        shard = BipartiteGraphShardInfo(src_nodes=[len(flat[0])], dst_nodes=[len(flat[1])], edges=edges)
        found = self.part(flat, batch_size=batch, shard_info=shard, edge_attr=features, edge_index=index)
        outputs = found if isinstance(found, tuple) else (found,)
        return tuple(out.unflatten(0, (batch, -1)) for out in outputs)


def peer_model(
    graph: HeteroData, config: Config, names: dict[str, list[str]], input_steps: int, output_steps: int = 1
) -> nn.Module:
    """A whole model.

    Args:
        graph: its graph.
        config: from `peer_config`.
        names: all variables in the order of the data set (`all`), and those that are `forcing` or `diagnostic`.
        input_steps: how many times it reads.
        output_steps: how many it forecasts at once.
    """
    roles = OmegaConf.create({"forcing": names["forcing"], "diagnostic": names["diagnostic"], "target": []})
    indices = IndexCollection(roles, {name: place for place, name in enumerate(names["all"])})
    return get_class(config["model"]["model"]["_target_"])(
        model_config=DotDict(config),
        data_indices={"data": indices},
        statistics={"data": {}},
        n_step_input=input_steps,
        n_step_output=output_steps,
        graph_data=graph,
    )
