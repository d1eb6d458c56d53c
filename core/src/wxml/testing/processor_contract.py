"""The contract of processors, as tests."""

__all__ = ["ProcessorContract"]

import inspect
import unittest
from typing import Any, ClassVar

from wxml.graphs.graph import Graph
from wxml.model.processor import Processor, ProcessorChannels
from wxml.testing.contract import require
from wxml.testing.network_contract import NetworkContract
from wxml.testing.network_trial import Place, backward, stirred

CONDITION = 6
"""The number of noise channels where a processor is checked with a condition."""


class ProcessorContract(NetworkContract):
    """Checks of a Processor."""

    interface: ClassVar[type[Any]] = Processor
    channels: ClassVar[int] = 64
    """Channels of each mesh node."""

    def places(self, graph: Graph) -> list[Place]:
        """Place the processor on the mesh; and once more with noise as a condition, if it takes that."""
        plain = self._place(graph)
        return [plain, self._place(graph, CONDITION)] if self.plugin.takes_condition else [plain]

    def test_a_condition_is_taken_as_claimed(self) -> None:
        """With `takes_condition`, outputs depend on the condition at each node; without it, `forward` has none."""
        if not self.plugin.takes_condition:
            told = "condition" in inspect.signature(self.plugin.forward).parameters
            require(not told, "`forward` takes `condition`, which core passes only to a class with `takes_condition`")
            return
        place = self._places()[-1]
        if not place.optional:
            refusal = self._refusal(self._place(self._main_graph(), CONDITION))
            raise unittest.SkipTest(f"with these options it refuses a condition: {refusal and refusal.message}")
        module, (state, condition) = stirred(self._module(place).eval()), self._inputs(place)
        condition.requires_grad_()
        (output,) = self._outputs(module, (state, condition))
        self._require_shapes(place, module, (output,), len(state))
        backward(self._loss((output,)))
        reached = condition.grad is not None and condition.grad.ne(0).any(-1).all()
        require(reached, "the output does not depend on the condition of each node")

    def _place(self, graph: Graph, condition: int = 0) -> Place:
        mesh = graph.mesh()
        shape, noise = (len(mesh.nodes), self.channels), (len(mesh.nodes), condition)
        name, inputs = ("processor with a condition", (shape, noise)) if condition else ("processor", (shape,))
        channels = ProcessorChannels(self.channels, condition)
        return Place(name, (mesh, channels), inputs, lambda _: (shape,), optional=condition > 0)
