"""The contract of processors, and of plugins of any kind: a good processor passes, each broken one is found out."""

import os
import sys
import time
import unittest
from typing import Annotated, Any

import numpy as np
import pytest
import torch
from pydantic import BaseModel, Field
from torch import nn
from wxml.model.processor import Processor
from wxml.plugins.options.model import Options
from wxml.testing import ProcessorContract
from wxml.testing.data_parallel import Share, gradients_of_ranks
from wxml_kernels import EdgeIndex, gather_sources, segment_sum


class Shape(Options):
    """A group of options."""

    scale: Annotated[float, Field(gt=0)] = 1.0


class Good(Processor):
    """The state of every node and the sum over its neighbours, mixed."""

    def __init__(self, mesh, channels, *, bias: bool = True, shape: Shape = Shape()) -> None:  # noqa: B008
        super().__init__(mesh, channels)
        self.edges = EdgeIndex.of(mesh.edges)
        self.mix = nn.Linear(2 * channels.hidden, channels.hidden, bias=bias)
        self.mesh = mesh

    def forward(self, state):
        around = segment_sum(gather_sources(state, self.edges), self.edges)
        return torch.tanh(self.mix(torch.cat([state, around], dim=-1)))


class TestGoodProcessor(ProcessorContract):
    plugin = Good


class TestWithOptions(ProcessorContract):
    plugin = Good
    options = {"bias": False, "shape": {"scale": 2.0}}
    channels = 4
    generates_code = False  # as above


class Nothing(Processor):
    """Has no weights."""

    def forward(self, state):
        return state


class TestWithoutWeights(ProcessorContract):
    plugin = Nothing


# In the values


class Wider(Good):
    def forward(self, state):
        return torch.cat([super().forward(state), state], dim=-1)


class Double(Good):
    def forward(self, state):
        return super().forward(state).double()


class BatchMean(Good):
    def forward(self, state):
        return super().forward(state) - state.mean(0)


class BatchNorm(Good):
    def __init__(self, mesh, channels) -> None:
        super().__init__(mesh, channels)
        self.norm = nn.BatchNorm1d(channels.hidden)

    def forward(self, state):
        return self.norm(super().forward(state).transpose(1, 2)).transpose(1, 2)


class InPlace(Good):
    def forward(self, state):
        state += 1
        return super().forward(state)


class InPlaceInForecasts(Good):
    def forward(self, state):
        return super().forward(state if torch.is_grad_enabled() else state.mul_(2))


class Spare(Good):
    def __init__(self, mesh, channels) -> None:
        super().__init__(mesh, channels)
        self.spare = nn.Linear(channels.hidden, channels.hidden)


class NumpyWeights(Good):
    def __init__(self, mesh, channels) -> None:
        super().__init__(mesh, channels)
        self.mix.weight.data += torch.from_numpy(np.random.default_rng().normal(size=self.mix.weight.shape)).float()


class NumpyNoise(Good):
    def forward(self, state):
        return super().forward(state) + float(np.random.default_rng().normal())


class Secret(Good):
    def __init__(self, mesh, channels) -> None:
        super().__init__(mesh, channels)
        self.secret = torch.randn(channels.hidden)

    def forward(self, state):
        return super().forward(state) + self.secret


class Length(Good):
    def forward(self, state):
        return super().forward(state) / state.norm(dim=-1, keepdim=True)


class Exponential(Good):
    def forward(self, state):
        return super().forward(state) + torch.exp(state)


class RootGradient(Good):
    def forward(self, state):
        return super().forward(state) * torch.sqrt((state**2).sum(-1, keepdim=True))


class Degrees(Good):
    def forward(self, state):
        return super().forward(state) / torch.diff(self.edges.pointers)[:, None]


class Spread(Good):
    def forward(self, state):
        return super().forward(state) / torch.from_numpy(self.mesh.edges.features).std(0).mean()


class NorthernHemisphere(Good):
    def __init__(self, mesh, channels) -> None:
        super().__init__(mesh, channels)
        if mesh.nodes.latitudes.min() > 0:
            raise ValueError("no southern hemisphere")


class Remembers(Good):
    def forward(self, state):
        if not hasattr(self, "kept"):
            self.kept = torch.full((self.channels.hidden,), 2.0)
        return super().forward(state) * self.kept


class Cancels(Good):
    def forward(self, state):
        far = torch.full_like(state, 1e3)
        twice = [self.mix(torch.cat([values, values], dim=-1)) for values in (state + far, far)]
        return twice[0] - twice[1]


class OtherwiseCompiled(Good):
    def forward(self, state):
        return super().forward(state) * (2 if torch.compiler.is_compiling() else 1)


class OtherwiseTrainedCompiled(Good):
    def forward(self, state):
        out = super().forward(state)
        return (2 * out - out.detach()) if torch.compiler.is_compiling() else out


class StopsGradients(Nothing):
    def forward(self, state):
        return state.detach()


# On several ranks


class MixesBatch(Good):
    def forward(self, state):
        return super().forward(state + state.mean(0))


class SecretInput(Secret):
    def forward(self, state):
        return Good.forward(self, state + self.secret)


class OnOneRank(Good):
    def forward(self, state):
        if torch.distributed.is_initialized() and torch.distributed.get_rank() == 1:
            self.misbehave()
        return super().forward(state)


class Raises(OnOneRank):
    def misbehave(self):
        raise ZeroDivisionError("oh dear")


class Quits(OnOneRank):
    def misbehave(self):
        os._exit(7)


class Waits(OnOneRank):
    def misbehave(self):
        time.sleep(600)


@pytest.mark.parametrize(
    ("plugin", "check", "message"),
    [
        (Wider, "shapes_and_dtype", r"must have shapes \[\(1, 10, 64\)\], got \[\(1, 10, 128\)\]"),
        (Double, "shapes_and_dtype", "gave outputs of torch.float64"),
        (BatchMean, "batch_items_do_not_mix", "an item of the batch depends on the others"),
        (BatchNorm, "batch_items_do_not_mix", "normalise over channels instead"),
        (InPlace, "inputs_are_not_modified", "changed its input in place"),
        (InPlaceInForecasts, "inputs_are_not_modified", "changed its input in place"),
        (Spare, "gradients_reach_every_parameter", "no gradient reaches spare.weight, spare.bias"),
        (NumpyWeights, "the_seed_decides", "weight mix.weight.* differ between two runs"),
        (NumpyNoise, "the_seed_decides", "output 0 differ"),
        (Secret, "weights_survive_a_file", "register all state as parameter or buffer"),
        (Length, "outputs_and_gradients_are_finite", "inputs times 0: the output is not finite"),
        (Exponential, "outputs_and_gradients_are_finite", "inputs times 1000: the output is not finite"),
        (RootGradient, "outputs_and_gradients_are_finite", "the gradient of .* is not finite"),
        (Degrees, "works_with_an_isolated_node", "on the graph `isolated node`: the output is not finite"),
        (Spread, "works_with_one_edge", "on the graph `one edge`: the output is not finite|degrees of freedom"),
        (NorthernHemisphere, "works_on_a_limited_area", "no southern hemisphere"),
        (Wider, "works_on_the_globe", "must have shapes"),
        (Remembers, "training_may_follow_a_forecast", "Inference tensors cannot be saved for backward"),
        (Cancels, "autocast", "in bfloat16 the output is .* off"),
        (StopsGradients, "outputs_and_gradients_are_finite", "does not require grad"),
        (OtherwiseCompiled, "compiled", "the compiled module gives another output"),
        (OtherwiseTrainedCompiled, "compiled", "compiled: the gradient of mix.weight is off by"),
        (OtherwiseCompiled, "compiled_to_machine_code", "the compiled module gives another output"),
        (Spare, "two_processes_share_a_batch", "^on rank . of 2: no gradient reaches spare.weight, spare.bias, for"),
        (MixesBatch, "two_processes_share_a_batch", "^processor: on rank 0 of two, the gradient of mix.* is off by"),
        (SecretInput, "two_processes_share_a_batch", "the gradient of mix.* is off by"),
        (Raises, "two_processes_share_a_batch", "^on rank 1 of 2: ZeroDivisionError: oh dear$"),
        (Quits, "two_processes_share_a_batch", "on rank 0 of 2: RuntimeError|exit codes"),
    ],
)
def test_a_broken_processor_is_found_out(find_out, plugin, check, message) -> None:
    find_out(ProcessorContract, plugin, check, message)


def test_ranks_that_wait_for_one_another_are_ended(find_out, monkeypatch) -> None:
    monkeypatch.setattr("wxml.testing.data_parallel.PATIENCE", 0.5)
    find_out(
        ProcessorContract, Waits, "two_processes_share_a_batch", "2 ranks were not done within 0.5 s|[Tt]imed? ?out"
    )


def test_a_rank_that_dies_before_the_others_meet_it_ends_them(monkeypatch) -> None:
    """They would wait for it at the meeting until their time is up, and the message would say so."""
    meet = torch.distributed.init_process_group

    def die_or_meet(*args, rank, **options):
        if rank == 1:
            os._exit(9)
        meet(*args, rank=rank, **options)

    monkeypatch.setattr("torch.distributed.init_process_group", die_or_meet)
    share = Share(nn.Linear(3, 2), (torch.eye(3)[None],), (torch.ones(1, 3, 2),))
    with pytest.raises(AssertionError, match=r"^ranks ended with the exit codes \[None, 9\]$"):
        gradients_of_ranks([[share], [share]])


@pytest.mark.parametrize(
    ("check", "reason"),
    [("two_processes_share_a_batch", "no weights to train"), ("compiled_to_machine_code", "no C\\+\\+ compiler here")],
)
def test_what_cannot_be_checked_is_skipped_with_a_reason(check, reason, monkeypatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    checked = type("Checked", (ProcessorContract,), {"plugin": Nothing})
    with pytest.raises(unittest.SkipTest, match=reason):
        getattr(checked(), f"test_{check}")()


def test_code_is_not_generated_where_a_test_class_says_so() -> None:
    with pytest.raises(unittest.SkipTest, match="`generates_code` is off"):
        TestWithOptions().test_compiled_to_machine_code()


@pytest.mark.parametrize("method", ["fork", pytest.param("spawn", marks=pytest.mark.long())])
def test_processes_find_the_mean_of_their_gradients(method: str, monkeypatch) -> None:
    """Fresh ones, too, as on a machine with a GPU, where autograd does not survive a fork."""
    monkeypatch.setattr("wxml.testing.data_parallel._start_method", lambda: method)
    module = nn.Linear(3, 2)
    halves = [[Share(module, (torch.eye(3)[None] * (1 + rank),), (torch.ones(1, 3, 2),))] for rank in range(2)]
    for (found,) in gradients_of_ranks(halves):
        assert torch.equal(found["weight"], torch.full((2, 3), 1.5))  # the mean of 1 and 2
        assert torch.equal(found["bias"], torch.full((2,), 3.0))


@pytest.mark.long("test_what_cannot_be_checked_is_skipped_with_a_reason")
def test_fresh_processes_that_do_not_know_a_class_are_no_fault_of_the_plugin(monkeypatch) -> None:
    monkeypatch.setattr("wxml.testing.data_parallel._start_method", lambda: "spawn")
    monkeypatch.setattr(Good, "__module__", "no_such_module")
    monkeypatch.setitem(sys.modules, "no_such_module", sys.modules[__name__])
    with pytest.raises(unittest.SkipTest, match="cannot import the plugin's module"):
        TestGoodProcessor().test_two_processes_share_a_batch()


# In the constructor, as for plugins of any kind


class Greedy(Good):
    def __init__(self, mesh, channels, **options: Any) -> None:
        super().__init__(mesh, channels)


class Unannotated(Good):
    def __init__(self, mesh, channels, *, width=3) -> None:
        super().__init__(mesh, channels)


class WrongDefault(Good):
    def __init__(self, mesh, channels, *, width: Annotated[int, Field(gt=0)] = 0) -> None:
        super().__init__(mesh, channels)


class Lax(BaseModel):
    scale: float = 1.0


class LaxGroup(Good):
    def __init__(self, mesh, channels, *, shape: Lax = Lax()) -> None:  # noqa: B008
        super().__init__(mesh, channels)


class Crash(Good):
    def __init__(self, mesh, channels) -> None:
        raise ZeroDivisionError("oh dear")


class SetsDtype(Good):
    def __init__(self, mesh, channels) -> None:
        torch.set_default_dtype(torch.float64)
        super().__init__(mesh, channels)


class Seeds(Good):
    def __init__(self, mesh, channels) -> None:
        np.random.seed(1)
        super().__init__(mesh, channels)


class Moves(Good):
    def __init__(self, mesh, channels) -> None:
        os.chdir("/")
        os.environ["ACME"] = "after"
        super().__init__(mesh, channels)


class Incomplete(Processor):
    pass


@pytest.mark.parametrize(
    ("plugin", "check", "message"),
    [
        (Greedy, "constructor_fits_the_interface", r"takes `\*\*options: Any`: name every option"),
        (Incomplete, "constructor_fits_the_interface", "does not define `forward`"),
        (nn.Linear, "constructor_fits_the_interface", "is not a subclass of wxml.model.processor.Processor"),
        (Unannotated, "options_have_a_schema", "option 'width' has no annotation"),
        (WrongDefault, "defaults_are_valid_options", "the default of option `width` is refused"),
        (LaxGroup, "unknown_options_are_refused", "unknown option `shape.no_such_option` is accepted"),
        (Crash, "it_can_be_made_and_used", "oh dear"),
        (SetsDtype, "the_process_is_left_as_it_was", "torch's default dtype"),
        (Seeds, "the_process_is_left_as_it_was", "NumPy's global random numbers"),
        (Moves, "the_process_is_left_as_it_was", "variable ACME; the working directory"),
    ],
)
def test_a_plugin_that_harms_others_is_found_out(find_out, plugin, check, message) -> None:
    find_out(ProcessorContract, plugin, check, message)


def test_a_default_dtype_that_an_import_changed_is_found_out(find_out) -> None:
    torch.set_default_dtype(torch.float64)
    find_out(ProcessorContract, Good, "the_process_is_left_as_it_was", "core counts on float32")
