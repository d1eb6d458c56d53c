"""The trainings of a sweep: their names, and their configs, each checked before anything runs."""

__all__ = ["PlannedRun", "plan"]

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from wxml import Trainer, create, load_config
from wxml.config.sweeps import Combination, combinations
from wxml.errors import ConfigError, Fault

from wxml_trainer_lightning.trainer import LightningTrainer

MLFLOW = "mlflow"
LONGEST_NAME = 80
QUOTES = "'\"[]{}"


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One training of a sweep."""

    name: str
    """Of its folder."""
    values: Mapping[str, str]
    """The keys that have several values in the sweep, and the value of each here."""
    overrides: tuple[str, ...]
    """What `wxml train` is given."""
    devices: int = 1
    """How many it takes: `training.devices`, or one."""
    accelerator: str = "auto"
    """`training.accelerator`."""
    memory_limit: str | None = None
    """`model.memory_limit`."""
    steps: int | None = None
    """`training.max_steps`; None if the trainer has no such option."""


def plan(experiment: Path | None, overrides: Sequence[str], parent: str) -> tuple[PlannedRun, ...]:
    """All trainings of a sweep, whose configs are composed and validated, options of plugins included.

    Args:
        experiment: a config file; None for the built-in demo.
        overrides: in Hydra's grammar, of which some have several values.
        parent: the name of the run in MLflow above those of the trainings.

    Raises:
        ConfigError: with every fault of every combination, each told once, with the first one that has it.
    """
    chosen = combinations(overrides)
    names = _names(chosen)
    faults: dict[tuple[str, str], Fault] = {}
    runs = []
    for name, one in zip(names, chosen, strict=True):
        try:
            run = _checked(experiment, PlannedRun(name, one.values, one.overrides), parent)
        except ConfigError as error:
            for fault in error.faults:
                located = ", ".join(part for part in (fault.location, f"run {name}") if part)
                faults.setdefault((fault.key, fault.message), Fault(fault.path, fault.message, located))
        else:
            runs.append(run)
    if faults:
        raise ConfigError(list(faults.values()))
    return tuple(runs)


def _names(chosen: Sequence[Combination]) -> list[str]:
    """A number and the values of each combination: `2_model-gnn_learning_rate-0.003`."""
    digits = len(str(len(chosen)))
    each = ("_".join(_part(key, one.values) for key in one.values) for one in chosen)
    return [f"{number:0{digits}}_{_plain(text)[:LONGEST_NAME]}" for number, text in enumerate(each, start=1)]


def _part(key: str, values: Mapping[str, str]) -> str:
    """The last part of a dotted key, unless another one ends with it, too; and its value."""
    last = key.rpartition(".")[2]
    is_lone = sum(other.rpartition(".")[2] == last for other in values) == 1
    return f"{last if is_lone else key}-{values[key].strip(QUOTES)}"


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._+-]+", "-", text).strip("-.")


def _checked(experiment: Path | None, run: PlannedRun, parent: str) -> PlannedRun:
    """Check the config of one training; add what it needs, and that its record in MLflow lies below one run."""
    config = load_config(experiment, run.overrides).config
    choice = config.training
    trainer: Trainer = create("trainer", choice.plugin, choice.options, where="training")
    run = replace(run, memory_limit=config.model.memory_limit)
    if not isinstance(trainer, LightningTrainer):
        return run
    beside = _below(choice.options.get("tracker", MLFLOW), f"'{_plain(parent) or 'sweep'}'")
    return replace(
        run,
        overrides=(*run.overrides, *beside),
        devices=1 if trainer.devices == "auto" else trainer.devices,
        accelerator=trainer.accelerator,
        steps=trainer.max_steps,
    )


def _below(tracker: Any, parent: str, key: str = "training.tracker") -> list[str]:
    """The overrides that give each tracker `mlflow` a parent, unless its section has one."""
    if isinstance(tracker, list):
        return [text for place, one in enumerate(tracker) for text in _below(one, parent, f"{key}.{place}")]
    if isinstance(tracker, str):
        return [f"{key}={{plugin:'{tracker}',parent:{parent}}}"] if _is_mlflow(tracker) else []
    has_parent = tracker.get("parent") is not None
    return [f"{key}.parent={parent}"] if _is_mlflow(tracker["plugin"]) and not has_parent else []


def _is_mlflow(plugin: str) -> bool:
    return plugin.rpartition(":")[2] == MLFLOW
