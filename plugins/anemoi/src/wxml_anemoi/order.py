"""Where variables, coordinates and learned features are in the tensors of an Anemoi model."""

__all__ = ["GEOMETRY", "AnemoiLayout", "FeatureOrder"]

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor
from wxml import VariableRoles
from wxml.errors import DataError, nearest
from wxml.model.encode_process_decode import EncodeProcessDecode

from wxml_anemoi.graph import AnemoiEdges

GEOMETRY = [0, 2, 1, 3]
"""Where our sin φ, cos φ, sin λ, cos λ are in Anemoi's sin φ, sin λ, cos φ, cos λ."""


@dataclass(frozen=True, slots=True, eq=False)
class AnemoiLayout:
    """What the weights of an Anemoi model do not say about it."""

    inputs: tuple[str, ...]
    """The variables that it reads, prognostic and forcing, in its order, by our names."""
    outputs: tuple[str, ...]
    """The variables that it forecasts, prognostic and diagnostic, in its order, by our names."""
    edges: Mapping[tuple[str, str], AnemoiEdges] = field(default_factory=dict)
    """The edges of its graph by our names of the node sets; needed where features of edges are learned."""


@dataclass(frozen=True, slots=True)
class FeatureOrder:
    """For each of our columns or rows, the number of Anemoi's."""

    grid: Tensor
    """Columns of what reads the features of the grid: variables time by time, coordinates, learned features."""
    mesh: Tensor
    """Columns of what reads the features of the mesh: coordinates, learned features."""
    output: Tensor
    """Rows of what writes the forecast: variables, one output step after the other."""

    @classmethod
    def between(cls, model: EncodeProcessDecode, layout: AnemoiLayout, roles: VariableRoles) -> "FeatureOrder":
        """The order of a model.

        Raises:
            DataError: the variables of the layout are not those of the roles.
        """
        inputs = _positions(roles.input, layout.inputs, "inputs")
        outputs = _positions(roles.output, layout.outputs, "outputs")
        nodes = model.grid_features.nodes.channels
        count = len(inputs)
        times = (model.grid_features.channels - nodes) // count
        variables = [time * count + place for time in range(times) for place in inputs]
        grid = variables + [times * count + place for place in _node_columns(nodes)]
        mesh = _node_columns(model.mesh_features.channels)
        steps = model.decoder.channels.out // len(outputs)
        output = [step * len(outputs) + place for step in range(steps) for place in outputs]
        return cls(torch.tensor(grid), torch.tensor(mesh), torch.tensor(output))


def _node_columns(channels: int) -> list[int]:
    return [*GEOMETRY, *range(len(GEOMETRY), channels)]


def _positions(ours: tuple[str, ...], theirs: tuple[str, ...], name: str) -> list[int]:
    """Where each of our variables is in theirs."""
    for variable in sorted(set(ours).symmetric_difference(theirs)):
        whose, known = ("the model's", theirs) if variable in ours else ("Anemoi's", ours)
        raise DataError(
            f"variable {variable!r} is in {whose} {name} only: both must have the same",
            fix=nearest(variable, known),
        )
    if len(theirs) != len(ours):
        raise DataError(f"a variable is twice in `{name}`, got {theirs}", fix="name each once")
    return [theirs.index(variable) for variable in ours]
