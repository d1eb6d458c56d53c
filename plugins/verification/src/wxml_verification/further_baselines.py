"""Baselines beside persistence and climatology: the state at the same time of day, past states, a linear law."""

__all__ = ["CaseBaseline", "Further", "Wanted", "further_baselines"]

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from wxml.errors import DataError

from wxml_verification.arrays import Array
from wxml_verification.baseline import SECOND, StateBaseline
from wxml_verification.climatology import DAYS, calendar
from wxml_verification.ridge import RidgeBaseline, RidgeOptions
from wxml_verification.truth import Truth
from wxml_verification.usual import Past

Further = Literal["diurnal-persistence", "climatology-ensemble", "ridge"]
Leads = NDArray[np.timedelta64]
Times = NDArray[np.datetime64]
DAY = 86400


class CaseBaseline(Protocol):
    """Forecasts of one kind that need no model."""

    @property
    def name(self) -> str:
        """As it stands in scores."""

    @property
    def note(self) -> str:
        """What the reader of a report must know; empty if nothing."""

    def fields(self, truth: Truth, initial_time: np.datetime64, leads: Leads, names: Sequence[str]) -> Array:
        """The values of one case, shape `[member, lead_time, variable, node]`; NaN where there is none."""


@dataclass(frozen=True, slots=True, eq=False)
class DiurnalPersistence:
    """The last state at the initial time or before it that has the time of day of the valid time."""

    name: str = "diurnal-persistence"
    note: str = ""

    def fields(self, truth: Truth, initial_time: np.datetime64, leads: Leads, names: Sequence[str]) -> Array:
        """See `CaseBaseline`; one member."""
        seconds = (leads / SECOND).astype(np.int64).tolist()
        states = {lead: {lead - DAY * -(-lead // DAY): 1.0} for lead in seconds}
        return StateBaseline(self.name, states).at(truth, initial_time, leads, names)[None]


@dataclass(frozen=True, slots=True, eq=False)
class ClimatologyEnsemble:
    """Past states at the time of day, within some days of the date, in whichever year: each is a member.

    They are spread evenly over these states in their order in time. Where there are fewer of them than members, the
    window is doubled until there are enough; where the whole past has fewer, there is no ensemble. The valid time
    itself is no past.
    """

    past: Past
    window: int
    """Days on either side of the date."""
    members: int
    name: str = "climatology-ensemble"
    note: str = ""

    def fields(self, truth: Truth, initial_time: np.datetime64, leads: Leads, names: Sequence[str]) -> Array:
        """See `CaseBaseline`."""
        source = self.past.source
        out = np.full((self.members, len(leads), len(names), len(source.header.grid)), np.nan)
        for place, lead in enumerate(leads):
            chosen = self.chosen(initial_time + lead)
            if len(chosen):
                out[:, place] = source.read(chosen, names).mean(axis=1, dtype=np.float64)
        return out

    def chosen(self, valid_time: np.datetime64) -> Times:
        """The past times of the members, rising; none where there are too few."""
        times = self.past.times[self.past.times != valid_time]
        days, seconds = calendar(times)
        (day,), (second,) = calendar(np.array([valid_time], "datetime64[s]"))
        around = np.abs(days - day)
        apart = np.where(seconds == second, np.minimum(around, DAYS - around), DAYS)
        window = self.window
        while np.sum(apart <= window) < self.members and window < DAYS // 2:
            window = min(2 * window + 1, DAYS // 2)
        there: Times = times[apart <= window]
        if len(there) < self.members:
            return np.array([], "datetime64[s]")
        evenly: Times = there[(np.arange(self.members) * 2 + 1) * len(there) // (2 * self.members)]
        return evenly


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """What further baselines need to know."""

    past: Past
    """What past states and the linear law come from."""
    window: int
    """The days on either side of a date that an ensemble of past states takes."""
    members: int
    """How many the forecast has."""
    variables: tuple[str, ...]
    """Those that are scored."""
    verified: Times
    """The instants that are verified."""
    ridge: RidgeOptions = RidgeOptions()  # noqa: RUF009  # frozen


def further_baselines(names: Sequence[Further], wanted: Wanted) -> tuple[CaseBaseline, ...]:
    """Make the baselines of these names.

    Raises:
        DataError: the forecast is no ensemble, nothing is known of the past of its variables, or the past is verified.
    """
    made: dict[Further, CaseBaseline] = {"diurnal-persistence": DiurnalPersistence()}
    if "climatology-ensemble" in names:
        _check_ensemble(wanted)
        made["climatology-ensemble"] = ClimatologyEnsemble(wanted.past, wanted.window, wanted.members)
    if "ridge" in names:
        ridge = RidgeBaseline(wanted.past, wanted.ridge)
        ridge.check(wanted.verified, wanted.variables)
        made["ridge"] = ridge
    return tuple(made[name] for name in dict.fromkeys(names))


def _check_ensemble(wanted: Wanted) -> None:
    """Refuse an ensemble of past states beside one forecast, or without a past."""
    past = wanted.past
    lacking = [name for name in wanted.variables if name not in past.source.header.names]
    if wanted.members < 2 or not len(past.times) or lacking:
        reason = "the forecast has one member" if wanted.members < 2 else f"{past.origin} has no past of the variables"
        raise DataError(
            f"there can be no baseline `climatology-ensemble`: {reason}",
            fix="leave it out of `verification.baselines`",
        )
