"""What the task of an experiment asks of the options of the trainer."""

__all__ = ["rollout_of"]

from typing import TYPE_CHECKING

from wxml import Experiment
from wxml.errors import ConfigError, Fault

from wxml_trainer_lightning.rollout import Rollout

if TYPE_CHECKING:
    from wxml_trainer_lightning.trainer import LightningTrainer

NOT_OF_STEPS = ("recompute_steps", "begin", "every")
"""Options of a rollout that say nothing of the number of steps, or nothing alone."""


def rollout_of(options: "LightningTrainer", experiment: Experiment) -> Rollout:
    """The rollout of a training: at least the steps of one call, or all steps of a task that feeds nothing back.

    Raises:
        ConfigError: an option is for tasks that feed their outputs back, or for those that have states.
    """
    task, name, rollout = experiment.task, experiment.config.data.task.plugin, options.rollout
    faults = []
    if not task.has_states and options.input_noise:
        faults.append(Fault("training.input_noise", f"task {name!r} has no states to which noise could be added"))
    if task.steps is None:
        if faults:
            raise ConfigError(faults, fix="leave it out")
        return rollout.at_least(task.outputs)
    usual = Rollout()
    faults += [
        Fault(f"training.rollout.{option}", f"task {name!r} feeds no output back, so it has no rollout")
        for option in Rollout.model_fields
        if option not in NOT_OF_STEPS and getattr(rollout, option) != getattr(usual, option)
    ]
    if faults:
        raise ConfigError(faults, fix="leave these out, or choose the task `forecast`")
    return Rollout(start=task.steps, maximum=task.steps, recompute_steps=rollout.recompute_steps)
