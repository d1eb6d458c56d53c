"""The order of variables, coordinates and learned features in the tensors of an Anemoi model."""

__all__ = ["GEOMETRY", "AnemoiLayout", "FeatureOrder"]

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor
from wxml import EncodeProcessDecode, VariableRoles
from wxml.errors import DataError, nearest

from wxml_anemoi.graph import AnemoiEdges

GEOMETRY = [0, 2, 1, 3]
"""For each of our sin φ, cos φ, sin λ, cos λ, its place in Anemoi's sin φ, sin λ, cos φ, cos λ."""


@dataclass(frozen=True, slots=True, eq=False)
class AnemoiLayout:
    """The variables and edges of an Anemoi model, which its weights do not name."""

    inputs: tuple[str, ...]
    """The prognostic and forcing variables that the model reads, in Anemoi's order, by our names."""
    outputs: tuple[str, ...]
    """The prognostic and diagnostic variables that the model forecasts, in Anemoi's order, by our names."""
    edges: Mapping[tuple[str, str], AnemoiEdges] = field(default_factory=dict)
    """The edges of the graph by our names of the node sets; needed if features of edges are learned."""


@dataclass(frozen=True, slots=True)
class FeatureOrder:
    """For each of our columns or rows, the number of the one at Anemoi that it takes."""

    grid: Tensor
    """Columns of weights that read the features of the grid: variables time by time, coordinates, learned features."""
    mesh: Tensor
    """Columns of weights that read the features of the mesh: coordinates, learned features."""
    output: Tensor
    """Rows of weights that write the forecast: variables, one output step after the other."""

    @classmethod
    def between(cls, model: EncodeProcessDecode, layout: AnemoiLayout, roles: VariableRoles) -> "FeatureOrder":
        """The order of the features of `model`, from the variables of `layout` and of `roles`.

        Raises:
            DataError: the variables of the layout are not those of the roles.
        """
        inputs = _positions(roles.input, layout.inputs, "inputs")
        outputs = _positions(roles.output, layout.outputs, "outputs")
        nodes = model.grid_features.nodes.channels
        count = len(inputs)
        times = (model.grid_features.channels - nodes) // count
        variables = [time * count + place for time in range(times) for place in inputs]
        node_columns = [*GEOMETRY, *range(len(GEOMETRY), nodes)]
        grid = variables + [times * count + place for place in node_columns]
        mesh = [*GEOMETRY, *range(len(GEOMETRY), model.mesh_features.channels)]
        steps = model.decoder.channels.out // len(outputs)
        output = [step * len(outputs) + place for step in range(steps) for place in outputs]
        return cls(torch.tensor(grid), torch.tensor(mesh), torch.tensor(output))


def _positions(ours: tuple[str, ...], theirs: tuple[str, ...], name: str) -> list[int]:
    """For each of our variables, its place among `theirs`; `name` is for the message if they differ."""
    for variable in sorted(set(ours).symmetric_difference(theirs)):
        whose, known = ("the model's", theirs) if variable in ours else ("Anemoi's", ours)
        raise DataError(
            f"variable {variable!r} is in {whose} {name} only: both must have the same",
            fix=nearest(variable, known),
        )
    if len(theirs) != len(ours):
        raise DataError(f"a variable is twice in `{name}`, got {theirs}", fix="name each once")
    return [theirs.index(variable) for variable in ours]
