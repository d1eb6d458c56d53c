"""What the perturbations of a forecast read, from a checkpoint alone: no data are opened."""

__all__ = ["forecast_requirements"]

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from safetensors import safe_open

from wxml.artefacts.arrays import statistics_of
from wxml.artefacts.checkpoint import read_header
from wxml.artefacts.header import recorded_config
from wxml.artefacts.requirements import PerturbationInputs, Requirements, requirements
from wxml.config.forecast_schema import ForecastConfig
from wxml.data.call_plan import plan_calls
from wxml.forecasting.earlier_runs import steps_back
from wxml.forecasting.ensemble import Ensemble, chosen_members
from wxml.forecasting.perturbation import EarlierRun, Perturbation, PerturbationSpace
from wxml.plugins.create import create
from wxml.plugins.load import load
from wxml.plugins.options.choices import PluginChoice, choices_in
from wxml.plugins.options.model import options_model
from wxml.plugins.resolve import resolve


def forecast_requirements(
    checkpoint: Path, chosen: ForecastConfig | None = None, members: int | None = None, member: str | None = None
) -> Requirements:
    """What a checkpoint must be fed with for some members, perturbations included.

    A perturbation that reads a source of its own does so at the times of the initial states.

    Args:
        checkpoint: its file.
        chosen: the section `forecast` of the config; None: that of the checkpoint.
        members: the number of members; None: as the section says.
        member: the numbers of those that are made, as `chosen_members` takes them; None: all.

    Raises:
        ArtefactError: there is no such file, it is damaged, or no checkpoint.
        UnknownPluginError: a perturbation is not installed.
        ConfigError: the options of a perturbation are wrong.
        DataError: a perturbation makes forecasts from earlier times, and the task of the model feeds nothing back; or
            `member` names none of the members.
    """
    needed = requirements(checkpoint)
    section = chosen or recorded_config(read_header(checkpoint)["config"], str(checkpoint)).forecast
    if not section.perturbations:
        return needed
    space, perturbed = _space(checkpoint, needed), _perturbed(section, members, member)
    choices = [(choice, f"forecast.perturbations.{number}") for number, choice in enumerate(section.perturbations)]
    return needed.perturbed([one for choice in choices for one in _inputs(*choice, needed, space, perturbed)])


def _perturbed(section: ForecastConfig, members: int | None, member: str | None) -> list[int]:
    """The numbers of the members whose initial states are perturbed."""
    ensemble = Ensemble(members or section.members, control=section.control)
    if member is not None:
        ensemble = replace(ensemble, chosen=chosen_members(member, ensemble.size))
    return [number for number in ensemble.numbers if not ensemble.is_control(number)]


def _space(checkpoint: Path, needed: Requirements) -> PerturbationSpace:
    """What the perturbations are given."""
    header = read_header(checkpoint)
    with safe_open(checkpoint, framework="np") as file:
        arrays = {key: file.get_tensor(key) for key in file.keys() if key.startswith("statistics/")}  # noqa: SIM118
    statistics = statistics_of(arrays, header["statistics"], "statistics/", str(checkpoint))
    variables = tuple(one.variable for one in needed.of_role("prognostic"))
    changes = statistics.select(tuple(one.name for one in variables)).tendency_std
    return PerturbationSpace(needed.grid, variables, changes, needed.timestep)


def _inputs(
    choice: PluginChoice, where: str, needed: Requirements, space: PerturbationSpace, members: Sequence[int]
) -> Iterator[PerturbationInputs]:
    """What a perturbation reads; nothing of one that adds random numbers."""
    plugin = load(resolve("perturbation", choice.plugin, where=where))
    own = [one for one in choices_in(choice.options, options_model(plugin)) if one.kind == "data-source"]
    for source in own:
        yield PerturbationInputs(choice.plugin, needed.states, source=str(source.written["plugin"]))
    if own:
        return  # made, it would open them
    perturbation: Perturbation = create("perturbation", choice.plugin, choice.options, space, where=where)
    runs = {run for member in members for run in perturbation.runs(member)}
    if runs:
        yield _of_runs(choice.plugin, needed, runs)


def _of_runs(plugin: str, needed: Requirements, runs: set[EarlierRun]) -> PerturbationInputs:
    """What forecasts from earlier times read."""
    states, forcings = set[np.timedelta64](), set[np.timedelta64]()
    for run in runs:
        window = plan_calls(needed.task, steps_back(needed.task, run.duration)).window
        states.update(window.offsets[: window.input_steps] - run.lag)
        if needed.of_role("forcing"):
            forcings.update(window.offsets[window.forcing_positions] - run.lag)
    return PerturbationInputs(plugin, tuple(sorted(states)), tuple(sorted(forcings)))
