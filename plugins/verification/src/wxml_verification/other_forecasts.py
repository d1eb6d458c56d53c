"""Other forecasts as baselines: each is read beside the one that is verified, at the same nodes."""

__all__ = ["OtherForecast", "other_forecasts"]

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from wxml.data.node_order import node_order
from wxml.errors import ConfigError, DataError, Fault

from wxml_verification.arrays import Array
from wxml_verification.reading import ForecastFile
from wxml_verification.truth import SAME_PLACE, Truth
from wxml_verification.truths import Against, against

Leads = NDArray[np.timedelta64]


@dataclass(frozen=True, slots=True, eq=False)
class OtherForecast:
    """A forecast of another file on the nodes that are scored."""

    forecast: ForecastFile
    order: NDArray[np.intp]
    """Its node at the place of each node that is scored; -1 where there is none."""
    variables: tuple[str, ...]
    """Those that it has of the scored ones."""
    name: str

    @property
    def note(self) -> str:
        """Which file it is."""
        return f"The baseline `{self.name}` is the forecast `{self.forecast.name}`."

    def fields(self, truth: Truth, initial_time: np.datetime64, leads: Leads, names: Sequence[str]) -> Array:
        """See `CaseBaseline`; NaN where the file lacks the initial time, the lead time, the variable or the node."""
        out = np.full((self.forecast.members, len(leads), len(names), len(self.order)), np.nan)
        case = np.flatnonzero(self.forecast.initial_times == initial_time)
        _, ours, theirs = np.intersect1d(leads, self.forecast.lead_times, return_indices=True)
        if len(case):
            for place, name in enumerate(names):
                if name in self.variables:
                    found = self.forecast.members_of(int(case[0]), name)[:, theirs][..., self.order]
                    out[:, ours, place] = np.where(self.order < 0, np.nan, found)
        return out


def other_forecasts(files: Mapping[str, ForecastFile], one: Against, taken: Sequence[str]) -> tuple[OtherForecast, ...]:
    """Bring other forecasts to the nodes that are scored.

    Args:
        files: by name.
        one: the forecast that is verified, beside its truth.
        taken: names that other baselines have.

    Raises:
        WxmlError: one has none of the variables, has them in other units or on other nodes.
        ConfigError: a name is taken.
    """
    faults = [
        Fault(("verification", "forecasts", name), "another baseline has this name; choose another one")
        for name in files
        if name in ("forecast", *taken)
    ]
    if faults:
        raise ConfigError(faults)
    return tuple(_placed(name, file, one) for name, file in files.items())


def _placed(name: str, other: ForecastFile, one: Against) -> OtherForecast:
    wanted = tuple(each for each in one.variables if each in other.variables)
    if not wanted:
        raise DataError(
            f"the other forecast {name!r} has none of the variables {', '.join(one.variables)}",
            fix="leave it out of `verification.forecasts`",
        )
    for each in wanted:
        units = [file.variable(each).units for file in (one.forecast, other)]
        if units[0] != units[1]:
            raise DataError(
                f"{each} has the units {units[0]!r} in the forecast and {units[1]!r} in the other forecast {name!r}",
                fix="write both in the same units, with the state filter `units` say",
            )
    placed = against(other, one.source, wanted, one.ways).forecast
    order = node_order(one.truth.source.header.grid, placed.grid(), SAME_PLACE)
    if np.any(order < 0):
        raise DataError(
            f"the other forecast {name!r} lacks {int(np.sum(order < 0))} of the {len(order)} nodes that are scored",
            fix="score both on the nodes of the truth: verification.regrid.move=forecast",
        )
    return OtherForecast(placed, order, wanted, name)
