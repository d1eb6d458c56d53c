"""Makes a network in the places where core would put it, runs it, and compares its outputs and gradients."""

__all__ = ["NetworkTrial", "Place", "backward", "require_gradients_close", "stirred"]

import unittest
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from wxml.errors import DataError, WxmlError
from wxml.graphs.graph import Graph
from wxml.plugins.create import parse_options
from wxml.testing.contract import Contract, require
from wxml.testing.data_parallel import Share, gradients_of
from wxml.testing.tiny_graphs import GRAPHS

Tensors = tuple[Tensor, ...]
Gradients = Mapping[str, Tensor]
Shape = tuple[int, int]

OTHER_GRAPH = (
    "check it on a graph that it takes: `graphs()` of its test class, or `wxml check-plugin … --graph BUILDER`"
)
WELL_CONNECTED = ("globe", "limited area")
"""The tiny graphs for the checks that need one graph only; the plugin may refuse the first."""
COMPILED_TOLERANCE = 1e-4  # other kernels, another order of sums


@dataclass(frozen=True, slots=True)
class Place:
    """One place of a network in a model."""

    name: str
    positional: tuple[object, ...]
    """The arguments that core passes to the constructor."""
    inputs: tuple[Shape, ...]
    """The numbers of nodes and channels of each input."""
    outputs: Callable[[Any], tuple[Shape, ...]]
    """Returns the numbers of nodes and channels of each output of a module."""
    used_from: int = 0
    """The number of the first output that core uses; core drops those before it."""
    optional: bool = False
    """Whether the plugin may refuse it, with these options."""


class NetworkTrial(Contract, ABC):
    """The steps from which the checks of a torch module on a graph are made."""

    seed: ClassVar[int] = 7

    @abstractmethod
    def places(self, graph: Graph) -> list[Place]:
        """Return the places that such a network can have in a model on `graph`; the first is not optional."""

    def graphs(self) -> Mapping[str, Graph]:
        """Return graphs by name for a plugin that refuses tiny ones; the first then serves every check of one graph.

        The plugin must not refuse them. Without any, the checks take the tiny graphs.
        """
        return {}

    def sample(self) -> Any:
        """Make a module for the first of its places."""
        return self._module(self.places(self._main_graph())[0])

    def rehearse(self) -> None:
        """Run one forward pass in each place."""
        for place in self._served(self._main_graph()):
            self._outputs(self._module(place), self._inputs(place))

    def _places(self) -> list[Place]:
        """The places of the plugin on the main graph; the check is skipped if it takes none."""
        try:
            return self._served(self._main_graph())
        except WxmlError as error:
            raise unittest.SkipTest(error.message) from error

    def _main_graph(self) -> Graph:
        """The first of the plugin's own graphs, or else the first well-connected tiny one that it takes.

        Raises:
            WxmlError: it takes none of the tiny ones.
        """
        own = self.graphs()
        if own:
            return next(iter(own.values()))
        refusals: dict[str, WxmlError] = {}
        for name in WELL_CONNECTED:
            graph = GRAPHS[name]()
            try:
                self._served(graph)
            except WxmlError as error:
                refusals[name] = error
            else:
                return graph
        if len({error.message for error in refusals.values()}) == 1:  # it is not about the graph
            raise next(iter(refusals.values()))
        reasons = "; ".join(f"{name}: {error.message}" for name, error in refusals.items())
        raise DataError(f"the plugin refuses the tiny graphs ({reasons})", fix=OTHER_GRAPH)

    def _served(self, graph: Graph) -> list[Place]:
        """The places on `graph`, without the optional ones that the plugin refuses.

        Raises:
            WxmlError: the plugin refuses the graph.
        """
        first, *others = self.places(graph)
        self._try(first)
        return [first, *(place for place in others if not place.optional or self._refusal(place) is None)]

    def _refusal(self, place: Place) -> WxmlError | None:
        """Why the constructor refuses a place; None if it does not, or if it is at fault itself."""
        try:
            self._try(place)
        except WxmlError as error:
            return error
        return None

    def _try(self, place: Place) -> None:
        """Make a module; what is no refusal, such as a fault of the plugin, shows in the check.

        Raises:
            WxmlError: the options are wrong, or the constructor refuses the place.
        """
        parse_options(self.plugin, self.options)
        try:
            self._module(place)
        except WxmlError as error:
            if error.exit_code == DataError.exit_code:
                raise
        except (Exception, SystemExit):  # noqa: BLE001  # whatever a plugin raises
            return

    def _module(self, place: Place, seed: int | None = None) -> nn.Module:
        """Make a module with fresh weights; the caller's random state does not change."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed if seed is None else seed)
            module = self.make(*place.positional)
        require(isinstance(module, nn.Module), f"expected a torch module, got {type(module).__name__}")
        fit: nn.Module = module
        return fit

    def _inputs(self, place: Place, batch: int = 2) -> Tensors:
        """Draw normal random numbers, always the same."""
        generator = torch.Generator().manual_seed(self.seed)
        return tuple(torch.randn(batch, *shape, generator=generator) for shape in place.inputs)

    def _outputs(self, module: nn.Module, inputs: Tensors) -> Tensors:
        """Run a forward pass and return its outputs, which must be tensors; keep the caller's random state."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            outputs = as_tuple(module(*inputs))
        wrong = [type(values).__name__ for values in outputs if not isinstance(values, Tensor)]
        require(not wrong, f"forward must return tensors, got {', '.join(wrong)}")
        return outputs

    def _loss(self, outputs: Tensors) -> Tensor:
        """Sum all outputs, each value times its own random number."""
        generator = torch.Generator().manual_seed(self.seed + 1)
        parts = [(values.float() * torch.randn(values.shape, generator=generator)).sum() for values in outputs]
        return torch.stack(parts).sum()

    def _require_works_on_tiny(self, name: str) -> None:
        """Skip the check if the plugin refuses the graph."""
        parse_options(self.plugin, self.options)
        try:
            places = self._served(GRAPHS[name]())
        except WxmlError as error:
            raise unittest.SkipTest(f"the plugin refuses this graph: {error.message}") from error
        self._require_works_on(name, places)

    def _require_works_on(self, name: str, places: Sequence[Place]) -> None:
        for place in places:
            module = self._module(place)
            for batch in (1, 2):
                inputs = self._inputs(place, batch)
                self._require_shapes(place, module, self._outputs(module, inputs), batch)
                self._require_finite(f"{place.name} on the graph `{name}`", module, inputs, place)

    def _require_shapes(self, place: Place, module: nn.Module, outputs: Tensors, batch: int) -> None:
        expected = [(batch, *shape) for shape in place.outputs(module)]
        found = [tuple(values.shape) for values in outputs]
        require(found == expected, f"{place.name}: outputs must have shapes {expected}, got {found}")
        dtypes = sorted({str(values.dtype) for values in outputs})
        require(dtypes == ["torch.float32"], f"{place.name}: float32 inputs gave outputs of {', '.join(dtypes)}")

    def _require_finite(self, what: str, module: nn.Module, inputs: Tensors, place: Place) -> None:
        module.zero_grad()
        inputs = tuple(values.clone().requires_grad_() for values in inputs)
        outputs = self._outputs(module, inputs)
        require(all(torch.isfinite(values).all() for values in outputs), f"{what}: the output is not finite")
        torch.autograd.backward(self._loss(outputs[place.used_from :]))
        gradients = {name: weight.grad for name, weight in module.named_parameters()}
        gradients |= {f"input {number}": values.grad for number, values in enumerate(inputs)}
        wrong = [name for name, values in gradients.items() if values is not None and not torch.isfinite(values).all()]
        require(not wrong, f"{what}: the gradient of {', '.join(wrong)} is not finite")

    def _require_independent(self, place: Place, module: nn.Module, inputs: Tensors) -> None:
        """Fail if item 1 of the outputs has a gradient in another item of the inputs; batch norms fail here."""
        inputs = tuple(values.clone().requires_grad_() for values in inputs)
        outputs = self._outputs(module, inputs)
        torch.autograd.backward(self._loss(tuple(values[1] for values in outputs)))
        mixed = any(values.grad is not None and values.grad[[0, 2]].any() for values in inputs)
        require(not mixed, f"{place.name}: an item of the batch depends on the others; normalise over channels instead")

    def _require_close(self, found: Tensor, expected: Tensor, message: str) -> None:
        error = float((found - expected).abs().max().detach())
        scale = float(expected.abs().max().detach())
        require(error <= 1e-4 * scale + 1e-6, f"{message}: off by {error:.2g}, the largest value is {scale:.2g}")

    def _require_same_when_compiled(self, place: Place, compile_: Callable[[nn.Module], Any]) -> None:
        module, inputs = stirred(self._module(place).eval()), self._inputs(place)
        expected = self._step(place, module, module, inputs)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # by torch itself
            found = self._step(place, compile_(module), module, inputs)
        for ours, theirs in zip(expected[0], found[0], strict=True):
            self._require_close(theirs, ours, f"{place.name}: the compiled module gives another output")
        require_gradients_close(found[1], expected[1], COMPILED_TOLERANCE, f"{place.name}, compiled: the gradient of")

    def _step(self, place: Place, run: Any, module: nn.Module, inputs: Tensors) -> tuple[Tensors, Gradients]:
        """Return outputs and gradients of `module`; `run` is the module itself or the compiled one."""
        module.zero_grad()
        outputs = self._outputs(run, inputs)
        backward(self._loss(outputs[place.used_from :]))
        return outputs, gradients_of(module)

    def _share(self, place: Place, seed: int, items: slice) -> Share:
        """Make a module, and give it the items of a batch of two that `items` selects."""
        module = stirred(self._module(place, seed).eval())
        generator = torch.Generator().manual_seed(self.seed + 1)
        shapes = place.outputs(module)[place.used_from :]
        weights = tuple(torch.randn(2, *shape, generator=generator)[items] for shape in shapes)
        return Share(module, tuple(values[items] for values in self._inputs(place)), weights)

    def _run_with_seed(self, place: Place) -> dict[str, Tensor]:
        module, inputs = self._module(place), self._inputs(place)
        weights = {f"weight {name}": values.detach().clone() for name, values in module.state_dict().items()}
        outputs, gradients = self._step(place, module, module, inputs)
        found = {f"output {number}": values.detach() for number, values in enumerate(outputs)}
        return weights | found | {f"gradient of {name}": values for name, values in gradients.items()}


def as_tuple(outputs: Any) -> tuple[Any, ...]:
    """Return the output of a module as a tuple, even if it is a single value."""
    return tuple(outputs) if isinstance(outputs, tuple | list) else (outputs,)


def backward(loss: Tensor) -> None:
    """Compute the gradients of the weights; do nothing if the network has no weights."""
    if loss.requires_grad:
        torch.autograd.backward(loss)


def stirred(module: nn.Module) -> nn.Module:
    """Add random numbers to all weights, since a layer that starts at zero hides the layers before it."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in module.parameters():
            weight.add_(0.1 * torch.randn(weight.shape, generator=generator))
    return module


def require_gradients_close(found: Gradients, expected: Gradients, tolerance: float, what: str) -> None:
    """Fail if a gradient is off by more than `tolerance` times its norm, or times a tenth of the greatest norm.

    The greater of the two counts, since a gradient whose terms cancel has a small norm.

    Raises:
        AssertionError: begins with `what` and the name of the weight.
    """
    least = 0.1 * max((float(values.norm()) for values in expected.values()), default=0.0)
    for name, values in expected.items():
        require(name in found, f"{what} {name} is missing")
        scale = max(float(values.norm()), least)
        error = float((found[name] - values).norm())
        require(error <= tolerance * scale, f"{what} {name} is off by {error:.2g}, its norm is {scale:.2g}")
