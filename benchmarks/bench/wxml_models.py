"""wxml's modules on the same graph."""

__all__ = ["wxml_mapper", "wxml_processor", "wxml_subject"]

import numpy as np
import torch
from torch import Tensor, nn
from wxml.graphs.graph import Graph, Mesh, Route
from wxml.model.bounding import Bounding
from wxml.model.encode_process_decode import EncodeProcessDecode
from wxml.model.features import GridFeatures, MeshFeatures
from wxml.model.mapper import Mapper, MapperChannels
from wxml.model.processor import Processor, ProcessorChannels
from wxml.model.residual import Persistence

from bench.graph_file import Arrays, wxml_graph
from bench.passes import Subject
from bench.workloads import INPUT_STEPS, TRAINABLE, WINDOW, Case


def wxml_processor(family: str, mesh: Mesh, channels: ProcessorChannels, layers: int, heads: int) -> Processor:
    """The processor of a family, with the peer's activation."""
    if family == "gnn":
        from wxml_processor_gnn.processor import GnnProcessor

        return GnnProcessor(mesh, channels, num_layers=layers, activation="gelu")
    if family == "graph-transformer":
        from wxml_processor_transformer.graph_transformer_processor import GraphTransformerProcessor

        return GraphTransformerProcessor(mesh, channels, num_layers=layers, num_heads=heads)
    from wxml_processor_transformer.transformer_processor import TransformerProcessor

    return TransformerProcessor(mesh, channels, num_layers=layers, num_heads=heads, window=WINDOW)


def wxml_mapper(family: str, route: Route, channels: MapperChannels, heads: int) -> Mapper:
    """The mapper of a family; a transformer's is the graph transformer's, as the peer's is."""
    if family == "gnn":
        from wxml_processor_gnn.mapper import GnnMapper

        return GnnMapper(route, channels, activation="gelu")
    from wxml_processor_transformer.graph_transformer_mapper import GraphTransformerMapper

    return GraphTransformerMapper(route, channels, num_heads=heads)


def _built_processor(case: Case, graph: Graph) -> Processor:
    size = case.shape
    learned = 0 if case.family == "transformer" else TRAINABLE  # it reads no edges
    channels = ProcessorChannels(size.channels, edge_features=learned)
    return wxml_processor(case.family, graph.mesh(), channels, size.layers, size.heads)


def _encoder(case: Case, graph: Graph, grid: int, mesh: int) -> Mapper:
    hidden = case.shape.channels
    channels = MapperChannels(grid, mesh, hidden, out=hidden, edge_features=TRAINABLE)
    return wxml_mapper(case.family, graph.route("grid", "mesh"), channels, case.shape.heads)


def _processor(case: Case, graph: Graph) -> Subject:
    processor = _built_processor(case, graph)
    state = torch.randn(1, len(graph.nodes["mesh"]), case.shape.channels, requires_grad=True)
    return Subject(processor, (state,), lambda: processor(state))


def _mapper(case: Case, graph: Graph) -> Subject:
    geometry = 4 + TRAINABLE
    widths = {"grid": INPUT_STEPS * case.shape.variables + geometry, "mesh": geometry}
    mapper = _encoder(case, graph, *widths.values())
    source, target = (
        torch.randn(1, len(graph.nodes[name]), width, requires_grad=True) for name, width in widths.items()
    )
    return Subject(mapper, (source, target), lambda: mapper(source, target)[1])


def _model(case: Case, graph: Graph) -> Subject:
    size, hidden = case.shape, case.shape.channels
    grid = GridFeatures(graph.nodes["grid"], TRAINABLE, INPUT_STEPS, size.variables, 0)
    mesh = MeshFeatures(graph.nodes["mesh"], TRAINABLE)
    encoder = _encoder(case, graph, grid.channels, mesh.channels)
    widths = MapperChannels(hidden, encoder.source_out, hidden, size.variables, decode=True, edge_features=TRAINABLE)
    decoder = wxml_mapper(case.family, graph.route("mesh", "grid"), widths, size.heads)
    limits = np.full(size.variables, np.inf, np.float32)
    parts = encoder, _built_processor(case, graph), decoder
    unit = torch.ones(size.variables)
    model = EncodeProcessDecode((grid, mesh), parts, Persistence(0), Bounding(-limits, limits), unit)
    states = torch.randn(1, INPUT_STEPS, len(graph.nodes["grid"]), size.variables)
    return _whole(model, states, states[..., :0])


def _whole(model: nn.Module, states: Tensor, forcings: Tensor) -> Subject:
    return Subject(model, (), lambda: model(states, forcings))


PARTS = {"processor": _processor, "mapper": _mapper, "model": _model}


def wxml_subject(case: Case, arrays: Arrays) -> Subject:
    """The case as wxml does it."""
    return PARTS[case.part](case, wxml_graph(arrays))
