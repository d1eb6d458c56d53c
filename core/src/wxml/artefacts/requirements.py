"""What a checkpoint must be fed with: variables, grid, times. Its header says it, without data and without plugins."""

__all__ = [
    "PerturbationInputs",
    "RequiredVariable",
    "Requirements",
    "Role",
    "requirement_lines",
    "requirements",
    "requirements_of",
]

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import BaseModel, Field, ValidationError
from safetensors import safe_open

from wxml.artefacts.arrays import grid_of
from wxml.artefacts.checkpoint import read_header
from wxml.artefacts.header import recorded_config
from wxml.config.data_schema import DataConfig
from wxml.data.call_plan import plan_calls
from wxml.data.grid import Grid
from wxml.data.task import Call, StepTimes, Task
from wxml.data.times import format_duration, format_offset, parse_duration
from wxml.data.variables import Variable
from wxml.errors import ContractError
from wxml.files.failures import damaged
from wxml.terminal import columns

Role = Literal["prognostic", "forcing", "constant", "computed", "diagnostic"]
"""Prognostic: read and forecast; forcing: read alone, at each step; constant: read once; computed: a forcing that no
source is asked for; diagnostic: forecast alone, never read."""
Offsets = tuple[np.timedelta64, ...]
SECOND = np.timedelta64(1, "s")
SCORES, LOSS = "validation", "validation_loss"
MOST_SCORES = 40
"""So many are printed."""


@dataclass(frozen=True, slots=True)
class RequiredVariable:
    """A variable that a model reads or forecasts."""

    variable: Variable
    """Its name, level, units, step type and so on in the data of the training."""
    role: Role
    offsets: Offsets = ()
    """When it is read for the first call of the model, and for perturbations, relative to the initial time; empty if no
    source is asked."""

    def to_dict(self) -> dict[str, Any]:
        """The variable in JSON values; what is not known is left out."""
        known = {key: value for key, value in asdict(self.variable).items() if value not in ("", None)}
        return {"role": self.role, **known, "offsets": list(map(format_offset, self.offsets))}


@dataclass(frozen=True, slots=True)
class PerturbationInputs:
    """What a perturbation of the initial states reads, relative to the initial time."""

    plugin: str
    """Its name."""
    states: Offsets
    """When prognostic variables are read."""
    forcings: Offsets = ()
    """When forcings are read."""
    source: str = ""
    """The name of the source of its own that the states are from; empty: they are from that of the initial states."""

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        times = {"states": list(map(format_offset, self.states)), "forcings": list(map(format_offset, self.forcings))}
        return {"plugin": self.plugin, **times, "source": self.source or None}


@dataclass(frozen=True, eq=False)
class Requirements:
    """What a checkpoint must be fed with, and what it gives."""

    variables: tuple[RequiredVariable, ...]
    """Prognostic, then diagnostic variables, then forcings, in the order of the model."""
    grid: Grid
    """The nodes that the data must have, in any order."""
    timestep: np.timedelta64
    task: Task
    """The times of the calls, as the checkpoint records them."""
    training: Mapping[str, Any]
    """What the trainer noted: steps, losses, metrics."""
    perturbations: tuple[PerturbationInputs, ...] = ()
    """What the perturbations of a forecast read beside its initial states."""

    def perturbed(self, perturbations: Sequence[PerturbationInputs]) -> Self:
        """The same with perturbations, whose times are among those of the variables."""
        of_source = [one for one in perturbations if not one.source]
        added = {
            "prognostic": {time for one in of_source for time in one.states},
            "forcing": {time for one in of_source for time in one.forcings},
        }
        variables = (
            replace(one, offsets=tuple(sorted({*one.offsets, *added.get(one.role, ())}))) for one in self.variables
        )
        return replace(self, variables=tuple(variables), perturbations=tuple(perturbations))

    def of_role(self, *roles: Role) -> tuple[RequiredVariable, ...]:
        """The variables of some roles."""
        return tuple(one for one in self.variables if one.role in roles)

    @property
    def read(self) -> tuple[RequiredVariable, ...]:
        """The variables that a source is asked for."""
        return self.of_role("prognostic", "forcing", "constant")

    @cached_property
    def states(self) -> Offsets:
        """When the prognostic variables are read, relative to the initial time."""
        return _states(self.task)

    @cached_property
    def forcings(self) -> Offsets:
        """When the forcings are read for the calls before the first `shift`, relative to the initial time."""
        return _forcings(self.task)

    @property
    def shift(self) -> np.timedelta64 | None:
        """After which time the same calls follow again, and forcings are read again; None: never."""
        return self.task.shift

    @property
    def scores(self) -> dict[str, float]:
        """The numbers of the last validation, or of that of the weights that were kept, by name."""
        noted = self.training
        own = {LOSS: noted.get("weights_validation_loss", noted.get(LOSS))}
        named = own | (noted.get("weights_metric") or {}) | (noted.get("metrics") or {})
        there = {name: value for name, value in named.items() if isinstance(value, int | float)}
        return {name: float(value) for name, value in there.items() if name.startswith(SCORES)}

    def to_dict(self) -> dict[str, Any]:
        """All of it in JSON values, as `wxml inspect --json` prints it."""
        perturbations = [one.to_dict() for one in self.perturbations]
        return {
            "variables": [one.to_dict() for one in self.variables],
            "grid": _grid_record(self.grid),
            "times": {
                "timestep": format_duration(self.timestep),
                "states": list(map(format_offset, self.states)),
                "forcings": list(map(format_offset, self.forcings)) if self.of_role("forcing") else [],
                "shift": None if self.shift is None else format_duration(self.shift),
            },
            **({"perturbations": perturbations} if perturbations else {}),
            "scores": self.scores,
        }


class _RecordedTask(Task):
    """A task whose times are those that a checkpoint records, so that its plugin is not needed."""

    def __init__(self, times: StepTimes, calls: tuple[Call, ...], shift: np.timedelta64 | None) -> None:
        super().__init__(times)
        self._calls, self._shift = calls, shift

    @property
    def calls(self) -> tuple[Call, ...]:
        return self._calls

    @property
    def shift(self) -> np.timedelta64 | None:
        return self._shift


def requirements(checkpoint: Path) -> Requirements:
    """Read what a checkpoint must be fed with; neither torch, nor its data, nor a plugin is needed.

    Raises:
        ArtefactError: there is no such file, it is damaged, or no checkpoint.
    """
    header = read_header(checkpoint)
    with safe_open(checkpoint, framework="np") as file:
        arrays = {key: file.get_tensor(key) for key in file.keys() if key.startswith("grid/")}  # noqa: SIM118
    return requirements_of(header, grid_of(arrays, header, str(checkpoint)), str(checkpoint))


def requirements_of(header: Mapping[str, Any], grid: Grid, name: str) -> Requirements:
    """What the header of a checkpoint says that it must be fed with.

    Args:
        header: as `wxml.artefacts.checkpoint.read_header` gives it, of any version.
        grid: the grid of the checkpoint.
        name: that of the file in messages.

    Raises:
        ArtefactError: the config or the times of the task are none that wxml writes.
    """
    data = recorded_config(header["config"], name).data
    try:
        task = _task(header.get("task"), data)
        task.advance()  # a state that no call gives would be looked for without end
    except (ValidationError, ContractError) as error:
        raise damaged(f"the task of `{name}`", str(error).splitlines()[0]) from error
    return Requirements(tuple(_variables(header, data, task)), grid, task.times.timestep, task, header["training"])


_Seconds = list[Annotated[int, Field(ge=-(10**9), le=10**9)]]


class _CallRecord(BaseModel):
    """A call as `Call.as_json` writes it."""

    states: _Seconds
    forcings: _Seconds
    outputs: Annotated[_Seconds, Field(min_length=1)]

    def call(self) -> Call:
        states, forcings, outputs = (
            tuple(one * SECOND for one in times) for times in (self.states, self.forcings, self.outputs)
        )
        return Call(states, forcings, outputs)


class _TaskRecord(BaseModel):
    """A task as `Task.as_json` writes it."""

    calls: Annotated[list[_CallRecord], Field(min_length=1)]
    shift: Annotated[int, Field(gt=0)] | None = None


def _task(record: Mapping[str, Any] | None, data: DataConfig) -> Task:
    """The task as it is recorded; version 0.1 recorded none, and had evenly spaced forecasts alone."""
    times = StepTimes(parse_duration(data.timestep), data.input_steps, data.output_steps)
    if record is None:
        states = tuple(np.arange(1 - times.input_steps, 1) * times.timestep)
        outputs = tuple(np.arange(1, times.output_steps + 1) * times.timestep)
        return _RecordedTask(times, (Call(states, states, outputs),), outputs[-1])
    found = _TaskRecord.model_validate(record)
    calls = tuple(one.call() for one in found.calls)
    return _RecordedTask(times, calls, None if found.shift is None else found.shift * SECOND)


def _states(task: Task) -> Offsets:
    """When states of the data are read."""
    steps = len(task.calls[0].outputs) if task.steps is None else task.steps
    window = plan_calls(task, steps).window
    return tuple(window.offsets[: window.input_steps])


def _forcings(task: Task) -> Offsets:
    return tuple(sorted({time for call in task.calls for time in call.forcings}))


def _variables(header: Mapping[str, Any], data: DataConfig, task: Task) -> Iterator[RequiredVariable]:
    """The variables with their roles; version 0.1 recorded no units of forcings."""
    roles = header["roles"]
    described = {one["name"]: Variable(**one) for one in (*header["variables"], *header.get("forcings", ()))}
    described |= {one["name"]: Variable(**one) for one in header.get("made", ())}
    states, forcings = _states(task), _forcings(task)
    for name in roles["prognostic"]:
        yield RequiredVariable(described[name], "prognostic", states)
    for name in roles.get("diagnostic", ()):
        yield RequiredVariable(described[name], "diagnostic")
    for name in roles.get("forcing", ()):
        variable = described.get(name, Variable(name))
        if name not in header["statistics"]:
            yield RequiredVariable(variable, "computed")
        elif name in data.variables.constant:
            yield RequiredVariable(variable, "constant", forcings[:1])
        else:
            yield RequiredVariable(variable, "forcing", forcings)


def _grid_record(grid: Grid) -> dict[str, Any]:
    return {
        "identity": grid.identity,
        "nodes": len(grid),
        "shape": list(grid.shape),
        "is_regular": grid.is_regular,
        "is_global": grid.is_global,
        "first": [float(grid.latitudes[0]), float(grid.longitudes[0])],
        "last": [float(grid.latitudes[-1]), float(grid.longitudes[-1])],
        "parts": [part.record() for part in grid.parts],
    }


def requirement_lines(needed: Requirements) -> list[str]:
    """Lines for people: the table of the variables, the grid, the times and the last scores."""
    titles = ("variable", "role", "level", "units", "step type", "standard name", "GRIB")
    rows = [titles, *map(_cells, needed.variables)]
    used = [column for column in zip(*rows, strict=True) if any(column[1:])]
    lines = ["feed it with", *(f"  {line}" for line in columns(list(zip(*used, strict=True))))]
    lines += [f"  grid      {_grid_text(needed.grid)}", f"  times     {_times_text(needed)}"]
    lines += [f"  perturbed {_perturbation_text(one)}" for one in needed.perturbations]
    return lines + _score_lines(needed)


def _score_lines(needed: Requirements) -> list[str]:
    """The scores, in the units of the variables; of very many, the first ones."""
    scores = [(name, f"{value:.5g}") for name, value in needed.scores.items()]
    if not scores:
        return []
    step = needed.training.get("weights_of_step", needed.training.get("steps"))
    when = "" if step is None else f" at step {step}"
    more = [f"and {len(scores) - MOST_SCORES} more, see --json"] if len(scores) > MOST_SCORES else []
    lines = [*columns(scores[:MOST_SCORES]), *more]
    return [f"  scores    of the validation of these weights{when}", *(f"    {line}" for line in lines)]


def _cells(one: RequiredVariable) -> tuple[str, ...]:
    variable = one.variable
    level = "" if variable.level is None else f"{variable.level:g} {variable.level_units}".rstrip()
    where = " ".join(dict.fromkeys(part for part in (level, variable.level_type, variable.height) if part))
    steps = f"{variable.step_type} over {variable.period}" if variable.period else variable.step_type
    return (variable.name, one.role, where, variable.units, steps, variable.standard_name, variable.grib)


def _grid_text(grid: Grid) -> str:
    kind = "regular" if grid.is_regular else "any nodes" if len(grid.shape) == 1 else "projected"
    shape = " × ".join(map(str, grid.shape))
    ends = " to ".join(f"{grid.latitudes[n]:.7g}°N {grid.longitudes[n]:.7g}°E" for n in (0, -1))
    parts = "".join(f", {part.name}: {part.count:,} nodes" for part in grid.parts)
    where = "global" if grid.is_global else "a limited area"
    return f"{len(grid):,} nodes ({shape}, {kind}, {where}) from {ends}, in any order{parts}"


def _times_text(needed: Requirements) -> str:
    parts = [f"a time step is {format_duration(needed.timestep)}"]
    if needed.states:
        parts.append(f"states at {', '.join(map(format_offset, needed.states))} from the initial time")
    if needed.of_role("forcing"):
        again = "" if needed.shift is None else f", again every {format_duration(needed.shift)} to the lead time"
        parts.append(f"forcings at {', '.join(map(format_offset, needed.forcings))}{again}")
    if needed.of_role("constant"):
        parts.append("constants once")
    return "; ".join(parts)


def _perturbation_text(one: PerturbationInputs) -> str:
    whose = f" of its own source `{one.source}`" if one.source else ""
    parts = [f"{one.plugin} reads states{whose} at {', '.join(map(format_offset, one.states))}"]
    if one.forcings:
        parts.append(f"forcings at {', '.join(map(format_offset, one.forcings))}")
    return "; ".join(parts) + " from the initial time"
