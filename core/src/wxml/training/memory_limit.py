"""Plan the memory of a training, and choose activation checkpointing so that it fits a limit."""

__all__ = ["fitted", "plan_experiment", "plan_training"]

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from wxml.config.load import load_config
from wxml.config.model_schema import ActivationCheckpointingConfig
from wxml.config.section import size_in_bytes
from wxml.errors import ConfigError, Fault
from wxml.experiment.assembling import assemble
from wxml.experiment.parts import Experiment
from wxml.memory import format_size
from wxml.plugins.create import create
from wxml.training.data_report import DataReport, data_report
from wxml.training.memory_table import plan_summary, recomputed_parts
from wxml.training.trainer import Trainer

if TYPE_CHECKING:
    from wxml.training.memory_plan import MemoryPlan, MemoryPlanner

GROUPS = (2, 4, 8, 16, 32)
"""Numbers of groups of layers to try."""
logger = logging.getLogger("wxml")


def plan_training(experiment: Path | None, overrides: Sequence[str]) -> tuple["MemoryPlan", DataReport]:
    """Plan the memory of `wxml train` with the same arguments, and look at its data; nothing is trained or written.

    Raises:
        WxmlError: names what is wrong and the fix.
    """
    loaded = load_config(experiment, overrides)
    choice = loaded.config.training
    trainer: Trainer = create("trainer", choice.plugin, choice.options, where="training")
    assembled = assemble(loaded)
    data = data_report(assembled, trainer.memory().rollout, ("training", "validation"))  # what a training reads
    return plan_experiment(assembled, trainer), data


def plan_experiment(experiment: Experiment, trainer: Trainer) -> "MemoryPlan":
    """Plan the configured activation checkpointing or, if it exceeds `model.memory_limit`, the first that fits.

    Raises:
        ConfigError: nothing fits.
        ContractError: a plugin cannot be planned.
    """
    from wxml.training.memory_plan import MemoryPlanner, SampleShape  # torch: a mistake in the config comes first

    config, roles, task = experiment.config.model, experiment.roles, experiment.task
    sample = SampleShape(
        len(experiment.source.header.grid),
        experiment.window(1).input_steps,
        task.outputs,
        len(roles.prognostic),
        len(roles.diagnostic),
        len(roles.forcing),
        experiment.plan,
        task.steps or 1,
    )
    planner = MemoryPlanner(experiment.new_model(), sample, trainer.memory())
    configured = planner.plan(config.activation_checkpointing)
    if config.memory_limit is None or configured.peak <= size_in_bytes(config.memory_limit):
        return configured
    return _first_that_fits(planner, configured, config.memory_limit)


def fitted(experiment: Experiment, trainer: Trainer) -> Experiment:
    """Choose activation checkpointing that fits `model.memory_limit`; without a limit the experiment stays as it is.

    The choice goes into the record of the checkpoint.

    Raises:
        ConfigError: nothing fits.
        ContractError: a plugin cannot be planned.
    """
    model = experiment.config.model
    if model.memory_limit is None:
        return experiment
    plan = plan_experiment(experiment, trainer)
    logger.info("memory: %s", plan_summary(plan))
    chosen = plan.recompute
    if chosen == model.activation_checkpointing:
        return experiment
    model = model.model_copy(update={"activation_checkpointing": chosen})
    config = experiment.config.model_copy(update={"model": model})
    keys = (f"model.activation_checkpointing.{key}" for key in chosen.model_fields_set)
    origins = experiment.provenance.origins | dict.fromkeys(keys, "model.memory_limit")
    record = replace(experiment.provenance, config=config.model_dump(mode="json"), origins=origins)
    return replace(experiment, config=config, provenance=record)


def _first_that_fits(planner: "MemoryPlanner", configured: "MemoryPlan", limit: str) -> "MemoryPlan":
    least = configured
    for plan in _cheapest_first(planner, configured.recompute):
        if plan.peak <= size_in_bytes(limit):
            needs = f"it would need {format_size(configured.peak)}, more than the limit of {limit}"
            logger.info("memory: %s, so the backward pass recomputes %s", needs, recomputed_parts(plan.recompute))
            return plan
        least = min(least, plan, key=lambda p: p.peak)
    how = f"when the backward pass recomputes {recomputed_parts(least.recompute) or 'nothing'}"
    fault = f"a training step takes {format_size(least.peak)} at least, {how}; got a limit of {limit}"
    training = least.training
    reducible = {
        f"the batch size of {training.batch_size}": training.batch_size > 1,
        f"the rollout of {training.rollout} steps": training.rollout > 1,
        "`training.members_at_once`": (training.members_at_once or training.members) > 1,
        "`model.channels`": True,
        "the layers or the mesh": True,
    }
    fix = f"raise the limit, or reduce {', '.join(name for name, possible in reducible.items() if possible)}"
    raise ConfigError([Fault("model.memory_limit", fault)], fix=fix)


def _cheapest_first(planner: "MemoryPlanner", configured: ActivationCheckpointingConfig) -> Iterator["MemoryPlan"]:
    """Yield plans that keep less than the configured one: they recompute the mappers, the processor, or both.

    Each group costs one extra forward pass whatever the count. Few groups store little but recompute in large pieces;
    so try 2, 4, 8, … and stop when the peak no longer falls.
    """
    if not configured.mappers:
        yield planner.plan(configured.model_copy(update={"mappers": True}))
    for mappers in sorted({configured.mappers, True}):
        peaks: list[int] = []
        for groups in GROUPS if planner.has_recompute_groups else (1,):
            plan = planner.plan(ActivationCheckpointingConfig(processor=groups, mappers=mappers))
            yield plan
            peaks.append(plan.peak)
            if peaks[-1] >= min(peaks[:-1], default=plan.peak + 1):
                break
