"""The contract of mappers, as tests: a mapper is checked as an encoder and as a decoder."""

__all__ = ["MapperContract"]

from typing import Any, ClassVar

from wxml.graphs.graph import Graph
from wxml.model.mapper import Mapper, MapperChannels
from wxml.testing.contract import require
from wxml.testing.network_contract import NetworkContract
from wxml.testing.network_trial import Place


class MapperContract(NetworkContract):
    """Checks of a Mapper, which must serve as encoder and as decoder unless the test narrows `directions`."""

    interface: ClassVar[type[Any]] = Mapper
    channels: ClassVar[int] = 64
    """Channels inside the model."""
    directions: ClassVar[tuple[str, ...]] = ("encoder", "decoder", "decoder behind another encoder")
    """The places to check; the last is a decoder whose grid nodes have another width than its mesh nodes."""

    def places(self, graph: Graph) -> list[Place]:
        """Place the mapper as encoder, from the grid to the mesh, and as decoder, from the mesh to the grid."""
        hidden = self.channels
        channels = {
            "encoder": MapperChannels(source=5, target=4, hidden=hidden, out=hidden),
            "decoder": MapperChannels(source=hidden, target=hidden, hidden=hidden, out=2, decode=True),
            "decoder behind another encoder": MapperChannels(hidden, 5, hidden, 2, decode=True),
        }
        return [self._place(name, graph, channels[name]) for name in self.directions]

    def test_source_out_is_the_width_of_the_updated_source(self) -> None:
        """`source_out` equals the number of channels of the updated source."""
        for place in self._places():
            module: Any = self._module(place)
            updated = self._outputs(module, self._inputs(place))[0].shape[-1]
            text = f"{place.name}: `source_out` is {module.source_out!r}, the updated source has {updated} channels"
            require(module.source_out == updated, text)

    def _place(self, name: str, graph: Graph, channels: MapperChannels) -> Place:
        route = graph.route("mesh", "grid") if channels.decode else graph.route("grid", "mesh")
        source, target = len(route.source), len(route.target)
        return Place(
            name,
            (route, channels),
            ((source, channels.source), (target, channels.target)),
            lambda module: ((source, module.source_out), (target, channels.out)),
            1 if channels.decode else 0,  # core has no use for a decoder's source
        )
