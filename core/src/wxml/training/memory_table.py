"""A memory plan as text: one line for the log, a table for the terminal."""

__all__ = ["PARTS", "plan_lines", "plan_summary", "recomputed_parts", "row_name"]

from typing import TYPE_CHECKING

from wxml.config.model_schema import ActivationCheckpointingConfig
from wxml.memory import format_size
from wxml.terminal import columns

if TYPE_CHECKING:
    from wxml.training.memory_plan import MemoryPlan
    from wxml.training.trainer import TrainingMemory

PARTS = ("encoder", "processor", "decoder")
"""The parts of a model, whose activations are counted apart."""
BAR = 30
"""Characters of a bar that stands for the whole peak."""


def recomputed_parts(recompute: ActivationCheckpointingConfig) -> str:
    """Name the parts that the backward pass recomputes; the text is empty if it recomputes none."""
    groups = recompute.processor
    processor = f"the processor in {groups} groups of layers" if groups > 1 else "the processor"
    parts = [processor] * (groups > 0) + ["the mappers"] * recompute.mappers
    return " and ".join(parts)


def plan_summary(plan: "MemoryPlan") -> str:
    """Write the peak and its largest parts in one line.

    Such as `31.0 GiB at the peak of a training step: activations 28.1 GiB (encoder 3.0 GiB, …), …`.
    """
    parts = ", ".join(f"{part} {format_size(plan.kept[part])}" for part in PARTS if part in plan.kept)
    weights = ("weights", "gradients", "optimiser state", "copies of the weights")
    of_weights = sum(plan.kept.get(label, 0) for label in weights)
    again = recomputed_parts(plan.recompute)
    return (
        f"{format_size(plan.peak)} at the peak of a training step: activations {format_size(plan.activations)} "
        f"({parts or 'all in one'}), weights, gradients and optimiser {format_size(of_weights)}"
        + (f"; the backward pass recomputes {again}" if again else "")
    )


def plan_lines(plan: "MemoryPlan") -> list[str]:
    """Write a row for each label: its bytes after the forward pass and at the peak, and a bar for those at the peak."""
    training = plan.training
    labels = [*plan.kept, *(label for label in plan.at_peak if label not in plan.kept)]
    rows = [_row(label, plan.kept.get(label, 0), plan.at_peak.get(label, 0), plan.peak) for label in labels]
    total = _row("total", sum(plan.kept.values()), plan.peak, 0)
    batch = f"batch of {training.batch_size}, {_members(training)}rollout of {training.rollout}"
    again = [recomputed_parts(plan.recompute), "each forecast step" * training.recompute_steps, _chunks(training)]
    return [
        f"a training step: {batch}, {training.precision}, device {training.device}",
        f"the backward pass recomputes {' and '.join(filter(None, again)) or 'nothing'}",
        "",
        *columns([("", "after forward", "at the peak", ""), *rows, total], right={1, 2}),
    ]


def _members(training: "TrainingMemory") -> str:
    return f"{training.members} members, " if training.members > 1 else ""


def _chunks(training: "TrainingMemory") -> str:
    """The members that the backward pass forecasts again; empty if it does not."""
    count = training.members_at_once or training.members
    return f"the members, {count} at once" if count < training.members else ""


def row_name(label: str) -> str:
    """Name what the bytes under a label are."""
    names = {"backward": "backward pass", "other": "other activations", "gaps": "gaps between tensors"}
    return names.get(label, f"{label} activations" if label in PARTS else label)


def _row(label: str, kept: int, at_peak: int, whole: int) -> tuple[str, ...]:
    bar = "█" * round(BAR * at_peak / whole) if whole else ""
    return (row_name(label), *(format_size(size) if size else "–" for size in (kept, at_peak)), bar)
