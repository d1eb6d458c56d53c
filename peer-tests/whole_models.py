"""A whole model of wxml and one of the peer, for the same variables in different orders."""

__all__ = ["ROLES", "our_model", "same_model", "stirred_peer"]

from collections.abc import Callable, Mapping

import numpy as np
import torch
from agreement import Agreement, agreement, stir
from parameter_match import names_of_model
from peer_graph import edges_of
from peer_parts import CHANNELS, TRAINABLE, Config, peer_model
from torch import Tensor, nn
from torch_geometric.data import HeteroData
from wxml.data.variables import VariableRoles
from wxml.graphs.graph import Graph
from wxml.model.bounding import Bounding
from wxml.model.encode_process_decode import EncodeProcessDecode
from wxml.model.features import GridFeatures, MeshFeatures
from wxml.model.mapper import Mapper, MapperChannels
from wxml.model.processor import Processor, ProcessorChannels
from wxml.model.residual import Persistence
from wxml_anemoi.claims import Claim, claims_of
from wxml_anemoi.order import GEOMETRY, AnemoiLayout, FeatureOrder
from wxml_anemoi.weights import fill_from_anemoi

Part = tuple[type[nn.Module], Config]
STEPS, BATCH = 2, 2
DATA_SET = ["z", "insolation", "t", "u", "orography", "rain"]
ROLES = VariableRoles(("u", "z", "t"), ("orography", "insolation"), ("rain",))
"""Not in the order of the data set, which is the peer's."""


def our_model(graph: Graph, processor: Part, mapper: Part, output_steps: int = 1) -> EncodeProcessDecode:
    """A model of parts given by class and options, with learned features everywhere."""
    grid = GridFeatures(graph.nodes["grid"], TRAINABLE, STEPS, len(ROLES.prognostic), len(ROLES.forcing))
    mesh = MeshFeatures(graph.nodes["mesh"], TRAINABLE)
    down, up = graph.route("grid", "mesh"), graph.route("mesh", "grid")
    make, options = mapper
    encoder: Mapper = make(
        down, MapperChannels(grid.channels, mesh.channels, CHANNELS, CHANNELS, edge_features=TRAINABLE), **options
    )
    out = len(ROLES.output)
    channels = MapperChannels(
        CHANNELS, encoder.source_out, CHANNELS, output_steps * out, decode=True, edge_features=TRAINABLE
    )
    decoder: Mapper = make(up, channels, **options)
    make, options = processor
    core: Processor = make(graph.mesh(), ProcessorChannels(CHANNELS, edge_features=TRAINABLE), **options)
    limits = np.full(out, -np.inf, np.float32), np.full(out, np.inf, np.float32)
    residual = Persistence(len(ROLES.diagnostic))
    return EncodeProcessDecode((grid, mesh), (encoder, core, decoder), residual, Bounding(*limits), torch.ones(out))


def stirred_peer(graph: HeteroData, config: Config, output_steps: int = 1) -> tuple[nn.Module, AnemoiLayout]:
    """A model of the peer with changed weights, and the layout that its weights do not tell."""
    names = {"all": DATA_SET, "forcing": list(ROLES.forcing), "diagnostic": list(ROLES.diagnostic)}
    theirs = peer_model(graph, config, names, STEPS, output_steps)
    stir(theirs)
    inputs = tuple(name for name in DATA_SET if name not in ROLES.diagnostic)
    outputs = tuple(name for name in DATA_SET if name not in ROLES.forcing)
    return theirs, AnemoiLayout(inputs, outputs, edges_of(graph))


def same_model(
    model: EncodeProcessDecode, graph: HeteroData, config: Config, output_steps: int = 1
) -> dict[torch.dtype, Agreement]:
    """Fills our model with the weights of a peer's model, and measures how far apart they are."""
    theirs, layout = stirred_peer(graph, config, output_steps)
    state = theirs.state_dict()
    names = names_of_model(model)
    fill_from_anemoi(model, state, layout, ROLES, names)
    claims = list(claims_of(model, state, layout, FeatureOrder.between(model, layout, ROLES), names))
    sides = (model, lambda *given: (model(*given),)), (theirs, _called_like_ours(theirs, layout))
    nodes = len(graph["data"].x)
    given = tuple(torch.randn(BATCH, STEPS, nodes, len(names)) for names in (ROLES.prognostic, ROLES.forcing))

    def matched(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {claim.ours: claim.values(tensors) for claim in claims if isinstance(claim, Claim)}

    single = agreement(*sides, given, matched, torch.float32)
    for name, features in (("data", model.grid_features.nodes), ("hidden", model.mesh_features)):
        # sines that one side computes in float32 and the other in float64 differ in their last bit
        features.geometry.copy_(state[f"node_attributes.latlons_{name}"][:, GEOMETRY])
    return {torch.float32: single, torch.float64: agreement(*sides, given, matched, torch.float64)}


def _called_like_ours(theirs: nn.Module, layout: AnemoiLayout) -> Callable[[Tensor, Tensor], tuple[Tensor]]:
    columns = [ROLES.input.index(name) for name in layout.inputs]
    rows = [layout.outputs.index(name) for name in ROLES.output]

    def call(states: Tensor, forcings: Tensor) -> tuple[Tensor]:
        variables = torch.cat([states, forcings], dim=-1)[..., columns]
        return (theirs({"data": variables[:, :, None]})["data"][:, :, 0][..., rows],)

    return call
