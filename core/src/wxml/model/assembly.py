"""Builds the model that an experiment describes."""

__all__ = ["assemble_model"]

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from wxml.errors import DataError, nearest
from wxml.interfaces.mapper import Mapper, MapperChannels
from wxml.interfaces.processor import Processor
from wxml.model.bounding import Bounding
from wxml.model.encode_process_decode import EncodeProcessDecode
from wxml.model.node_features import GridFeatures, MeshFeatures
from wxml.model.residual import LastState, NoResidual
from wxml.model.tensors import node_tensor
from wxml.plugins.create import create

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
    )
    mesh = MeshFeatures(graph.nodes["mesh"], config.trainable_features.mesh)
    residual: nn.Module = LastState(len(roles.diagnostic)) if config.residual == "last-state" else NoResidual()
    scale = node_tensor(_increment_scale(experiment)) if config.increment_scale == "tendency" else None
    parts = _parts(experiment, grid.channels, mesh.channels)
    return EncodeProcessDecode(grid, mesh, parts, residual, Bounding(*_limits(experiment)), scale)


def _increment_scale(experiment: "Experiment") -> NDArray[np.float32]:
    """The typical change of each prognostic variable; 1 for diagnostic ones, whose output is no change of anything."""
    scale = experiment.tendency_scale.copy()
    scale[len(experiment.roles.prognostic) :] = 1
    return scale


def _parts(experiment: "Experiment", grid: int, mesh: int) -> tuple[Mapper, Processor, Mapper]:
    """Encoder, processor, decoder, each told how wide its neighbours are."""
    config, graph, outputs = experiment.config.model, experiment.graph, len(experiment.roles.output)
    hidden = config.channels
    encoding = MapperChannels(source=grid, target=mesh, hidden=hidden, out=hidden)
    encoder: Mapper = create(
        "mapper",
        config.encoder.plugin,
        config.encoder.options,
        graph.route("grid", "mesh"),
        encoding,
        where="model.encoder",
    )
    processor: Processor = create(
        "processor",
        config.processor.plugin,
        config.processor.options,
        graph.mesh(),
        hidden,
        where="model.processor",
    )
    decoding = MapperChannels(source=hidden, target=encoder.source_out, hidden=hidden, out=outputs, decode=True)
    decoder: Mapper = create(
        "mapper",
        config.decoder.plugin,
        config.decoder.options,
        graph.route("mesh", "grid"),
        decoding,
        where="model.decoder",
    )
    return encoder, processor, decoder


def _limits(experiment: "Experiment") -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The limits of `model.bounding` in model space, infinite where there are none; shape `[output variable]` each."""
    names, bounds = experiment.roles.output, experiment.config.model.bounding
    lowest, highest = np.full(len(names), -np.inf, np.float32), np.full(len(names), np.inf, np.float32)
    for name, bound in bounds.items():
        if name not in names:
            raise DataError(f"`model.bounding` limits {name!r}, which is not forecast", fix=nearest(name, names))
        where = names.index(name)
        for limits, value in ((lowest, bound.minimum), (highest, bound.maximum)):
            if value is not None:
                limits[where] = experiment.space.forward(np.array([[value]], np.float32), (name,))[0, 0]
    return lowest, highest
