"""Plan the memory of a training, and choose what is kept for the backward pass so that it fits."""

__all__ = ["fitted", "plan_experiment", "plan_training"]

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from wxml.config.load import load_config
from wxml.config.schema import ActivationCheckpointingConfig
from wxml.errors import ConfigError, ContractError, Fault
from wxml.experiment import Experiment, assemble
from wxml.plugins.create import create
from wxml.sizes import format_size, parse_size
from wxml.training.memory_table import plan_summary, recomputed_parts
from wxml.training.trainer import Trainer

if TYPE_CHECKING:
    from wxml.training.memory_plan import MemoryPlan, MemoryPlanner

GROUPS = (2, 4, 8, 16, 32)
logger = logging.getLogger("wxml")


def plan_training(experiment: Path | None, overrides: Sequence[str]) -> "MemoryPlan":
    """The memory that `wxml train` would take with the same arguments; nothing is trained or written.

    Raises:
        WxmlError: names what is wrong and the fix.
    """
    loaded = load_config(experiment, overrides)
    choice = loaded.config.training
    trainer: Trainer = create("trainer", choice.plugin, choice.options, where="training")
    return plan_experiment(assemble(loaded), trainer)


def plan_experiment(experiment: Experiment, trainer: Trainer) -> "MemoryPlan":
    """The plan of the configured checkpointing or, if that is above `model.memory_limit`, of the first that is not.

    Raises:
        ConfigError: nothing fits.
        ContractError: a plugin cannot be planned.
    """
    config = experiment.config.model
    planner = _planner(experiment, trainer)
    configured = planner.plan(config.activation_checkpointing)
    if config.memory_limit is None or configured.peak <= parse_size(config.memory_limit):
        return configured
    return _first_that_fits(planner, configured, config.memory_limit)


def fitted(experiment: Experiment, trainer: Trainer) -> Experiment:
    """The experiment with the checkpointing that was chosen for it, which goes into its record; logs the plan.

    Raises:
        ConfigError: nothing fits into `model.memory_limit`.
        ContractError: there is a limit, and a plugin cannot be planned.
    """
    try:
        plan = plan_experiment(experiment, trainer)
    except ContractError as error:
        if experiment.config.model.memory_limit is not None:
            raise
        logger.info("%s", error.message)
        return experiment
    logger.info("memory: %s", plan_summary(plan))
    return _with_recompute(experiment, plan.recompute)


def _planner(experiment: Experiment, trainer: Trainer) -> "MemoryPlanner":
    # torch, which a mistake in the config need not wait for
    from wxml.training.memory_plan import MemoryPlanner, SampleShape

    roles, data = experiment.roles, experiment.config.data
    counts = (len(names) for names in (roles.prognostic, roles.diagnostic, roles.forcing))
    nodes = len(experiment.source.header.grid)
    sample = SampleShape(nodes, data.input_steps, data.output_steps, *counts)
    return MemoryPlanner(experiment.new_model(), sample, trainer.memory())


def _first_that_fits(planner: "MemoryPlanner", configured: "MemoryPlan", limit: str) -> "MemoryPlan":
    least = configured
    for plan in _cheapest_first(planner, configured.recompute):
        if plan.peak <= parse_size(limit):
            needs = f"it would need {format_size(configured.peak)}, more than the limit of {limit}"
            again = recomputed_parts(plan.recompute)
            logger.info("memory: %s, so the backward pass computes %s again", needs, again)
            return plan
        least = min(least, plan, key=lambda p: p.peak)
    how = f"when the backward pass computes {recomputed_parts(least.recompute) or 'nothing'} again"
    fault = f"a training step takes {format_size(least.peak)} at least, {how}; got a limit of {limit}"
    raise ConfigError([Fault("model.memory_limit", fault)], fix=_what_to_reduce(least))


def _cheapest_first(planner: "MemoryPlanner", configured: ActivationCheckpointingConfig) -> Iterator["MemoryPlan"]:
    """Plans that keep less than the configured one: the mappers are computed again, the processor, both.

    In any number of groups the processor is computed twice: with fewer of them less is kept, with more of them less is
    needed at a time, so they rise as long as that helps.
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


def _what_to_reduce(plan: "MemoryPlan") -> str:
    training = plan.training
    reducible = {
        f"the batch size of {training.batch_size}": training.batch_size > 1,
        f"the rollout of {training.rollout} steps": training.rollout > 1,
        "`model.channels`": True,
        "the layers or the mesh": True,
    }
    return f"raise the limit, or reduce {', '.join(name for name, possible in reducible.items() if possible)}"


def _with_recompute(experiment: Experiment, chosen: ActivationCheckpointingConfig) -> Experiment:
    if chosen == experiment.config.model.activation_checkpointing:
        return experiment
    model = experiment.config.model.model_copy(update={"activation_checkpointing": chosen})
    config = experiment.config.model_copy(update={"model": model})
    record = experiment.provenance
    origins = {
        **record.origins,
        **{f"model.activation_checkpointing.{key}": "model.memory_limit" for key in chosen.model_fields_set},
    }
    record = replace(record, config=config.model_dump(mode="json"), origins=origins)
    return replace(experiment, config=config, provenance=record)
