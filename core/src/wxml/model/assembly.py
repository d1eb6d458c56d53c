"""Builds the model that an experiment describes."""

__all__ = ["assemble_model"]

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from wxml.config.schema import ModelConfig
from wxml.errors import ConfigError, Fault, WxmlError
from wxml.graphs.graph import Mesh, Route
from wxml.model.encode_process_decode import EncodeProcessDecode
from wxml.model.features import EdgeFeatures, GridFeatures, MeshFeatures
from wxml.model.layers import set_recompute
from wxml.model.limits import make_bounding
from wxml.model.mapper import Mapper, MapperChannels
from wxml.model.noise import Noise
from wxml.model.processor import Processor, ProcessorChannels
from wxml.model.residual import NoResidual, Persistence, TruncatedState
from wxml.model.tensors import node_tensor
from wxml.plugins.catalog import PluginRecord, installed
from wxml.plugins.create import create
from wxml.plugins.load import load
from wxml.plugins.resolve import resolve

if TYPE_CHECKING:
    from wxml.experiment import Experiment


def assemble_model(experiment: "Experiment") -> EncodeProcessDecode:
    """A model with fresh weights drawn from the experiment's seed; the caller's random state is left alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(experiment.config.seed)
        return _model(experiment)


def _model(experiment: "Experiment") -> EncodeProcessDecode:
    config, roles, graph = experiment.config.model, experiment.roles, experiment.graph
    grid = GridFeatures(
        graph.nodes["grid"],
        config.trainable_features.grid,
        experiment.config.data.input_steps,
        len(roles.prognostic),
        len(roles.forcing),
        node_tensor(experiment.tendency_scale[: len(roles.prognostic)]) if config.input_tendencies else None,
    )
    mesh = MeshFeatures(graph.nodes["mesh"], config.trainable_features.mesh)
    parts = _parts(experiment, grid.channels, mesh.channels)
    model = EncodeProcessDecode(
        (grid, mesh),
        parts,
        _residual(experiment),
        make_bounding(experiment.space, config.bounding),
        node_tensor(_increment_scale(experiment)),
        _noise(config),
        latent_skip=config.latent_skip,
    )
    set_recompute(model, config.activation_checkpointing)
    return model


def _residual(experiment: "Experiment") -> nn.Module:
    config, graph, diagnostics = experiment.config.model, experiment.graph, len(experiment.roles.diagnostic)
    if config.residual == "truncated":
        down, up = graph.route("grid", "mesh"), graph.route("mesh", "grid")
        return TruncatedState(down, up, config.truncation_width, diagnostics)
    return Persistence(diagnostics) if config.residual == "persistence" else NoResidual()


def _increment_scale(experiment: "Experiment") -> NDArray[np.float32]:
    """The typical change of each prognostic variable over one time step, or 1.

    It is 1 for diagnostic ones, whose output is no change of anything.
    """
    scale = np.ones(len(experiment.roles.output), np.float32)
    if experiment.config.model.increment_scale == "tendency":
        prognostic = len(experiment.roles.prognostic)
        scale[:prognostic] = experiment.tendency_scale[:prognostic]
    return scale


# Encoder, processor, decoder


def _parts(experiment: "Experiment", grid: int, mesh: int) -> tuple[Mapper, Processor, Mapper]:
    """Encoder, processor, decoder, each told how wide its neighbours are."""
    config, graph = experiment.config.model, experiment.graph
    hidden, learned = config.channels, config.trainable_features
    outputs = experiment.config.data.output_steps * len(experiment.roles.output)
    encoding = MapperChannels(grid, mesh, hidden, out=hidden, edge_features=learned.encoder)
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
    """The mapper or processor that the config chooses.

    Raises:
        ConfigError: it ignores the learned features of edges that the config wants.
    """
    choice, kind = getattr(config, name), "processor" if name == "processor" else "mapper"
    part = create(kind, choice.plugin, choice.options, place, channels, where=f"model.{name}")
    learned = any(isinstance(module, EdgeFeatures) and module.trainable is not None for module in part.modules())
    if channels.edge_features and not learned:
        path = f"model.trainable_features.{name}"
        fault = f"`{path}` is {channels.edge_features}, but this {name} ignores edge features"
        raise ConfigError([Fault(path, fault)], fix="set it to 0")
    return part


# Noise


def _noise(config: ModelConfig) -> Noise | None:
    noise = config.noise
    if noise is None:
        return None
    inject_into = config.channels if noise.how == "inject" else None
    return Noise(noise.channels, noise.hidden, noise.standard_deviation, inject_into)


def _condition_channels(config: ModelConfig) -> int:
    """How wide the condition is that the processor gets; 0: none.

    Raises:
        ConfigError: the processor takes none.
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
