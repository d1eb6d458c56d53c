"""What a processor and a mapper both promise, as networks between core's other parts."""

__all__ = ["NetworkContract", "Place"]

import copy
import unittest
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from wxml.graph import Graph
from wxml.testing.contract import Contract, require
from wxml.testing.tiny_graphs import GRAPHS, globe

Tensors = tuple[Tensor, ...]
Shape = tuple[int, int]

AUTOCAST_TOLERANCE = 0.1  # bfloat16 keeps 8 bits, 0.4 %; layers add up


@dataclass(frozen=True, slots=True)
class Place:
    """Where a network stands in a model."""

    name: str
    positional: tuple[object, ...]
    """What core hands to the constructor."""
    inputs: tuple[Shape, ...]
    """Nodes and channels of each input."""
    outputs: Callable[[Any], tuple[Shape, ...]]
    """Nodes and channels of each output of a module."""
    used_from: int = 0
    """The first of the outputs that core goes on with."""


class NetworkContract(Contract):
    """Checks of a torch module that works on the nodes of a graph."""

    seed: ClassVar[int] = 7

    def places(self, graph: Graph) -> list[Place]:
        """Where such a network stands in a model on a graph."""
        raise NotImplementedError

    def sample(self) -> Any:
        """In the first of its places."""
        return self._module(self.places(globe())[0])

    def rehearse(self) -> None:
        """One forward pass in each place."""
        for place in self.places(globe()):
            self._outputs(self._module(place), self._inputs(place))

    # Shapes and graphs

    def test_shapes_and_dtype(self) -> None:
        """Outputs have the nodes and channels of the interface, whatever the batch, in float32."""
        for place in self.places(globe()):
            module = self._module(place)
            for batch in (1, 3, 1):
                outputs = self._outputs(module, self._inputs(place, batch))
                self._require_shapes(place, module, outputs, batch)

    def test_device(self) -> None:
        """A module that was moved to a GPU works there."""
        if not torch.cuda.is_available():
            raise unittest.SkipTest("there is no GPU here")
        for place in self.places(globe()):
            module = self._module(place).cuda()
            outputs = self._outputs(module, tuple(values.cuda() for values in self._inputs(place)))
            where = {values.device.type for values in outputs}
            require(where == {"cuda"}, f"{place.name}: the inputs are on a GPU, the outputs on {sorted(where)}")

    def test_works_on_the_globe(self) -> None:
        """Forward and backward on a graph around the globe."""
        self._require_works_on("globe")

    def test_works_on_a_limited_area(self) -> None:
        """Forward and backward on a region, whose mesh has borders."""
        self._require_works_on("limited area")

    def test_works_with_an_isolated_node(self) -> None:
        """Forward and backward where no edge enters or leaves a mesh node."""
        self._require_works_on("isolated node")

    def test_works_with_one_edge(self) -> None:
        """Forward and backward where every set of edges has a single one."""
        self._require_works_on("one edge")

    # Values

    def test_outputs_and_gradients_are_finite(self) -> None:
        """No NaN and no infinity, for inputs of order one, for zeros, and for inputs of order thousand."""
        for place in self.places(globe()):
            for factor in (1.0, 0.0, 1e3):
                module = self._module(place)
                inputs = tuple(values * factor for values in self._inputs(place))
                self._require_finite(f"{place.name}, inputs times {factor:g}", module, inputs, place)

    def test_inputs_are_not_modified(self) -> None:
        """The inputs hold the same values afterwards, in training and in a forecast."""
        for place in self.places(globe()):
            module, inputs = self._module(place), self._inputs(place)
            kept = [values.clone() for values in inputs]
            for gradients in (True, False):
                with torch.set_grad_enabled(gradients):
                    self._outputs(module, inputs)
                same = all(torch.equal(a, b) for a, b in zip(kept, inputs, strict=True))
                require(same, f"{place.name}: forward changed its input in place; work on a copy")

    def test_gradients_reach_every_parameter(self) -> None:
        """Every weight takes part in what core goes on with, so that training moves all of them."""
        for place in self.places(globe()):
            module = _stirred(self._module(place).eval())
            torch.autograd.backward(self._loss(self._outputs(module, self._inputs(place))[place.used_from :]))
            trained = [(name, weight) for name, weight in module.named_parameters() if weight.requires_grad]
            lost = [name for name, weight in trained if weight.grad is None or not weight.grad.any()]
            require(not lost, f"{place.name}: no gradient reaches {', '.join(lost)}; use the parameters or remove them")

    def test_batch_items_do_not_mix(self) -> None:
        """An item of a batch gives what it gives alone, and does not depend on the others, in training either."""
        for place in self.places(globe()):
            module, inputs = self._module(place), self._inputs(place, batch=3)
            self._require_independent(place, module, inputs)
            module.eval()
            together = self._outputs(module, inputs)
            alone = self._outputs(module, tuple(values[1:2] for values in inputs))
            for whole, single in zip(together, alone, strict=True):
                self._require_close(whole[1:2], single, f"{place.name}: an item of a batch of 3 differs from it alone")

    # Reproducibility

    def test_the_seed_decides(self) -> None:
        """With torch's seed the same, weights, outputs and gradients are the same, bit for bit."""
        for place in self.places(globe()):
            first, second = self._run_with_seed(place), self._run_with_seed(place)
            differing = [name for name, values in first.items() if not torch.equal(values, second[name])]
            listed = ", ".join(differing[:5])
            require(
                not differing, f"{place.name}: {listed} differ between two runs with one seed; draw from torch alone"
            )

    def test_weights_survive_a_file(self) -> None:
        """The state saved as safetensors and loaded into a module of another seed gives the same output, bitwise."""
        for place in self.places(globe()):
            module, inputs = self._module(place).eval(), self._inputs(place)
            state = {name: values.detach().contiguous() for name, values in module.state_dict().items()}
            again = self._module(place, seed=self.seed + 1).eval()
            again.load_state_dict(load(save(state)))
            for before, after in zip(self._outputs(module, inputs), self._outputs(again, inputs), strict=True):
                same = torch.equal(before, after)
                require(
                    same, f"{place.name}: loaded weights give another output; register all state as parameter or buffer"
                )

    def test_training_may_follow_a_forecast(self) -> None:
        """After a forecast in inference mode the module, and a copy of it, can be trained."""
        for place in self.places(globe()):
            module, inputs = self._module(place).eval(), self._inputs(place)
            with torch.inference_mode():
                forecast = [values.clone() for values in self._outputs(module, inputs)]
            for trained in (module, copy.deepcopy(module)):
                outputs = self._outputs(trained, inputs)
                torch.autograd.backward(self._loss(outputs[place.used_from :]))
                for before, after in zip(forecast, outputs, strict=True):
                    self._require_close(before, after, f"{place.name}: a forecast differs from training's forward pass")

    # Speed

    def test_autocast(self) -> None:
        """In bfloat16 autocast outputs and gradients are finite and the outputs close to those in float32."""
        for place in self.places(globe()):
            module, inputs = self._module(place).eval(), self._inputs(place)
            expected = self._outputs(module, inputs)
            with torch.autocast("cpu", torch.bfloat16):
                found = self._outputs(module, inputs)
                self._require_finite(f"{place.name} in bfloat16", module, inputs, place)
            for ours, exact in zip(found, expected, strict=True):
                error = float((ours.float() - exact).detach().norm() / exact.detach().norm().clamp(min=1e-6))
                text = f"{place.name}: in bfloat16 the output is {error:.0%} off; keep what needs precision in float32"
                require(error < AUTOCAST_TOLERANCE, text)

    def test_compiled(self) -> None:
        """torch.compile gives the same outputs; traced without the code generator, which needs a C++ compiler."""
        place = self.places(globe())[-1]
        module, inputs = self._module(place).eval(), self._inputs(place)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # by torch itself
            compiled = _compiled(module)
            found = self._outputs(compiled, inputs)
        for ours, expected in zip(found, self._outputs(module, inputs), strict=True):
            self._require_close(ours, expected, f"{place.name}: the compiled module gives another output")

    # How

    def _module(self, place: Place, seed: int | None = None) -> nn.Module:
        """A fresh module; the caller's random numbers are left alone."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed if seed is None else seed)
            module = self.make(*place.positional)
        require(isinstance(module, nn.Module), f"expected a torch module, got {type(module).__name__}")
        fit: nn.Module = module
        return fit

    def _inputs(self, place: Place, batch: int = 2) -> Tensors:
        """Normal random numbers, always the same."""
        generator = torch.Generator().manual_seed(self.seed)
        return tuple(torch.randn(batch, *shape, generator=generator) for shape in place.inputs)

    def _outputs(self, module: nn.Module, inputs: Tensors) -> Tensors:
        """What a forward pass gives, which must be tensors; random numbers that it draws are left alone."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            outputs = _as_tuple(module(*inputs))
        wrong = [type(values).__name__ for values in outputs if not isinstance(values, Tensor)]
        require(not wrong, f"forward must return tensors, got {', '.join(wrong)}")
        return outputs

    def _loss(self, outputs: Tensors) -> Tensor:
        """A number in which every output counts differently."""
        generator = torch.Generator().manual_seed(self.seed + 1)
        parts = [(values.float() * torch.randn(values.shape, generator=generator)).sum() for values in outputs]
        return torch.stack(parts).sum()

    def _require_works_on(self, name: str) -> None:
        for place in self.places(GRAPHS[name]()):
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
        """What reaches item 1 of the outputs comes from item 1 of the inputs; batch norms fail here."""
        inputs = tuple(values.clone().requires_grad_() for values in inputs)
        outputs = self._outputs(module, inputs)
        torch.autograd.backward(self._loss(tuple(values[1] for values in outputs)))
        mixed = any(values.grad is not None and values.grad[[0, 2]].any() for values in inputs)
        require(not mixed, f"{place.name}: an item of the batch depends on the others; normalise over channels instead")

    def _require_close(self, found: Tensor, expected: Tensor, message: str) -> None:
        error = float((found - expected).abs().max().detach())
        scale = float(expected.abs().max().detach())
        require(error <= 1e-4 * scale + 1e-6, f"{message}, by {error:.2g} where values go up to {scale:.2g}")

    def _run_with_seed(self, place: Place) -> dict[str, Tensor]:
        module, inputs = self._module(place), self._inputs(place)
        weights = {f"weight {name}": values.detach().clone() for name, values in module.state_dict().items()}
        outputs = self._outputs(module, inputs)
        torch.autograd.backward(self._loss(outputs[place.used_from :]))
        found = {f"output {number}": values.detach() for number, values in enumerate(outputs)}
        return weights | found | dict(_gradients(module))


def _as_tuple(outputs: Any) -> tuple[Any, ...]:
    return tuple(outputs) if isinstance(outputs, tuple | list) else (outputs,)


def _compiled(module: nn.Module) -> Any:
    """The module as torch.compile makes it, from a clean slate."""
    torch.compiler.reset()
    try:
        return torch.compile(module, backend="aot_eager")
    except RuntimeError as error:
        raise unittest.SkipTest(f"torch cannot compile here: {error}") from error


def _gradients(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    for name, weight in module.named_parameters():
        if weight.grad is not None:
            yield f"gradient of {name}", weight.grad


def _stirred(module: nn.Module) -> nn.Module:
    """The module with other weights: a layer that starts at zero hides what is behind it."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in module.parameters():
            weight.add_(0.1 * torch.randn(weight.shape, generator=generator))
    return module
