"""The task that a config chooses."""

__all__ = ["check_settings", "check_times", "task_of"]

from collections.abc import Mapping
from typing import Any

from wxml.config.data_schema import DataConfig
from wxml.config.forecast_schema import ForecastConfig
from wxml.config.schema import ExperimentConfig
from wxml.data.call_plan import steps_until
from wxml.data.task import StepTimes, Task
from wxml.data.times import parse_duration
from wxml.errors import ArtefactError, ConfigError, ContractError, Fault
from wxml.plugins.create import create


def task_of(data: DataConfig) -> Task:
    """Make the task of `data.task`.

    Raises:
        ConfigError: its options are wrong, or do not fit the rest of `data`.
        ContractError: the plugin is at fault.
    """
    times = StepTimes(parse_duration(data.timestep), data.input_steps, data.output_steps)
    task: Any = create("task", data.task.plugin, data.task.options, times, where="data.task")
    if not isinstance(task, Task) or not task.calls:
        raise ContractError(
            f"task {data.task.plugin!r} has no calls", fix="this is a fault of the plugin: tell its authors"
        )
    return task


def check_settings(config: ExperimentConfig, task: Task) -> None:
    """Check that a config sets nothing beside its task that is of other tasks.

    Raises:
        ConfigError: there is a lead time, and nothing is fed back.
        DataError: no output is valid at the lead time.
    """
    lead_time = config.forecast.lead_time
    if task.steps is None:
        steps_until(task, parse_duration(lead_time))
    elif lead_time != ForecastConfig().lead_time:
        problem = f"task {config.data.task.plugin!r} has its own times and feeds nothing back, got {lead_time!r}"
        raise ConfigError([Fault("forecast.lead_time", problem)], fix="leave it out, or choose the task `forecast`")


def check_times(task: Task, recorded: Mapping[str, Any] | None, path: str) -> None:
    """Check that a task has the times with which the checkpoint `path` was trained; old ones have recorded none.

    Raises:
        ArtefactError: it has others.
    """
    if recorded is not None and dict(recorded) != task.as_json():
        raise ArtefactError(
            f"the task of `{path}` has other times than in its training",
            fix=f"install the version that the model was trained with:  wxml doctor --for {path}",
        )
