"""Pairs the variables of two models: which one of the checkpoint each new one takes over, and how its values differ."""

__all__ = ["Pair", "dropped", "paired"]

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wxml.config.fork import ForkConfig
from wxml.data.source_fit import Sides, check_variables
from wxml.data.units import Line, conversion, have_same_meaning
from wxml.errors import ConfigError, DataError, Fault, nearest
from wxml.transfer.side import Side

logger = logging.getLogger("wxml")

SIDES = Sides(
    "the checkpoint",
    "the checkpoint has",
    "the experiment",
    "take data on that grid",
)
PROBES = 65
"""The number of physical values at which two chains of transforms are compared."""
TOLERANCE = 1e-4
"""The greatest deviation from a straight line, relative to the range."""
SAME = 1e-7
"""Two normalisations that differ by less are the same."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A variable and the one of the checkpoint whose weights it takes over: m_old = slope · m_new + offset."""

    name: str
    old: str
    slope: float = 1.0
    offset: float = 0.0
    note: str = ""
    """What differs, for people; empty if nothing does."""
    is_copy: bool = False
    """Another quantity, which begins with weights as they are, in model values."""


def paired(parent: Side, child: Side, fork: ForkConfig) -> dict[str, Pair]:
    """Pair every variable of `child` that has a counterpart in `parent`, by its name.

    Raises:
        ConfigError: `renamed` or `copied` names a variable that there is not.
        DataError: a variable has units of another quantity in the checkpoint, or another step type or period; or its
            model values are no linear function of those that the checkpoint has.
    """
    new, old = child.preprocessing.variables, parent.preprocessing.variables
    _check_names(fork, new, old)
    found: dict[str, Pair] = {}
    for name in new:
        if name in fork.copied:
            origin = fork.copied[name]
            found[name] = Pair(name, origin, note=f"copied from {origin!r}", is_copy=True)
        elif (origin := fork.renamed.get(name, name)) in old:
            found[name] = _same_quantity(parent, child, name, origin)
    _check_once(found)
    return found


def _check_once(pairs: Mapping[str, Pair]) -> None:
    """Refuse two variables that are one and the same of the checkpoint: its weights would count twice."""
    by: dict[str, str] = {}
    for pair in pairs.values():
        other = pair.name if pair.is_copy else by.setdefault(pair.old, pair.name)
        if other != pair.name:
            problem = f"{other!r} and {pair.name!r} would both take over {pair.old!r} of the checkpoint"
            fault = Fault(("training", "from", "renamed"), problem)
            raise ConfigError([fault], fix="write the one that is another quantity in `training.from.copied`")


def _check_names(fork: ForkConfig, new: Iterable[str], old: Iterable[str]) -> None:
    sides = (("experiment", tuple(new)), ("checkpoint", tuple(old)))
    faults = []
    for option, names in (("renamed", fork.renamed), ("copied", fork.copied)):
        for pair in names.items():
            for name, (whose, known) in zip(pair, sides, strict=True):
                if name not in known:
                    path = ("training", "from", option, pair[0])
                    faults.append(Fault(path, f"the {whose} has no variable {name!r}: {nearest(name, known)}"))
    if faults:
        raise ConfigError(faults, fix="write `{name in the experiment: name in the checkpoint}`")


def _same_quantity(parent: Side, child: Side, name: str, old: str) -> Pair:
    line = _units(parent, child, name, old)
    slope, offset = _relation(parent, child, (name, old), line)
    is_same = abs(slope - 1) < SAME and abs(offset) < SAME
    notes = [
        f"renamed from {old!r}" if old != name else "",
        "units converted" if line != Line(1.0, 0.0) else "",
        *_role_note(parent, child, name, old),
        "" if is_same else "other statistics",
    ]
    note = ", ".join(filter(None, notes))
    return Pair(name, old, note=note) if is_same else Pair(name, old, slope, offset, note)


def _role_note(parent: Side, child: Side, name: str, old: str) -> list[str]:
    was, now = (
        next(role for role in ("prognostic", "forcing", "diagnostic") if one in getattr(side.roles, role))
        for side, one in ((parent, old), (child, name))
    )
    return [] if was == now else [f"was {was}, is {now}"]


def _units(parent: Side, child: Side, name: str, origin: str) -> Line:
    """The line from the units of the experiment to those of the checkpoint.

    Raises:
        DataError: they are of another quantity.
    """
    old, new = parent.described.get(origin), child.described.get(name)
    if old is None or new is None:  # computed from the time and the place
        return Line(1.0, 0.0)
    line = Line(1.0, 0.0)
    if old.units and new.units and not have_same_meaning(old.units, new.units):
        converted = conversion(new.units, old.units)
        if converted is None:
            raise DataError(
                f"the checkpoint has {old.name!r} in {old.units!r}, and the experiment has {name!r} in {new.units!r}, "
                "which is another quantity",
                fix=f"rename {name!r} in the experiment, so that it is a new variable, or read it in {old.units!r}",
            )
        line, new = converted, replace(new, units=old.units)
    header = replace(child.preprocessing.source.header, variables=(replace(new, name=old.name),))
    for sentence in check_variables(header, [old], SIDES):
        logger.warning("%s", sentence)
    return line


def _relation(parent: Side, child: Side, names: tuple[str, str], line: Line) -> tuple[float, float]:
    """Slope and offset of m_old as a function of m_new.

    Both chains of transforms are evaluated at the same physical values, so that a transform that is not linear, such as
    a logarithm, is no hindrance as long as both sides have it.

    Raises:
        DataError: there is no such line.
    """
    name, old = names
    physical = _probes(child, name)
    new_values = child.model_values(name, physical)
    old_values = parent.model_values(old, (line.scale * physical.astype(np.float64) + line.offset).astype(np.float32))
    is_there = np.isfinite(new_values) & np.isfinite(old_values)
    new_values, old_values = new_values[is_there], old_values[is_there]
    if not len(new_values) or np.ptp(new_values) == 0:
        return 1.0, float(np.mean(old_values) - np.mean(new_values)) if len(new_values) else 0.0
    centre = new_values.mean()
    deviation = new_values - centre
    slope = float(deviation @ old_values / (deviation @ deviation))
    offset = float(old_values.mean() - slope * centre)
    error = float(np.abs(old_values - slope * new_values - offset).max())
    if slope == 0 or not error <= TOLERANCE * float(np.ptp(old_values)):
        raise DataError(
            f"the model values of {name!r} are no linear function of those that the checkpoint has for {old!r}: "
            "`data.transforms` differ in more than their statistics",
            fix=f"use the transforms of the checkpoint for {name!r}, or begin with weights as they are: "
            f"`training.from.copied: {{{name}: {old}}}`",
        )
    return slope, offset


def _probes(child: Side, name: str) -> NDArray[np.float32]:
    """Physical values within the range of the data, shape `[value]`; −1 to 1 for what is computed."""
    low, high = -1.0, 1.0
    if name in child.statistics.variables:
        where = child.statistics.variables.index(name)
        low, high = float(child.statistics.minimum[where]), float(child.statistics.maximum[where])
        if low == high:
            high = low + max(abs(low), 1.0)
    return np.linspace(low, high, PROBES, dtype=np.float64).astype(np.float32)


def dropped(parent: Side, pairs: Mapping[str, Pair]) -> list[str]:
    """The variables of the checkpoint that no pair takes over, in their order."""
    taken = {pair.old for pair in pairs.values()}
    return [name for name in parent.preprocessing.variables if name not in taken]
