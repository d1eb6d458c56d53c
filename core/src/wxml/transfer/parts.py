"""Carries the weights of each part of a model over: mappers by their columns and rows, learned features by places."""

__all__ = ["carry_parts", "renamed_weights"]

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from wxml.graphs.graph import GRID, MESH, Graph
from wxml.graphs.node_set import NodeSet
from wxml.model.encode_process_decode import EncodeProcessDecode
from wxml.model.mapper import Mapper
from wxml.model.several_grids import GridVariables, SeveralDecoders, SeveralEncoders, Unread
from wxml.model.split_variables import grid_variables
from wxml.transfer.carried import Carried
from wxml.transfer.inputs import InputMap, input_map, node_columns
from wxml.transfer.outputs import OutputMap, output_map
from wxml.transfer.pairs import Pair
from wxml.transfer.reading import Reading, reading_of
from wxml.transfer.report import part_of
from wxml.transfer.side import Side

INSIDE = {"grid_features": "features", "encoder": "encoders", "decoder": "decoders"}
"""Where a model of several grids keeps those of each."""
BLOCK = 1 << 24
"""So many distances are computed at once."""


@dataclass(frozen=True, slots=True)
class _NodeSets:
    """A data node set of the new model, and the one of the checkpoint whose weights it takes over."""

    new: str
    new_place: int
    old: str
    old_place: int


@dataclass(frozen=True, slots=True)
class _Place:
    """A data node set of the new model."""

    side: Side
    nodes: str


def renamed_weights(weights: Mapping[str, Tensor], parent: Side, child: Side) -> dict[str, Tensor]:
    """The weights of a checkpoint by the names of the new model, which may have a node set for each of several grids.

    Weights of a node set that the new model does not have keep their name.
    """
    prefixes = {
        _prefix(child.graph, part, pair.new_place): _prefix(parent.graph, part, pair.old_place)
        for pair in _node_sets(parent, child)
        for part in INSIDE
    }
    found = {f"{new}{name.removeprefix(old)}": t for new, old in prefixes.items() for name, t in weights.items()
             if name.startswith(old)}  # fmt: skip
    old = tuple(prefixes.values())
    return {**{name: tensor for name, tensor in weights.items() if not name.startswith(old)}, **found}


def carry_parts(
    carried: Carried, model: EncodeProcessDecode, sides: tuple[Side, Side], pairs: Mapping[str, Pair]
) -> None:
    """Make the weights of mappers and learned features fit the variables, statistics and nodes of the new model.

    Args:
        carried: the weights of the checkpoint by their new names; changed in place.
        model: the new model.
        sides: that of the checkpoint and that of the new model.
        pairs: the variables that are taken over.
    """
    parent, child = sides
    for found in _node_sets(parent, child):
        old, new = ((side, _grids(side)[name]) for side, name in ((parent, found.old), (child, found.new)))
        names = {part: _prefix(child.graph, part, found.new_place) for part in INSIDE}
        place = _Place(child, found.new)
        inputs, encoder = input_map(old, new, pairs), _encoder(model, found.new_place)
        hands_on = _carry_encoder(carried, encoder, names["encoder"], place, (inputs, _mesh_map(*sides)))
        decoder = _decoder(model, found.new_place)
        if isinstance(decoder, Mapper):
            read = inputs if hands_on else None
            _carry_decoder(carried, decoder, names["decoder"], place, (read, output_map(old, new, pairs)))
        features = f"{names['grid_features']}nodes.trainable"
        _place(carried, features, (parent.graph.nodes[found.old], child.graph.nodes[found.new]),
               child.config.model.trainable_features.grid)  # fmt: skip
    mesh = parent.graph.nodes[MESH], child.graph.nodes[MESH]
    _place(carried, "mesh_features.trainable", mesh, child.config.model.trainable_features.mesh)
    if parent.graph.identity != child.graph.identity:
        of_parts = (name for name in carried.weights if part_of(name) != "features")
        carried.leave(
            [name for name in of_parts if name.endswith(".trainable")], "it belongs to the edges of another graph"
        )


def _carry_encoder(
    carried: Carried,
    encoder: Mapper | Unread,
    prefix: str,
    place: _Place,
    maps: tuple[InputMap, InputMap],
) -> bool:
    """Carry an encoder over; return whether it hands its source on as it is, so that the decoder reads it too."""
    inputs, mesh = maps
    if isinstance(encoder, Unread):
        carried.read(Reading(("embedding.weight",)), prefix, inputs)
        return False
    if inputs.is_identity and mesh.is_identity:
        return False
    route = place.side.graph.route(place.nodes, MESH)
    choice = place.side.config.model.encoder
    reading = reading_of(choice, "model.encoder", route, encoder.channels, ("source", "target"))
    carried.read(reading["source"], prefix, inputs)
    carried.read(reading["target"], prefix, mesh)
    return reading["source"].hands_on


def _carry_decoder(
    carried: Carried,
    decoder: Mapper,
    prefix: str,
    place: _Place,
    maps: tuple[InputMap | None, OutputMap],
) -> None:
    """Carry a decoder over, whose target is the raw source of the encoder if there is an input map."""
    inputs, outputs = maps
    if outputs.is_identity and (inputs is None or inputs.is_identity):
        return
    route = place.side.graph.route(MESH, place.nodes)
    choice = place.side.config.model.decoder
    reading = reading_of(choice, "model.decoder", route, decoder.channels, ("target", "out"))
    if inputs is not None:
        carried.read(reading["target"], prefix, inputs)
    carried.make(reading["out"], prefix, outputs)


def _mesh_map(parent: Side, child: Side) -> InputMap:
    learned = (side.config.model.trainable_features.mesh for side in (parent, child))
    matrix = node_columns(*learned)
    return InputMap(matrix, np.zeros(len(matrix)))


def _node_sets(parent: Side, child: Side) -> list[_NodeSets]:
    """Pair the data node sets by name; a checkpoint with one serves every new one."""
    old, new = parent.graph.data, child.graph.data
    pairs = [(name, name if name in old else old[0]) for name in new if name in old or len(old) == 1]
    return [_NodeSets(name, new.index(name), origin, old.index(origin)) for name, origin in pairs]


def _grids(side: Side) -> dict[str, GridVariables]:
    return grid_variables(side.graph, side.preprocessing)


def _prefix(graph: Graph, part: str, place: int) -> str:
    return f"{part}." if graph.data == (GRID,) else f"{part}.{INSIDE[part]}.{place}."


def _encoder(model: EncodeProcessDecode, place: int) -> Mapper | Unread:
    """The encoder of one data node set."""
    part: Any = model.encoder
    found: Any = part.encoders[place] if isinstance(part, SeveralEncoders) else part
    encoder: Mapper | Unread = found
    return encoder


def _decoder(model: EncodeProcessDecode, place: int) -> nn.Module:
    """The decoder of one data node set; one without outputs has an identity."""
    part: Any = model.decoder
    found: nn.Module = part.decoders[place] if isinstance(part, SeveralDecoders) else part
    return found


def _place(carried: Carried, name: str, nodes: tuple[NodeSet, NodeSet], width: int) -> None:
    if name in carried.weights and width:
        carried.place(name, _nearest(*nodes), width)


def _nearest(old: NodeSet, new: NodeSet) -> NDArray[np.intp]:
    """The nearest old node of each new one, shape `[new node]`."""
    if len(old) == len(new) and np.allclose(old.points, new.points, rtol=0, atol=1e-9):
        return np.arange(len(new))
    step = max(1, BLOCK // len(old))
    parts = [np.argmax(new.points[first : first + step] @ old.points.T, axis=1) for first in range(0, len(new), step)]
    return np.concatenate(parts)
