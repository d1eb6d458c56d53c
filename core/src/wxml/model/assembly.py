"""Builds the model that a config describes."""

__all__ = ["assemble_model"]

from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from wxml.config.schema import ExperimentConfig, ModelConfig
from wxml.data.preprocessing import Preprocessing
from wxml.errors import ConfigError, ContractError, Fault, WxmlError
from wxml.graphs.graph import Graph, Mesh, Route
from wxml.model.bounding import make_bounding
from wxml.model.encode_process_decode import EncodeProcessDecode
from wxml.model.features import EdgeFeatures, GridFeatures, MeshFeatures
from wxml.model.layers import set_recompute
from wxml.model.mapper import Mapper, MapperChannels
from wxml.model.noise import Noise
from wxml.model.processor import Processor, ProcessorChannels
from wxml.model.residual import NoResidual, Persistence, TruncatedState
from wxml.model.tensors import node_tensor
from wxml.plugins.catalog import PluginRecord, installed
from wxml.plugins.create import create
from wxml.plugins.load import load
from wxml.plugins.resolve import resolve


def assemble_model(config: ExperimentConfig, preprocessing: Preprocessing, graph: Graph) -> EncodeProcessDecode:
    """Build a model with fresh weights drawn from `config.seed`; the caller's random state does not change.

    Args:
        config: `config.model` chooses the parts, `config.data` the numbers of input and output steps.
        preprocessing: the variables that the model reads and forecasts, their transforms, and their typical change.
        graph: node sets `grid` and `mesh`, and the edges among them.

    Raises:
        ConfigError: a part ignores the learned features or the noise that the config asks for.
        ContractError: a part has one weight under two names.
        DataError: a truncated residual does not reach every grid node, or `model.bounding` does not fit the variables.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        model, roles = config.model, preprocessing.roles
        prognostic, learned = len(roles.prognostic), model.trainable_features
        tendency_scale = preprocessing.tendency_scale[:prognostic]
        grid = GridFeatures(
            graph.nodes["grid"],
            learned.grid,
            config.data.input_steps,
            prognostic,
            len(roles.forcing),
            node_tensor(tendency_scale) if model.input_tendencies else None,
        )
        mesh = MeshFeatures(graph.nodes["mesh"], learned.mesh)
        outputs = config.data.output_steps * len(roles.output)
        parts = _parts(model, graph, (grid.channels, mesh.channels), outputs)
        residual: nn.Module = NoResidual()
        if model.residual == "persistence":
            residual = Persistence(len(roles.diagnostic))
        elif model.residual == "truncated":
            down, up = graph.route("grid", "mesh"), graph.route("mesh", "grid")
            residual = TruncatedState(down, up, model.truncation_width, len(roles.diagnostic))
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


def _parts(
    config: ModelConfig, graph: Graph, features: tuple[int, int], outputs: int
) -> tuple[Mapper, Processor, Mapper]:
    """Make encoder, processor and decoder.

    Args:
        config: the config of the model, which chooses the plugins.
        graph: node sets `grid` and `mesh`, and the edges among them.
        features: the numbers of channels of grid and mesh nodes that the encoder reads.
        outputs: the number of channels that the decoder returns.
    """
    hidden, learned = config.channels, config.trainable_features
    encoding = MapperChannels(*features, hidden, out=hidden, edge_features=learned.encoder)
    encoder: Mapper = _part(config, "encoder", graph.route("grid", "mesh"), encoding)
    processing = ProcessorChannels(hidden, _condition_channels(config), learned.processor)
    processor: Processor = _part(config, "processor", graph.mesh(), processing)
    decoding = MapperChannels(hidden, encoder.source_out, hidden, outputs, decode=True, edge_features=learned.decoder)
    return encoder, processor, _part(config, "decoder", graph.route("mesh", "grid"), decoding)


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
