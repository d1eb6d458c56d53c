"""Builds the model that an experiment describes."""

__all__ = ["assemble_model"]

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from wxml.config.schema import ModelConfig
from wxml.errors import ConfigError, Fault, WxmlError
from wxml.model.checkpointing import choose_kept
from wxml.model.edge_features import EdgeFeatures
from wxml.model.encode_process_decode import EncodeProcessDecode
from wxml.model.limits import make_bounding
from wxml.model.mapper import Mapper, MapperChannels
from wxml.model.node_features import GridFeatures, MeshFeatures
from wxml.model.noise import Noise
from wxml.model.processor import Processor
from wxml.model.residual import LastState, NoResidual, TruncatedState
from wxml.model.tensors import node_tensor
from wxml.plugins.catalog import PluginRecord, installed
from wxml.plugins.create import create
from wxml.plugins.load import load, load_plugin

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
        node_tensor(experiment.tendency_scale[: len(roles.prognostic)]) if config.earlier_states == "changes" else None,
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
    choose_kept(model, config.checkpointing)
    return model


def _residual(experiment: "Experiment") -> nn.Module:
    config, graph, diagnostics = experiment.config.model, experiment.graph, len(experiment.roles.diagnostic)
    if config.residual == "truncated":
        down, up = graph.route("grid", "mesh"), graph.route("mesh", "grid")
        return TruncatedState(down, up, config.truncation_width, diagnostics)
    return LastState(diagnostics) if config.residual == "last-state" else NoResidual()


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
    hidden = experiment.config.model.channels
    outputs = experiment.config.data.output_steps * len(experiment.roles.output)
    encoder = _mapper(experiment, "encoder", MapperChannels(source=grid, target=mesh, hidden=hidden, out=hidden))
    processor = _processor(experiment)
    decoding = MapperChannels(source=hidden, target=encoder.source_out, hidden=hidden, out=outputs, decode=True)
    return encoder, processor, _mapper(experiment, "decoder", decoding)


def _mapper(experiment: "Experiment", name: Literal["encoder", "decoder"], channels: MapperChannels) -> Mapper:
    config, ends = experiment.config.model, ("mesh", "grid") if channels.decode else ("grid", "mesh")
    choice, trainable = getattr(config, name), getattr(config.trainable_features, name)
    route = replace(experiment.graph.route(*ends), trainable_features=trainable)
    mapper: Mapper = create("mapper", choice.plugin, choice.options, route, channels, where=f"model.{name}")
    _require_edge_features(mapper, trainable, name)
    return mapper


def _processor(experiment: "Experiment") -> Processor:
    config = experiment.config.model
    choice, trainable = config.processor, config.trainable_features.processor
    mesh = replace(
        experiment.graph.mesh(), trainable_features=trainable, condition_channels=_condition_channels(config)
    )
    processor: Processor = create(
        "processor", choice.plugin, choice.options, mesh, config.channels, where="model.processor"
    )
    _require_edge_features(processor, trainable, "processor")
    return processor


def _require_edge_features(part: nn.Module, trainable: int, name: str) -> None:
    """Refuse features that would be learned by nobody."""
    if trainable and not any(isinstance(module, EdgeFeatures) for module in part.modules()):
        fault = f"this {name} reads no features of edges, so it has none to learn, got {trainable}"
        raise ConfigError([Fault(f"model.trainable_features.{name}", fault)], fix="set it to 0, or choose another part")


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
    if not load_plugin("processor", name, where="model.processor").takes_condition:  # type: ignore[attr-defined]
        able = ", ".join(r.name for r in installed().select("processor") if _takes_condition(r)) or "none"
        fault = f"processor {name!r} takes no noise as a condition; installed processors that do: {able}"
        raise ConfigError([Fault("model.noise.how", fault)], fix="`how: inject` works with every processor")
    return config.noise.channels


def _takes_condition(record: PluginRecord) -> bool:
    try:
        return bool(load(record).takes_condition)  # type: ignore[attr-defined]
    except WxmlError:  # broken or disabled, and nobody asked for it
        return False
