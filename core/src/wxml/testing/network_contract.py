"""The checks that the contracts of processors and mappers share, as tests."""

__all__ = ["NetworkContract"]

import copy
import os
import shutil
import sys
import sysconfig
import unittest
from pathlib import Path
from typing import Any, ClassVar

import torch
from safetensors.torch import load, save
from torch import nn

from wxml.testing.contract import require
from wxml.testing.data_parallel import gradients_of_ranks
from wxml.testing.network_trial import NetworkTrial, backward, require_gradients_close, stirred

AUTOCAST_TOLERANCE = 0.1  # bfloat16 keeps 8 bits, 0.4 %; layers add up
RANKS_TOLERANCE = 1e-5  # the same kernels on fewer items
CHEAP = {"compile_threads": 1, "cpp.simdlen": 1}
"""Code without vector instructions compiles in half of the time; a pool of compilers would outlive the check."""


class NetworkContract(NetworkTrial):
    """Checks of a torch module that works on the nodes of a graph."""

    generates_code: ClassVar[bool] = True
    """Whether torch.compile is also checked with its code generator, which takes some ten seconds the first time."""

    # Shapes and graphs

    def test_shapes_and_dtype(self) -> None:
        """Outputs are float32 and have the nodes and channels of the interface, for every batch size."""
        for place in self._places():
            module = self._module(place)
            for batch in (1, 3, 1):
                outputs = self._outputs(module, self._inputs(place, batch))
                self._require_shapes(place, module, outputs, batch)

    def test_device(self) -> None:
        """A module that is moved to a GPU gives outputs on that GPU."""
        if not torch.cuda.is_available():
            raise unittest.SkipTest("there is no GPU here")
        for place in self._places():
            module = self._module(place).cuda()
            outputs = self._outputs(module, tuple(values.cuda() for values in self._inputs(place)))
            where = {values.device.type for values in outputs}
            require(where == {"cuda"}, f"{place.name}: the inputs are on a GPU, the outputs on {sorted(where)}")

    def test_works_on_its_own_graphs(self) -> None:
        """Forward and backward pass work on each graph of `graphs()`."""
        for name, graph in self.graphs().items():
            self._require_works_on(name, self._served(graph))

    def test_works_on_the_globe(self) -> None:
        """Forward and backward pass work on a graph around the globe."""
        self._require_works_on_tiny("globe")

    def test_works_on_a_limited_area(self) -> None:
        """Forward and backward pass work on a region, whose mesh has borders."""
        self._require_works_on_tiny("limited area")

    def test_works_with_an_isolated_node(self) -> None:
        """Forward and backward pass work if no edge enters or leaves a mesh node."""
        self._require_works_on_tiny("isolated node")

    def test_works_with_one_edge(self) -> None:
        """Forward and backward pass work if every edge set has a single edge."""
        self._require_works_on_tiny("one edge")

    # Values

    def test_outputs_and_gradients_are_finite(self) -> None:
        """Outputs and gradients are finite for inputs of order one, for zeros, and for inputs of order thousand."""
        for place in self._places():
            for factor in (1.0, 0.0, 1e3):
                module = self._module(place)
                inputs = tuple(values * factor for values in self._inputs(place))
                self._require_finite(f"{place.name}, inputs times {factor:g}", module, inputs, place)

    def test_inputs_are_not_modified(self) -> None:
        """The forward pass leaves its inputs as they are, with and without gradients."""
        for place in self._places():
            module, inputs = self._module(place), self._inputs(place)
            kept = [values.clone() for values in inputs]
            for gradients in (True, False):
                with torch.set_grad_enabled(gradients):
                    self._outputs(module, inputs)
                same = all(torch.equal(a, b) for a, b in zip(kept, inputs, strict=True))
                require(same, f"{place.name}: forward changed its input in place; work on a copy")

    def test_gradients_reach_every_parameter(self) -> None:
        """Every weight affects an output that core uses, so that training changes all weights."""
        for place in self._places():
            module = stirred(self._module(place).eval())
            backward(self._loss(self._outputs(module, self._inputs(place))[place.used_from :]))
            trained = [(name, weight) for name, weight in module.named_parameters() if weight.requires_grad]
            lost = [name for name, weight in trained if weight.grad is None or not weight.grad.any()]
            require(not lost, f"{place.name}: no gradient reaches {', '.join(lost)}; use the parameters or remove them")

    def test_batch_items_do_not_mix(self) -> None:
        """An item of a batch gives the same output as alone and does not depend on the others, not even in training."""
        for place in self._places():
            module, inputs = self._module(place), self._inputs(place, batch=3)
            self._require_independent(place, module, inputs)
            module.eval()
            together = self._outputs(module, inputs)
            alone = self._outputs(module, tuple(values[1:2] for values in inputs))
            for whole, single in zip(together, alone, strict=True):
                self._require_close(
                    whole[1:2], single, f"{place.name}: an item has another output in a batch of 3 than alone"
                )

    # Reproducibility

    def test_the_seed_decides(self) -> None:
        """The same seed of torch gives the same weights, outputs and gradients, bit for bit."""
        for place in self._places():
            first, second = self._run_with_seed(place), self._run_with_seed(place)
            differing = [name for name, values in first.items() if not torch.equal(values, second[name])]
            listed = ", ".join(differing[:5])
            require(
                not differing, f"{place.name}: {listed} differ between two runs with one seed; draw from torch alone"
            )

    def test_weights_survive_a_file(self) -> None:
        """A module of another seed that loads the saved state gives the same output, bit for bit."""
        for place in self._places():
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
        for place in self._places():
            module, inputs = self._module(place).eval(), self._inputs(place)
            with torch.inference_mode():
                forecast = [values.clone() for values in self._outputs(module, inputs)]
            for trained in (module, copy.deepcopy(module)):
                outputs = self._outputs(trained, inputs)
                backward(self._loss(outputs[place.used_from :]))
                for before, after in zip(forecast, outputs, strict=True):
                    self._require_close(before, after, f"{place.name}: a forecast differs from training's forward pass")

    # Speed

    def test_autocast(self) -> None:
        """In bfloat16 autocast outputs and gradients are finite, and outputs are within 10 % of those in float32."""
        for place in self._places():
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
        """torch.compile gives the same outputs and gradients with the backend aot_eager, which generates no code."""
        for place in self._places():
            self._require_same_when_compiled(place, lambda module: _compiled(module, backend="aot_eager"))

    def test_compiled_to_machine_code(self) -> None:
        """torch.compile gives the same outputs and gradients with its code generator, which needs a C++ compiler."""
        if not self.generates_code:
            raise unittest.SkipTest("`generates_code` is off")
        self._require_same_when_compiled(self._places()[-1], _generated)

    def test_two_processes_share_a_batch(self) -> None:
        """Two ranks of DistributedDataParallel, each with half of a batch, have the gradients of the whole batch."""
        places = self._places()
        whole = [self._share(place, self.seed, slice(2)).step() for place in places]
        if not any(whole):
            raise unittest.SkipTest("there are no weights to train")
        halves = [
            [self._share(place, self.seed + rank, slice(rank, rank + 1)) for place in places] for rank in range(2)
        ]
        for rank, of_rank in enumerate(gradients_of_ranks(halves)):
            for place, found, expected in zip(places, of_rank, whole, strict=True):
                what = f"{place.name}: on rank {rank} of two, the gradient of"
                require_gradients_close(found, expected, RANKS_TOLERANCE, what)


def _generated(module: nn.Module) -> Any:
    """Compile `module` to machine code; skip the check if there is no C++ compiler."""
    compiler = os.environ.get("CXX", "clang++" if sys.platform == "darwin" else "g++")
    if shutil.which(compiler) is None:
        raise unittest.SkipTest(f"there is no C++ compiler here ({compiler}; CXX names another)")
    if not (Path(sysconfig.get_path("include")) / "Python.h").is_file():
        raise unittest.SkipTest("there are no header files of Python here")
    return _compiled(module, backend="inductor", dynamic=False, options=CHEAP)


def _compiled(module: nn.Module, **how: Any) -> Any:
    """Call `torch.compile` with the arguments `how`, after everything of earlier compilations was dropped."""
    torch.compiler.reset()
    try:
        return torch.compile(module, **how)
    except RuntimeError as error:
        raise unittest.SkipTest(f"torch cannot compile here: {error}") from error
