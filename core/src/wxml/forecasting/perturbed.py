"""Initial states with the perturbations that a config names."""

__all__ = ["Perturbations"]

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from wxml.data.times import parse_duration
from wxml.experiment.parts import Experiment
from wxml.forecasting.perturbation import EarlierRun, InitialState, Perturbation, PerturbationSpace
from wxml.plugins.create import create

Run = Callable[[EarlierRun, NDArray[np.float64] | None], NDArray[np.float32]]


@dataclass(frozen=True, slots=True, eq=False)
class Perturbations:
    """The perturbations of a forecast, and the limits of what they perturb."""

    plugins: tuple[Perturbation, ...]
    lowest: NDArray[np.float64]
    """The least value of each prognostic variable, physical units, shape `[variable]`; −∞: none."""
    highest: NDArray[np.float64]
    """Likewise the largest."""

    @classmethod
    def of(cls, experiment: Experiment) -> Self | None:
        """Make those of `forecast.perturbations`; None if there are none.

        Raises:
            WxmlError: a plugin cannot be made.
        """
        choices = experiment.config.forecast.perturbations
        if not choices:
            return None
        space = perturbation_space(experiment)
        plugins = tuple(
            create("perturbation", choice.plugin, choice.options, space, where=f"forecast.perturbations.{number}")
            for number, choice in enumerate(choices)
        )
        return cls(plugins, *_limits(experiment))

    def having(self, difference: NDArray[np.float64]) -> Self:
        """The same limits, with one difference in place of all perturbations."""
        return replace(self, plugins=(_Given(self.plugins[0].space, difference),))

    def runs(self, members: Iterable[int]) -> tuple[EarlierRun, ...]:
        """The forecasts that the states of some members are asked for, each once."""
        asked = (run for member in members for plugin in self.plugins for run in plugin.runs(member))
        return tuple(dict.fromkeys(asked))

    def perturbed(
        self,
        values: NDArray[np.float32],
        times: NDArray[np.datetime64],
        member: int,
        seeds: Sequence[int],
        run: Run,
    ) -> NDArray[np.float32]:
        """The initial state of a member, shape `[input time, variable, node]`, physical units.

        Args:
            values: the unperturbed state; it is not changed.
            times: the input times; the last is the initial time.
            member: its number.
            seeds: what the random numbers of each perturbation begin with.
            run: see `InitialState`.
        """
        fixed = values.view()
        fixed.flags.writeable = False
        changed = values.astype(np.float64)
        for plugin, seed in zip(self.plugins, seeds, strict=True):
            changed += plugin.difference(InitialState(fixed, times, member, seed, run))
        lowest, highest = self.lowest[:, None], self.highest[:, None]
        within = np.clip(changed.astype(np.float32), lowest.astype(np.float32), highest.astype(np.float32))
        return np.where(np.isnan(values), values, within)


class _Given(Perturbation):
    """Adds a difference that is known."""

    def __init__(self, space: PerturbationSpace, difference: NDArray[np.float64]) -> None:
        super().__init__(space)
        self._given = difference

    def _difference(self, state: InitialState) -> NDArray[np.float64]:
        return self._given


def perturbation_space(experiment: Experiment) -> PerturbationSpace:
    """What the perturbations of a forecast are given."""
    names = experiment.roles.prognostic
    described = {variable.name: variable for variable in experiment.output_variables}
    return PerturbationSpace(
        experiment.preprocessing.places,
        tuple(described[name] for name in names),
        experiment.statistics.select(names).tendency_std,
        parse_duration(experiment.config.data.timestep),
    )


def _limits(experiment: Experiment) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The limits of `model.bounding`, and 0 below a variable that was never negative in the training period."""
    names, bounding = experiment.roles.prognostic, experiment.config.model.bounding
    smallest = dict(zip(names, experiment.statistics.select(names).minimum, strict=True))
    lowest, highest = [], []
    for name in names:
        least, most = (bounding[name].minimum, bounding[name].maximum) if name in bounding else (None, None)
        natural = 0.0 if smallest[name] >= 0 else -np.inf
        lowest.append(natural if least is None else least)
        highest.append(np.inf if most is None else most)
    return np.array(lowest), np.array(highest)
