"""The contract of processors, as tests."""

__all__ = ["ProcessorContract"]

from typing import Any, ClassVar

from wxml.graphs.graph import Graph
from wxml.model.processor import Processor, ProcessorChannels
from wxml.testing.network_contract import NetworkContract
from wxml.testing.network_trial import Place


class ProcessorContract(NetworkContract):
    """Checks of a Processor."""

    interface: ClassVar[type[Any]] = Processor
    channels: ClassVar[int] = 64
    """Channels of each mesh node."""

    def places(self, graph: Graph) -> list[Place]:
        """Place the processor on the mesh."""
        mesh = graph.mesh()
        shape = (len(mesh.nodes), self.channels)
        return [Place("processor", (mesh, ProcessorChannels(self.channels)), (shape,), lambda _: (shape,))]
