"""How much each variable, level and step counts in the losses of a training."""

__all__ = ["LossExplanation", "WeightRow", "explain_experiment", "explain_loss", "explanation_lines"]

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wxml.config.load import load_config
from wxml.data.times import format_offset
from wxml.errors import ConfigError, Fault
from wxml.experiment.assembling import assemble
from wxml.experiment.parts import Experiment
from wxml.plugins.create import create
from wxml.terminal import columns
from wxml.training.trainer import Trainer

if TYPE_CHECKING:
    from wxml.training.combined_loss import CombinedLoss, LossPart


@dataclass(frozen=True, slots=True)
class WeightRow:
    """How much one variable counts at one step."""

    variable: str
    level: float | None
    level_units: str
    step: int
    """The number of the forecast step, from 1 on."""
    lead_time: str
    """Such as `6h`."""
    weight: float
    """What an error of 1 at every node adds to the loss, times the number of variables and steps."""


@dataclass(frozen=True, slots=True)
class LossExplanation:
    """One of the losses of a training."""

    plugin: str
    share: float
    """Its part of the whole; the parts of all losses add up to 1."""
    weights: tuple[str, ...]
    """The names of its weights."""
    rows: tuple[WeightRow, ...]
    """One for each of its variables and steps."""

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)


def explain_loss(experiment: Path | None, overrides: Sequence[str]) -> list[LossExplanation]:
    """Explain the losses of `wxml train` with the same arguments; nothing is trained or written.

    Raises:
        WxmlError: names what is wrong and the fix.
    """
    loaded = load_config(experiment, overrides)
    choice = loaded.config.training
    trainer: Trainer = create("trainer", choice.plugin, choice.options, where="training")
    return explain_experiment(assemble(loaded), trainer)


def explain_experiment(experiment: Experiment, trainer: Trainer) -> list[LossExplanation]:
    """Explain the losses that a trainer would make of an experiment.

    Raises:
        ConfigError: the trainer's loss is not made of losses and weights; or these cannot be made.
    """
    loss = trainer.combined_loss(experiment)
    if loss is None:
        name = experiment.config.training.plugin
        fault = f"the trainer {name!r} cannot explain its loss, since that is not made of plugins"
        raise ConfigError([Fault("training.plugin", fault)], fix="choose another trainer, such as lightning")
    return list(_explanations(loss))


def _explanations(loss: "CombinedLoss") -> Iterator[LossExplanation]:
    whole = sum(part.share for part in loss.chosen)
    for part in loss.chosen:
        share = part.share / whole
        yield LossExplanation(part.name, share, part.weights, tuple(_rows(part, share)))


def _rows(part: "LossPart", share: float) -> Iterator[WeightRow]:
    space = part.loss.space
    weights = share * mean_weights(*(tensor.double().cpu().numpy() for tensor in (part.loss.weight, part.loss.measure)))
    every = np.broadcast_to(weights, (space.steps, len(space.variables)))
    for place, variable in enumerate(space.variables):
        about = variable.name, variable.level, variable.level_units
        for step in range(space.steps):
            yield WeightRow(*about, step + 1, format_offset(space.lead_time(step + 1)), float(every[step, place]))


def mean_weights(weight: NDArray[np.float64], measure: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of f = `weight` / `measure` over the nodes, each of which counts as its measure says.

    Args:
        weight: m · f, shape `[step or 1, node or 1, variable or 1]`.
        measure: m, likewise.

    Returns:
        Shape `[step or 1, variable or 1]`; 0 where nothing is measured.
    """
    mean = measure.mean(axis=(0, 1))
    return np.asarray(weight.mean(axis=1) / np.where(mean > 0, mean, 1.0))


def explanation_lines(losses: Sequence[LossExplanation]) -> list[str]:
    """Write a table for each loss: a row for each variable, a column for each step, one alone if all are the same."""
    lines = []
    for number, loss in enumerate(losses, 1):
        weights = " × ".join(loss.weights) or "none"
        lines += ["", f"loss {number} of {len(losses)}: {loss.plugin}, share {loss.share:.3g}, weights: {weights}"]
        lines += columns(list(_table(loss)), right=range(1, 2 + len(loss.rows)))
    return lines[1:]


def _table(loss: LossExplanation) -> Iterator[tuple[str, ...]]:
    of: dict[str, list[WeightRow]] = {}
    for row in loss.rows:
        of.setdefault(row.variable, []).append(row)
    is_same = all(row.weight == rows[0].weight for rows in of.values() for row in rows)
    steps = ["every step"] if is_same else [f"+{row.lead_time}" for row in next(iter(of.values()))]
    yield ("variable", "level", *steps)
    for name, rows in of.items():
        level = "–" if rows[0].level is None else f"{rows[0].level:g} {rows[0].level_units}".strip()
        yield (name, level, *(f"{row.weight:.4g}" for row in rows[: len(steps)]))
