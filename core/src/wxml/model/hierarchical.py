"""The processor `hierarchical`: other processors on the levels of a mesh, and mappers between these."""

__all__ = ["Hierarchical"]

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Any

from pydantic import Field
from torch import Tensor, nn

from wxml.errors import DataError
from wxml.graphs.graph import Mesh
from wxml.model.features import MeshFeatures
from wxml.model.layers import run_part
from wxml.model.mapper import MapperChannels
from wxml.model.processor import Processor, ProcessorChannels
from wxml.plugins.create import create
from wxml.plugins.options.choices import Kind, PluginChoice

FINEST_FIRST = "finest first; the last one serves all that follow"
Processors = Annotated[
    list[Annotated[PluginChoice, Kind("processor")]],
    Field(min_length=1, description=f"the processor of each level, {FINEST_FIRST}"),
]
Down = Annotated[
    list[Annotated[PluginChoice, Kind("mapper")]],
    Field(min_length=1, description=f"the mapper from each level to the next coarser one, {FINEST_FIRST}"),
]
Up = Annotated[
    list[Annotated[PluginChoice, Kind("mapper")]],
    Field(min_length=1, description=f"the mapper to each level from the next coarser one, {FINEST_FIRST}"),
]


class Hierarchical(Processor):
    """Goes down the levels `mesh`, `mesh:1`, … of a graph and up again, with other processors on each of them.

    With the levels 0 to n, processors P and Q, mappers D down and U up, and g the places of the nodes of a level:

        down, k = 0 … n − 1:  x_k ← x_k + P_k(x_k),  then  x_k, x_k+1 ← D_k(x_k, g_k+1)
        at the bottom:        x_n ← x_n + P_n(x_n)
        up, k = n − 1 … 0:    x_k ← x_k + U_k(x_k+1, x_k),  then  x_k ← x_k + Q_k(x_k)

    P_k and Q_k are the same plugin with weights of their own. A graph without levels has P_0 alone.
    """

    def __init__(
        self,
        mesh: Mesh,
        channels: ProcessorChannels,
        *,
        processors: Processors,
        down: Down,
        up: Up,
        coarser: Annotated[
            int | None, Field(ge=0, description="number of coarser levels; null: all that the graph has")
        ] = None,
    ) -> None:
        super().__init__(mesh, channels)
        levels = mesh.levels(coarser)
        steps = list(pairwise(level.name for level in levels))
        hidden = channels.hidden
        on_level = ProcessorChannels(hidden, edge_features=channels.edge_features)
        geometry = [MeshFeatures(level.nodes, 0) for level in levels[1:]]
        before = _parts("processor", "processors", processors, levels, [on_level] * len(levels))
        after = _parts("processor", "processors", processors, levels[:-1], [on_level] * len(steps), len(levels))
        to_coarser = [MapperChannels(hidden, place.channels, hidden, hidden) for place in geometry]
        lower = _parts("mapper", "down", down, [mesh.route(fine, coarse) for fine, coarse in steps], to_coarser)
        to_finer = [MapperChannels(hidden, mapper.source_out, hidden, hidden, decode=True) for mapper in lower]
        upper = _parts("mapper", "up", up, [mesh.route(coarse, fine) for fine, coarse in steps], to_finer)
        self.geometry, self.before, self.after = map(nn.ModuleList, (geometry, before, after))
        self.down, self.up = map(nn.ModuleList, (lower, upper))

    def forward(self, state: Tensor) -> Tensor:
        """The update of the state; both `[batch, mesh_node, channel]`."""
        states = [state + run_part(self.before[0], state)]
        for geometry, down, processor in zip(self.geometry, self.down, self.before[1:], strict=True):
            states[-1], coarse = run_part(down, states[-1], geometry(len(state)).to(state.dtype))
            states.append(coarse + run_part(processor, coarse))
        coarse = states.pop()
        for fine, up, processor in reversed(list(zip(states, self.up, self.after, strict=True))):
            raised = fine + run_part(up, coarse, fine)[1]
            coarse = raised + run_part(processor, raised)
        update: Tensor = coarse - state
        return update


def _parts(
    kind: str, name: str, choices: Sequence[PluginChoice], places: Sequence[Any], widths: Sequence[Any], most: int = 0
) -> list[Any]:
    """Make a plugin for each place; the last of `choices` serves all places that follow.

    Args:
        kind: the kind of the plugins.
        name: the option that chooses them.
        choices: the plugins.
        places: the meshes or the routes.
        widths: the channels at each place.
        most: how many choices may be there, if not one for each place.

    Raises:
        DataError: there are more choices than places.
    """
    if len(choices) > max(most or len(places), 1):
        raise DataError(
            f"`{name}` of the hierarchical processor has {len(choices)} entries, and the levels of the graph take "
            f"{most or len(places)}",
            fix="write one for each, or one for all; or choose a graph with more levels",
        )
    made = []
    for number, (place, width) in enumerate(zip(places, widths, strict=True)):
        chosen = min(number, len(choices) - 1)
        choice, where = choices[chosen], f"model.processor.{name}.{chosen}"
        made.append(create(kind, choice.plugin, choice.options, place, width, where=where))
    return made
