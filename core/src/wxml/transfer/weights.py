"""Makes the initial weights of a model from a checkpoint of another one."""

__all__ = ["Transferred", "transferred"]

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from wxml.artefacts.checkpoint import Checkpoint, load_checkpoint
from wxml.artefacts.migrated import migrated
from wxml.artefacts.run_folder import checkpoint_in
from wxml.config.fork import AdapterConfig, ForkConfig
from wxml.data.call_plan import is_even
from wxml.errors import ArtefactError, ConfigError, Fault
from wxml.model.adapters import adapt
from wxml.model.encode_process_decode import EncodeProcessDecode
from wxml.transfer.carried import Carried
from wxml.transfer.differences import differences
from wxml.transfer.pairs import Pair, dropped, paired
from wxml.transfer.parts import carry_parts, renamed_weights
from wxml.transfer.reading import bias_of
from wxml.transfer.report import PARTS, Report, VariableRow, part_of, report_lines
from wxml.transfer.side import Side, checkpoint_side

logger = logging.getLogger("wxml")
SHOWN = 8


@dataclass(frozen=True, slots=True, eq=False)
class Transferred:
    """The weights that a training begins with, and how it trains them."""

    weights: Mapping[str, Tensor]
    """The whole state of the new model."""
    report: Report
    parent: dict[str, Any]
    """The provenance record of the checkpoint."""
    adapters: AdapterConfig | None
    seed: int

    def put_into(self, model: nn.Module) -> None:
        """Load the weights, freeze what is not to be trained, and add the low-rank adapters."""
        model.load_state_dict(dict(self.weights))
        named = dict(model.named_parameters())
        for name in self.report.frozen:
            named[name].requires_grad_(False)
        if self.adapters:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(self.seed)
                adapt(model, self.report.adapted, self.adapters.rank, self.adapters.alpha)


def transferred(fork: ForkConfig, child: Side, model: EncodeProcessDecode) -> Transferred:
    """Make the weights that `model` begins with.

    Args:
        fork: the section `training.from`.
        child: the model's side.
        model: the model with fresh weights.

    Raises:
        ArtefactError: the checkpoint cannot be read, or nothing of it fits.
        ConfigError: an option names what there is not; or `match` is strict, and something does not fit.
        DataError: the units or the transforms of a variable are of another kind.
    """
    path = checkpoint_in(Path(fork.checkpoint))
    checkpoint = migrated(load_checkpoint(path), str(path))
    parent = checkpoint_side(checkpoint, str(path))
    _check_tasks(parent, child)
    pairs = paired(parent, child, fork)
    fresh = model.state_dict()
    carried = Carried(renamed_weights(checkpoint.weights, parent, child))
    carry_parts(carried, model, (parent, child), pairs)
    report = _report(fork, path, checkpoint, (parent, child), pairs, carried, model)
    _check(fork, report)
    for line in report_lines(report):
        logger.info("%s", line)
    weights = {name: carried.weights[name] if name not in report.fresh else tensor for name, tensor in fresh.items()}
    return Transferred(weights, report, checkpoint.header["provenance"], fork.lora, child.config.seed)


def _check_tasks(parent: Side, child: Side) -> None:
    """Refuse inputs that do not follow each other step by step, whose weights nobody knows how to carry over.

    Raises:
        ConfigError: one of the tasks has uneven times.
    """
    for side, whose in ((parent, "the checkpoint"), (child, "the experiment")):
        if not is_even(side.task):
            problem = (
                f"{whose} has the task {side.config.data.task.plugin!r} with times that are not one time step apart"
            )
            raise ConfigError(
                [Fault("training.from", problem)], fix="train without `training.from`, or with forecasts step by step"
            )


def _report(
    fork: ForkConfig,
    path: Path,
    checkpoint: Checkpoint,
    sides: tuple[Side, Side],
    pairs: Mapping[str, Pair],
    carried: Carried,
    model: nn.Module,
) -> Report:
    state = model.state_dict()
    wanted = set(fork.parts or PARTS.values())
    fresh = {name: why for name, tensor in state.items() if (why := _why_fresh(name, tensor, carried, wanted))}
    fresh |= {bias: "its matrix is fresh" for name in fresh if (bias := bias_of(name)) in state and bias not in fresh}
    taken = [name for name in state if name not in fresh]
    frozen = _matching(fork.freeze, [name for name, _ in model.named_parameters()], "freeze")
    matrices = [name for name, weight in model.named_parameters() if weight.ndim == 2 and ".trainable" not in name]
    adapted = _matching(fork.lora.targets, matrices, "lora.targets") if fork.lora else ()
    return Report(
        path.name,
        hashlib.sha256(json.dumps(checkpoint.header, sort_keys=True).encode()).hexdigest(),
        tuple(_variable_rows(*sides, pairs)),
        tuple(name for name in taken if name not in carried.changed),
        tuple(name for name in taken if name in carried.changed),
        fresh,
        tuple(name for name in carried.weights if name not in state and part_of(name) in wanted),
        frozen,
        adapted,
        tuple(differences(*sides, pairs)),
    )


def _why_fresh(name: str, tensor: Tensor, carried: Carried, wanted: set[Any]) -> str:
    """Why a weight of the new model is not taken from the checkpoint; empty if it is."""
    if part_of(name) not in wanted:
        return "`training.from.parts` leaves it out"
    if name in carried.left:
        return carried.left[name]
    if name not in carried.weights:
        return "the checkpoint has no such weight"
    found = carried.weights[name]
    return "" if found.shape == tensor.shape else f"its shape is {list(tensor.shape)}, was {list(found.shape)}"


def _variable_rows(parent: Side, child: Side, pairs: Mapping[str, Pair]) -> Iterable[VariableRow]:
    for role in ("prognostic", "forcing", "diagnostic"):
        for name in getattr(child.roles, role):
            how = (pairs[name].note or "as it was") if name in pairs else "new: zeros"
            yield VariableRow(name, role, how)
    yield from (VariableRow(name, "", "dropped: its mean value") for name in dropped(parent, pairs))


def _matching(patterns: Iterable[str], names: list[str], option: str) -> tuple[str, ...]:
    """The names that belong to a part of the model or fit a pattern.

    Raises:
        ConfigError: a pattern fits none.
    """
    found: set[str] = set()
    for pattern in patterns:
        fit = {name for name in names if part_of(name) == pattern or fnmatchcase(name, pattern)}
        if not fit:
            problem = f"no weight of the model fits {pattern!r}; its weights are {', '.join(names[:SHOWN])} …"
            raise ConfigError(
                [Fault(f"training.from.{option}", problem)],
                fix=f"write a part ({', '.join(dict.fromkeys(PARTS.values()))}) or a pattern such as 'processor.*'",
            )
        found |= fit
    return tuple(name for name in names if name in found)


def _check(fork: ForkConfig, report: Report) -> None:
    """Refuse a transfer that is empty, that freezes fresh weights, or that is not as strict as was asked for."""
    if not report.loaded and not report.changed:
        name, why = next(iter(report.fresh.items()))
        raise ArtefactError(
            f"nothing of `{fork.checkpoint}` fits the model, whose {len(report.fresh)} weights would be fresh; "
            f"`{name}`: {why}",
            fix="take the plugins and `model.channels` of the checkpoint, or leave `training.from` out",
        )
    idle = [name for name in (*report.frozen, *report.adapted) if name in report.fresh]
    if idle:
        problem = f"{idle[0]!r} would be frozen with fresh weights: {report.fresh[idle[0]]}"
        fix = "take what is fresh out of `training.from.freeze` and `training.from.lora.targets`"
        raise ConfigError([Fault("training.from.freeze", problem)], fix=fix)
    if fork.match == "by-name":
        return
    fresh = (f"`{name}`: {why}" for name, why in report.fresh.items() if "parts` leaves" not in why)
    unused = (f"`{name}` of the checkpoint has no place" for name in report.unused)
    problems = [*report.differences, *fresh, *unused]
    if problems:
        more = f"; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
        fault = f"the checkpoint does not fit strictly: {'; '.join(problems[:SHOWN])}{more}"
        raise ConfigError(
            [Fault("training.from.match", fault)], fix="write `training.from.match=by-name` if this is what you want"
        )
