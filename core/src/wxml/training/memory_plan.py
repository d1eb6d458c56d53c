"""The memory of a training step, planned before the step is made.

The planner makes the step on tensors that have a shape, a dtype and a device but no values: forward over the whole
rollout, squared error, backward. This takes seconds and no memory. `wxml.model.memory_trace` records what each
operation allocates and when each tensor is freed.
"""

__all__ = ["MemoryPlan", "MemoryPlanner", "SampleShape"]

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode  # no public module has it; torch's manual names this one

from wxml.config.model_schema import ActivationCheckpointingConfig
from wxml.data.call_plan import CallPlan
from wxml.model.layers import set_recompute
from wxml.model.member_forecast import MemberForecast
from wxml.model.memory_trace import GAPS, MemoryTrace
from wxml.model.processor import Processor
from wxml.model.without_values import values_refused, without_values
from wxml.training.memory_table import PARTS
from wxml.training.trainer import TrainingMemory

LABELS = (
    *("weights", "gradients", "optimiser state", "copies of the weights", "graph", "batches read ahead"),
    *("batch", *PARTS, "other"),
)
"""Names under which bytes are counted; `encoder`, `processor`, `decoder` and `other` are activations."""
LASTING = LABELS[:6]
TRACED_CALLS = 3
"""Trace at most three model calls; every further call adds what the third added."""


@dataclass(frozen=True, slots=True)
class SampleShape:
    """The size of one sample."""

    nodes: int
    input_steps: int
    output_steps: int
    """Time steps that one call of the model forecasts."""
    prognostic: int
    diagnostic: int
    forcing: int
    plan: Callable[[int], CallPlan] | None = None
    """Gives the calls of the model for a number of forecast steps; None: those of `wxml.unroll`."""
    least: int = 1
    """The least number of forecast steps of a sample, those of one call or more."""

    @property
    def output(self) -> int:
        """The number of variables that are forecast."""
        return self.prognostic + self.diagnostic

    def batch(self, size: int, rollout: int) -> tuple[int, int, int, int]:
        """`[batch, time, node, variable]`: output variables first, then forcings."""
        times = self.input_steps + rollout if self.plan is None else len(self.plan(rollout).window)
        return size, times, self.nodes, self.output + self.forcing

    def rollout(self, wanted: int) -> int:
        """The number of forecast steps of a training that asks for so many."""
        return max(wanted, self.output_steps, self.least)


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """The memory of a training step, in bytes."""

    recompute: ActivationCheckpointingConfig
    training: TrainingMemory
    kept: Mapping[str, int]
    """Label → bytes after the forward pass. The gradients among them are those of the step before."""
    at_peak: Mapping[str, int]
    """Label → bytes at the moment of the greatest sum. `backward`: gradients, temporaries and recomputed activations;
    `gaps`: memory that no tensor can use."""

    @property
    def peak(self) -> int:
        """The greatest sum."""
        return sum(self.at_peak.values())

    def to_dict(self) -> dict[str, Any]:
        """JSON values; sizes in bytes."""
        return {
            "peak": self.peak,
            "activation_checkpointing": self.recompute.model_dump(),
            "training": asdict(self.training),
            "after_forward": dict(self.kept),
            "at_peak": dict(self.at_peak),
        }

    @property
    def activations(self) -> int:
        """Bytes that the forward pass keeps for the backward pass."""
        return sum(self.kept.get(label, 0) for label in (*PARTS, "other"))


class MemoryPlanner:
    """Plans one training under several choices of activation checkpointing."""

    def __init__(self, model: nn.Module, sample: SampleShape, training: TrainingMemory) -> None:
        """Replace the values of the model by tensors without values; afterwards the model can only be planned.

        Args:
            model: a fresh model.
            sample: the size of one sample.
            training: the batch, the rollout and what the optimiser holds.

        Raises:
            ContractError: a part of the model reads values of tensors in `forward`.
        """
        self.model, self.sample, self.training = model, sample, training
        self._members = MemberForecast(training.members, training.members_at_once, training.recompute_steps)
        self._fake = FakeTensorMode(allow_non_fake_inputs=True)
        self._trace = MemoryTrace()
        with self._fake:
            without_values(model, training.device)
            self._weights: list[Tensor] = list(model.parameters())
            everything = [*self._weights, *model.buffers()]
            self._lasting = {  # the tensors live as long as the planner
                "weights": self._weights,
                "optimiser state": [_shard(w, training.shards) for _ in range(training.moments) for w in self._weights],
                "copies of the weights": [torch.empty_like(t) for _ in range(training.copies) for t in everything],
                "batches read ahead": self._batches_read_ahead(),
            }
            for label, tensors in self._lasting.items():
                self._trace.hold(label, *tensors)
            self._trace.hold("graph", *model.buffers())
        for weight in self._weights:
            if weight.requires_grad:
                weight.register_post_accumulate_grad_hook(self._gradient)  # type: ignore[no-untyped-call]
        with self._trace.labelled("graph"):  # a model may make something once, such as the indices of a batch
            self._step(sample.output_steps, [])

    @property
    def has_recompute_groups(self) -> bool:
        """Whether the processor can be recomputed in groups of layers."""
        return any(isinstance(part, Processor) and part.has_recompute_groups for part in self.model.children())

    def plan(self, recompute: ActivationCheckpointingConfig) -> MemoryPlan:
        """Plan a training step that recomputes the activations of `recompute`.

        Raises:
            ContractError: a part of the model reads values of tensors in `forward`.
        """
        set_recompute(self.model, recompute)
        rollout = self.sample.rollout(self.training.rollout)
        calls = -(-rollout // self.sample.output_steps)
        if calls <= TRACED_CALLS:
            kept, peak = self._traced(rollout)
        else:  # m(n) = m(3) + (n − 3) · (m(3) − m(2))
            two, three = (self._traced(n * self.sample.output_steps) for n in (TRACED_CALLS - 1, TRACED_CALLS))
            kept, peak = (
                Counter({label: b[label] + (calls - TRACED_CALLS) * (b[label] - a[label]) for label in a | b})
                for a, b in zip(two, three, strict=True)
            )
        coming_and_going = sum(size for label, size in peak.items() if label not in LASTING)
        peak["gaps"] = int(GAPS.get(self.training.device, 0) * coming_and_going)
        return MemoryPlan(recompute, self.training, _known_first(kept), _known_first(peak))

    def _batches_read_ahead(self) -> list[Tensor]:
        """The batches that the host holds; they count where the host is the device."""
        shape = self.sample.batch(self.training.batch_size, self.sample.rollout(self.training.rollout))
        count = self.training.batches_held if self.training.device == "cpu" else 0
        return [torch.empty(shape) for _ in range(count)]

    def _traced(self, rollout: int) -> tuple[Counter[str], Counter[str]]:
        """Make a step and return the bytes by label after its forward pass and at its peak."""
        self._trace.at_peak = self._trace.live.copy()
        kept = self._step(rollout, list(PARTS))
        return kept, self._trace.at_peak.copy()

    def _step(self, rollout: int, parts: list[str]) -> Counter[str]:
        """Make a training step and return the bytes by label after its forward pass."""
        with values_refused(), self._fake, self._trace:
            with self._trace.labelled("gradients"):
                for weight in self._weights:
                    weight.grad = torch.empty_like(weight) if weight.requires_grad else None
            with self._trace.labelled("batch"):
                shape = self.sample.batch(self.training.batch_size, rollout)
                batch = torch.empty(shape, device=self.training.device)
            with self._labelled_by_part(parts):
                loss = self._loss(batch, rollout)
            kept = self._trace.live.copy()
            self.model.zero_grad()
            with self._trace.labelled("backward"):
                loss.backward()  # type: ignore[no-untyped-call]
            self.model.zero_grad()
        return kept

    def _gradient(self, weight: Tensor) -> None:
        """The backward pass has made a gradient, which stays."""
        if weight.grad is not None:
            self._trace.relabel("gradients", weight.grad)

    def _loss(self, batch: Tensor, rollout: int) -> Tensor:
        """The squared error of a forecast, which stands for the loss of the trainer."""
        sample, training = self.sample, self.training
        plan, last = (None, -1) if sample.plan is None else (sample.plan(rollout), None)
        states = batch[:, : sample.input_steps, :, : sample.prognostic]
        autocast = training.precision != "float32"
        with torch.autocast(training.device, getattr(torch, training.precision), enabled=autocast):
            forecast = self._members.run(self.model, states, batch[:, :last, :, sample.output :], plan=plan)
            kinds = forecast.reshape(*forecast.shape[:-1], -1, sample.output)  # the values, and their spread if any
            steps = enumerate(kinds.unbind(2), sample.input_steps)
            errors = (f.float() - batch[:, None, step, :, None, : sample.output] for step, f in steps)
            return torch.stack([error.square().sum() for error in errors]).sum()

    @contextmanager
    def _labelled_by_part(self, names: list[str]) -> Iterator[None]:
        """Count what each part of the model allocates under the name of the part."""

        def enter(name: str) -> None:
            self._trace.label = name

        handles = []
        for name in names:
            part = getattr(self.model, name, None)
            if isinstance(part, nn.Module):
                handles.append(part.register_forward_pre_hook(lambda *_, name=name: enter(name)))
                handles.append(part.register_forward_hook(lambda *_: enter("other")))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


def _shard(weight: Tensor, shards: int) -> Tensor:
    """What one of several processes keeps of the moments of a weight."""
    return weight.new_empty(-(-weight.numel() // shards))


def _known_first(sizes: Mapping[str, int]) -> dict[str, int]:
    """Drop empty labels and sort the others for the reader."""
    return {label: sizes[label] for label in (*LABELS, "backward", "gaps") if sizes.get(label)}
