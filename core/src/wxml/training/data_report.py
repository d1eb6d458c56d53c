"""What the data of a config hold for each period: samples, gaps in time, and inputs that are missing."""

__all__ = ["DataReport", "PeriodReport", "check_data", "data_error", "data_report", "report_lines"]

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np

from wxml.config.load import load_config
from wxml.data.holes import Lack
from wxml.data.samples import FIX, incomplete_samples
from wxml.data.times import format_time, parse_duration
from wxml.errors import DataError
from wxml.experiment.assembling import assemble
from wxml.experiment.parts import Experiment, Period
from wxml.plugins.create import create
from wxml.terminal import columns
from wxml.training.trainer import Trainer

FEW = 12
"""So many lacking inputs of a period are listed."""


@dataclass(frozen=True, slots=True)
class PeriodReport:
    """One of the periods of `data.split`."""

    name: str
    first: np.datetime64
    last: np.datetime64
    """Both ends, as the config gives them."""
    times: int
    """The number of times that the source has in it."""
    absent: int
    """The number of time steps between the first and the last of these that the source does not have."""
    samples: int
    """The number of initial times with all times of a sample."""
    incomplete: int
    """The number of these that lack an input."""
    lacks: tuple[Lack, ...]
    """What they lack."""

    def to_dict(self) -> dict[str, Any]:
        """The report in JSON values."""
        lacks = [{"variable": one.variable, "time": format_time(one.time)} for one in self.lacks]
        ends = {"first": format_time(self.first), "last": format_time(self.last)}
        counts = {name: getattr(self, name) for name in ("times", "absent", "samples", "incomplete")}
        return {"period": self.name, **ends, **counts, "lacks": lacks}


@dataclass(frozen=True, slots=True)
class DataReport:
    """All periods of a config, and what a training would refuse."""

    variables: tuple[str, ...]
    """The variables that are read."""
    nodes: int
    members: int
    steps: int
    """The number of forecast steps of a sample."""
    missing_inputs: str
    """`data.missing_inputs`."""
    periods: tuple[PeriodReport, ...]

    @property
    def problems(self) -> tuple[str, ...]:
        """What a training, or a forecast of the test period, would refuse; empty if nothing."""
        found = []
        for one in self.periods:
            if not one.samples:
                found.append(f"no sample fits into `data.split.{one.name}`: it has {one.times} times of the source")
            elif one.incomplete == one.samples and self.missing_inputs != "impute":
                found.append(f"every sample of `data.split.{one.name}` lacks an input")
            elif one.incomplete and self.missing_inputs == "fail":
                found.append(f"{one.incomplete} of {one.samples} samples of `data.split.{one.name}` lack an input")
        return tuple(found)

    def to_dict(self) -> dict[str, Any]:
        """The report in JSON values."""
        names = ("nodes", "members", "steps", "missing_inputs")
        return {
            "variables": list(self.variables),
            **{name: getattr(self, name) for name in names},
            "periods": [one.to_dict() for one in self.periods],
            "problems": list(self.problems),
        }


def check_data(experiment: Path | None, overrides: Sequence[str]) -> DataReport:
    """Open the data of a config, and report what its periods hold; the statistics are computed and kept.

    Raises:
        WxmlError: the config is wrong, or the data cannot be opened or lack a variable.
    """
    loaded = load_config(experiment, overrides)
    choice = loaded.config.training
    trainer: Trainer = create("trainer", choice.plugin, choice.options, where="training")
    return data_report(assemble(loaded), trainer.memory().rollout)


def data_report(experiment: Experiment, steps: int, periods: Sequence[Period] = get_args(Period)) -> DataReport:
    """Report what periods of an experiment, those that it has, hold for samples of `steps` forecast steps."""
    split, preprocessing = experiment.config.data.split, experiment.preprocessing
    names = [name for name in periods if getattr(split, name) is not None]
    header = experiment.source.header
    return DataReport(
        preprocessing.origins(preprocessing.variables)[0],
        len(header.grid),
        header.members,
        steps,
        experiment.config.data.missing_inputs,
        tuple(_period_report(experiment, name, steps) for name in names),
    )


def _period_report(experiment: Experiment, name: str, steps: int) -> PeriodReport:
    period, times = experiment.config.data.split.period(name), experiment.source.header.times
    inside = times[(times >= period[0]) & (times <= period[1])]
    window, timestep = experiment.window(steps), parse_duration(experiment.config.data.timestep)
    initial = window.initial_times(times, period)
    found = incomplete_samples(experiment.preprocessing, window, initial)
    steps_inside = int((inside[-1] - inside[0]) // timestep) + 1 if len(inside) else 0
    expected = inside[0] + np.arange(steps_inside) * timestep if len(inside) else inside
    absent = int((~np.isin(expected, inside)).sum())
    count = int(found.samples.sum())
    return PeriodReport(name, *period, len(inside), absent, len(initial), count, found.lacks)


def report_lines(report: DataReport) -> list[str]:
    """Lines for people: a table of the periods, what is lacking, and what would be refused."""
    counts = f"{len(report.variables)} variables on {report.nodes:,} nodes, {report.members} members"
    lines = [f"data      {counts}; a sample has {report.steps} forecast steps"]
    lines += (f"  {line}" for line in columns([TITLES, *map(_cells, report.periods)], right={3, 4, 5, 6}))
    for one in report.periods:
        lines += [f"  {one.name} lacks {lack.variable!r} at {format_time(lack.time)}" for lack in one.lacks[:FEW]]
        if len(one.lacks) > FEW:
            lines.append(f"  {one.name} lacks {len(one.lacks) - FEW} more, see --json")
    if report.missing_inputs == "leave-out" and any(one.incomplete for one in report.periods):
        lines.append("  samples that lack an input are left out (`data.missing_inputs`)")
    return lines


def data_error(report: DataReport) -> DataError:
    """What a training would refuse first, as an error."""
    is_empty = any(not one.samples for one in report.periods)
    fix = "choose periods of which the source has the times (`data.split`)" if is_empty else FIX
    return DataError("; ".join(report.problems), fix=fix)


TITLES = ("period", "from", "to", "times", "absent", "samples", "lack an input")


def _cells(one: PeriodReport) -> tuple[str, ...]:
    counts = (one.times, one.absent, one.samples, one.incomplete)
    return (one.name, format_time(one.first), format_time(one.last), *(f"{count:,}" for count in counts))
