"""Statistics over the members of a forecast, of one step after the other: no member is stored."""

__all__ = ["MEAN", "STD", "MemberStatistic", "MemberStatistics", "statistics_of"]

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wxml.config.output_schema import OutputConfig
from wxml.data.fields import Fields
from wxml.data.units import have_same_meaning
from wxml.data.variables import Variable
from wxml.errors import ConfigError, Fault
from wxml.forecasting.layout import SPREAD, ForecastHeader

MEAN, STD, QUANTILE = "mean", "standard deviation", "quantile"


@dataclass(frozen=True, slots=True)
class MemberStatistic:
    """One number of the values of all members, as `Variable.statistic` says it.

    >>> str(MemberStatistic("mean", 20)), str(MemberStatistic("quantile", 20, 0.1))
    ('mean of 20 members', 'quantile 0.1 of 20 members')
    """

    kind: str
    members: int
    quantile: float | None = None

    def __str__(self) -> str:
        return f"{self.kind}{'' if self.quantile is None else f' {self.quantile:g}'} of {self.members} members"

    def variable(self, of: Variable) -> Variable:
        """The statistic of a variable; the mean has its name, others have a suffix: `_std`, `_q10`."""
        suffix = {MEAN: "", STD: "_std"}.get(self.kind, f"_q{100 * (self.quantile or 0):g}")
        is_difference = self.kind == STD and have_same_meaning(of.units, "degC")
        return replace(of, name=of.name + suffix, units="K" if is_difference else of.units, statistic=str(self))

    def values(self, members: NDArray[np.float32]) -> NDArray[np.float64]:
        """The statistic, `[variable, node]`, of values `[member, variable, node]`; NaN where a member lacks one.

        The standard deviation has M - 1 in its denominator; quantiles are interpolated (Hyndman and Fan 1996, type 7).
        """
        if self.kind == MEAN:
            found = members.mean(axis=0, dtype=np.float64)
        elif self.kind == STD:
            found = members.std(axis=0, dtype=np.float64, ddof=1)
        else:
            found = np.quantile(members.astype(np.float64), self.quantile or 0.0, axis=0)
        return np.asarray(found)


@dataclass(frozen=True, slots=True)
class MemberStatistics:
    """What is written in place of the members."""

    kinds: tuple[MemberStatistic, ...]

    def header(self, whole: ForecastHeader) -> ForecastHeader:
        """The header of what is written: one member; the standard deviations of a model with a spread are left out."""
        values = [one for one in whole.variables if not one.name.endswith(SPREAD)]
        variables = tuple(kind.variable(one) for kind in self.kinds for one in values)
        return replace(whole, members=1, numbering=None, variables=variables)

    def fields(self, whole: Fields) -> Fields:
        """What is written of a step."""
        columns = [place for place, name in enumerate(whole.variables) if not name.endswith(SPREAD)]
        names = [whole.variables[column] for column in columns]
        members = np.take(whole.values, columns, axis=1)
        values = np.concatenate([kind.values(members) for kind in self.kinds])[None].astype(np.float32)
        variables = tuple(kind.variable(Variable(name)).name for kind in self.kinds for name in names)
        return Fields(whole.valid_time, variables, values)


def statistics_of(config: OutputConfig, members: int, where: str) -> MemberStatistics | None:
    """The statistics that an output has in place of `members`; None: it has the members.

    Raises:
        ConfigError: there is one member.
    """
    if config.members == "all":
        return None
    if members == 1:
        fault = Fault(f"{where}.members", "a statistic of the members needs several, and the forecast has one")
        raise ConfigError([fault], fix="leave `members` of the output out, or forecast several, as with --members 10")
    kinds: list[MemberStatistic] = []
    for name in (config.members,) if isinstance(config.members, str) else config.members:
        if name == "quantiles":
            kinds += [MemberStatistic(QUANTILE, members, one) for one in config.quantiles]
        else:
            kinds.append(MemberStatistic(MEAN if name == "mean" else STD, members))
    return MemberStatistics(tuple(dict.fromkeys(kinds)))
