"""Builds the model that a config describes."""

__all__ = ["assemble_model"]

from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

import numpy as np
import torch
from torch import nn

from wxml.config.model_schema import ModelConfig
from wxml.config.schema import ExperimentConfig
from wxml.config.task_choice import task_of
from wxml.data.preprocessing import Preprocessing
from wxml.data.times import parse_duration
from wxml.errors import ConfigError, ContractError, Fault, WxmlError
from wxml.graphs.graph import GRID, MESH, Graph, Mesh, Route
from wxml.graphs.node_set import NodeSet
from wxml.model.bounding import make_bounding
from wxml.model.encode_process_decode import EncodeProcessDecode
from wxml.model.features import EdgeFeatures, GridFeatures, MeshFeatures, Reads
from wxml.model.layers import set_recompute
from wxml.model.mapper import Mapper, MapperChannels
from wxml.model.noise import Noise
from wxml.model.processor import Processor, ProcessorChannels
from wxml.model.residual import NoResidual, OrnsteinUhlenbeck, Persistence, StraightLine, TruncatedState
from wxml.model.several_grids import (
    GridVariables,
    SeveralDecoders,
    SeveralEncoders,
    SeveralFeatures,
    SeveralResiduals,
    Unread,
)
from wxml.model.split_variables import grid_variables
from wxml.model.spread import Spread
from wxml.model.tensors import node_tensor
from wxml.plugins.catalog import PluginRecord, installed
from wxml.plugins.create import create
from wxml.plugins.load import load
from wxml.plugins.resolve import resolve


def assemble_model(config: ExperimentConfig, preprocessing: Preprocessing, graph: Graph) -> EncodeProcessDecode:
    """Build a model with fresh weights drawn from `config.seed`; the caller's random state does not change.

    Args:
        config: `config.model` chooses the parts, `config.data` the task and with it the input and output times.
        preprocessing: the variables that the model reads and forecasts, their transforms, and their typical change.
        graph: the data nodes and the mesh, and the edges among them. There is an encoder and a decoder for each of the
            data node sets.

    Raises:
        ConfigError: a part ignores the learned features or the noise that the config asks for.
        ContractError: a part has one weight under two names.
        DataError: a truncated residual does not reach every grid node, `model.bounding` does not fit the variables, or
            one of several grids lacks what the model reads.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        model, roles = config.model, preprocessing.roles
        prognostic = len(roles.prognostic)
        tendency_scale = preprocessing.tendency_scale[:prognostic]
        task = task_of(config.data)
        grids = grid_variables(graph, preprocessing, len(task.calls[0].marks))
        features = [_grid_features(config, preprocessing, graph.nodes[name], own) for name, own in grids.items()]
        mesh = MeshFeatures(graph.nodes[MESH], model.trainable_features.mesh)
        parts = _parts(config, graph, grids, (features, mesh), len(roles.output))
        grid = features[0] if graph.data == (GRID,) else SeveralFeatures(list(grids.values()), features)
        residual = _residual(config, preprocessing, graph, grids)
        increment_scale = np.ones(len(roles.output), np.float32)  # a diagnostic output is no change of anything
        if model.increment_scale == "tendency":
            increment_scale[:prognostic] = tendency_scale
        bounding = make_bounding(preprocessing, model.bounding)
        noise = None
        if model.noise is not None:
            inject_into = model.channels if model.noise.how == "inject" else None
            noise = Noise(model.noise.channels, model.noise.hidden, model.noise.standard_deviation, inject_into)
        scale, skip = node_tensor(increment_scale), model.latent_skip
        assembled = EncodeProcessDecode((grid, mesh), parts, residual, bounding, scale, noise, latent_skip=skip)
        if model.spread is not None:
            assembled.spread = Spread(model.spread.floor)
    _check_untied(assembled)
    set_recompute(assembled, model.activation_checkpointing)
    return assembled


def _check_untied(model: nn.Module) -> None:
    """Refuse one weight under two names, which no file of weights can hold."""
    names: dict[int, str] = {}
    for name, tensor in model.state_dict(keep_vars=True).items():
        first = names.setdefault(id(tensor), name)
        if first != name:
            raise ContractError(
                f"`{first}` and `{name}` are one tensor (tied weights), which no checkpoint can hold",
                fix="tell the authors of the plugin: a part registers each weight under one name, and may use it twice",
            )


def _grid_features(
    config: ExperimentConfig, preprocessing: Preprocessing, nodes: NodeSet, grid: GridVariables
) -> GridFeatures:
    """The features of the nodes of one data node set."""
    reads_changes = config.model.input_tendencies and grid.prognostic
    scale = preprocessing.tendency_scale[list(grid.prognostic)] if reads_changes else None
    call = task_of(config.data).calls[0]
    return GridFeatures(
        nodes,
        config.model.trainable_features.grid,
        len(call.states),
        len(grid.prognostic),
        len(grid.forcing),
        None if scale is None else node_tensor(scale),
        len(call.forcings),
        Reads(config.model.input_last_state, config.model.input_means),
    )


def _residual(
    config: ExperimentConfig, preprocessing: Preprocessing, graph: Graph, grids: Mapping[str, GridVariables]
) -> nn.Module:
    """The residual that the config chooses; a truncated one is made for each data node set.

    Raises:
        ConfigError: one that is made of the last state is chosen for a task whose baseline is another one.
    """
    model, task, roles = config.model, task_of(config.data), preprocessing.roles
    diagnostics = len(roles.diagnostic)
    if model.residual in ("truncated", "ornstein") and task.baseline != "persistence":
        problem = f"`{model.residual}` is made of the last state, and the baseline of this task is {task.baseline}"
        raise ConfigError([Fault("model.residual", problem)], fix="choose persistence, which stands for it, or none")
    if model.residual == "none" or task.baseline == "climatology":
        return NoResidual()
    if task.baseline == "interpolation":
        times = np.array(task.calls[0].states, "timedelta64[s]")
        return StraightLine(((times - times[0]) / (times[-1] - times[0])).tolist(), diagnostics)
    if model.residual == "persistence":
        return Persistence(diagnostics)
    if model.residual == "ornstein":
        statistics = preprocessing.model_statistics.select(roles.prognostic)
        call, step = task.calls[0], parse_duration(config.data.timestep)
        return OrnsteinUhlenbeck(
            statistics, [float((time - call.states[-1]) / step) for time in call.outputs], diagnostics
        )
    each = [
        TruncatedState(graph.route(name, MESH), graph.route(MESH, name), model.truncation_width, diagnostics)
        if own.prognostic
        else Persistence(diagnostics)
        for name, own in grids.items()
    ]
    return each[0] if graph.data == (GRID,) else SeveralResiduals(list(grids.values()), each)


def _parts(
    config: ExperimentConfig,
    graph: Graph,
    grids: Mapping[str, GridVariables],
    features: tuple[Sequence[GridFeatures], MeshFeatures],
    outputs: int,
) -> tuple[Mapper | SeveralEncoders, Processor, Mapper | SeveralDecoders]:
    """Make encoders of the data node sets that are read, the processor, and decoders of those that have outputs.

    Args:
        config: the config, which chooses the plugins.
        graph: the data nodes and the mesh, and the edges among them.
        grids: the variables of each data node set, by its name.
        features: the features of the nodes of each data node set, and of the mesh, which the encoder reads.
        outputs: the number of output variables of all data node sets.
    """
    model, steps = config.model, task_of(config.data).outputs * (2 if config.model.spread else 1)
    hidden, learned, (own, mesh) = model.channels, model.trainable_features, features
    encoders: list[Mapper | Unread] = [
        _part(
            model,
            "encoder",
            graph.route(name, MESH),
            MapperChannels(each.channels, mesh.channels, hidden, out=hidden, edge_features=learned.encoder),
        )
        if grid.is_read
        else Unread(each.channels, hidden)
        for (name, grid), each in zip(grids.items(), own, strict=True)
    ]
    processing = ProcessorChannels(hidden, _condition_channels(model), learned.processor)
    processor: Processor = _part(model, "processor", graph.mesh(), processing)
    decoders: list[Mapper | None] = [
        _part(
            model,
            "decoder",
            graph.route(MESH, name),
            MapperChannels(
                hidden, encoder.source_out, hidden, steps * len(grid.output), decode=True, edge_features=learned.decoder
            ),
        )
        if grid.output
        else None
        for (name, grid), encoder in zip(grids.items(), encoders, strict=True)
    ]
    if graph.data == (GRID,):
        return cast("Mapper", encoders[0]), processor, cast("Mapper", decoders[0])  # it is read and has outputs
    return SeveralEncoders(encoders), processor, SeveralDecoders(list(grids.values()), decoders, steps, outputs)


def _part(
    config: ModelConfig,
    name: Literal["encoder", "processor", "decoder"],
    place: Route | Mesh,
    channels: MapperChannels | ProcessorChannels,
) -> Any:
    """Make the mapper or processor that the config chooses.

    Raises:
        ConfigError: the part ignores the learned edge features that the config asks for.
    """
    choice, kind = getattr(config, name), "processor" if name == "processor" else "mapper"
    part = create(kind, choice.plugin, choice.options, place, channels, where=f"model.{name}")
    learns = any(isinstance(module, EdgeFeatures) and module.trainable is not None for module in part.modules())
    if channels.edge_features and not learns:
        path = f"model.trainable_features.{name}"
        fault = f"`{path}` is {channels.edge_features}, but this {name} ignores edge features"
        raise ConfigError([Fault(path, fault)], fix="set it to 0")
    return part


def _condition_channels(config: ModelConfig) -> int:
    """Return the number of noise channels that the processor gets as a condition, 0 if it gets none.

    Raises:
        ConfigError: the processor takes no condition.
    """
    if config.noise is None or config.noise.how == "inject":
        return 0
    name = config.processor.plugin
    if not load(resolve("processor", name, where="model.processor")).takes_condition:  # type: ignore[attr-defined]
        able = ", ".join(r.name for r in installed().select("processor") if _takes_condition(r)) or "none"
        fault = f"processor {name!r} takes no noise as a condition; installed processors that do: {able}"
        raise ConfigError([Fault("model.noise.how", fault)], fix="`how: inject` works with every processor")
    return config.noise.channels


def _takes_condition(record: PluginRecord) -> bool:
    try:
        return bool(load(record).takes_condition)  # type: ignore[attr-defined]
    except WxmlError:  # broken or disabled, and nobody asked for it
        return False
