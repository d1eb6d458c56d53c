"""What scores must be: requirements such as `rmse:t_850:24h<1.2`, for a check that passes or fails."""

__all__ = [
    "Outcome",
    "Requirement",
    "check_requirements",
    "outcomes",
    "outcomes_as_json",
    "parse_requirement",
    "requirement_table",
]

import operator
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wxml.data.times import format_duration, parse_duration
from wxml.errors import DataError, nearest
from wxml.terminal import columns
from wxml.verification.verifier import ScoreNames, Scores

SENSES = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
FORM = "write METRIC:VARIABLE:LEAD<LIMIT, such as rmse:t_850:24h<1.2, acc:z_500:5d@europe>0.6 or mae:t:6h<persistence"
PLAIN = "write the limit as a number alone, in the units of the score, or as the name of a forecast: {}"
WITH_UNITS = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*\S.*", re.IGNORECASE)
WRITTEN = re.compile("(.*)(<=|>=|<|>)([^<>=]+)", re.DOTALL)  # the last sign: names of subjects may hold one


@dataclass(frozen=True, slots=True)
class Requirement:
    """A limit of one score."""

    text: str
    """As it was written."""
    metric: str
    variable: str
    """A variable, or what else has scores of its own, such as `t_850 > 273.15`."""
    lead_time: np.timedelta64
    subset: str
    """A region, a grid or a group of cases; empty: all nodes and cases."""
    sense: str
    """One of `<`, `<=`, `>`, `>=`."""
    limit: float | str
    """A number in the units of the score, or the forecast whose score is the limit, such as `persistence`."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a requirement."""

    requirement: Requirement
    value: float
    """The score; NaN where there is none."""
    limit: float

    @property
    def is_met(self) -> bool:
        """Whether there is a score, and it keeps the limit."""
        return bool(SENSES[self.requirement.sense](self.value, self.limit))


def parse_requirement(text: str) -> Requirement:
    """Read a requirement: METRIC:VARIABLE:LEAD[@REGION], one of < <= > >=, and a number or the name of a forecast.

    Raises:
        DataError: names the part that cannot be read.

    >>> found = parse_requirement("brier:t_850 > 273.15:24h@north <= 0.1")
    >>> found.metric, found.variable, found.lead_time, found.subset, found.sense, found.limit
    ('brier', 't_850 > 273.15', np.timedelta64(86400,'s'), 'north', '<=', 0.1)
    """
    match = WRITTEN.fullmatch(text)
    name, sense, limit = (part.strip() for part in match.groups()) if match else ("", "", "")
    places, _, subset = name.partition("@")
    metric, _, rest = places.partition(":")
    variable, _, lead = rest.rpartition(":")
    if not (metric and variable and lead and limit):
        raise DataError(f"the requirement {text!r} cannot be read", fix=FORM)
    try:
        lead_time = parse_duration(lead)
    except DataError as error:
        raise DataError(f"the requirement {text!r} has the lead time {lead!r}", fix=FORM) from error
    try:
        number: float | str = float(limit)
    except ValueError:
        number = limit
    return Requirement(text, metric.strip(), variable.strip(), lead_time, subset.strip(), sense, number)


def check_requirements(names: ScoreNames, requirements: Sequence[Requirement], of: str = "") -> None:
    """Refuse a requirement of what there is no score of.

    Args:
        names: those of the scores, which may be yet to be made.
        requirements: what is asked of them.
        of: the forecast, where there are several.

    Raises:
        DataError: there is no such metric, variable, lead time, region or forecast; names what there is.
    """
    for one in requirements:
        _check(names, one, of)


def outcomes(scores: Scores, requirements: Sequence[Requirement]) -> tuple[Outcome, ...]:
    """Compare scores with what they must be.

    Raises:
        DataError: the scores have no such metric, variable, lead time, region or forecast; names what they have.
    """
    return tuple(_outcome(scores, one) for one in requirements)


def requirement_table(found: Sequence[Outcome]) -> str:
    """One row for each requirement: what was required, the score, and whether it passes."""
    rows = [("required", "score", "limit", "")]
    for one in found:
        value = "none" if np.isnan(one.value) else f"{one.value:.6g}"
        rows.append((one.requirement.text, value, f"{one.limit:.6g}", "passes" if one.is_met else "FAILS"))
    failed = sum(not one.is_met for one in found)
    end = f"{failed} of {len(found)} requirements fail" if failed else f"all {len(found)} requirements are met"
    return "\n".join([*columns(rows, right=(1, 2)), end])


def outcomes_as_json(found: Sequence[Outcome]) -> list[dict[str, Any]]:
    """One entry for each requirement: {required, value, limit, met}; None for a score that there is not."""
    return [
        {
            "required": one.requirement.text,
            "value": None if np.isnan(one.value) else one.value,
            "limit": None if np.isnan(one.limit) else one.limit,
            "met": one.is_met,
        }
        for one in found
    ]


def _outcome(scores: Scores, requirement: Requirement) -> Outcome:
    _check(scores.names, requirement, "")
    leads = [format_duration(one) for one in scores.lead_times]
    values = scores.subsets[requirement.subset] if requirement.subset else scores.values
    metric, variable = scores.metrics.index(requirement.metric), scores.variables.index(requirement.variable)
    own: NDArray[np.float64] = values[metric, :, variable, leads.index(format_duration(requirement.lead_time))]
    limit = requirement.limit
    against = float(own[scores.forecasts.index(limit)]) if isinstance(limit, str) else limit
    return Outcome(requirement, float(own[0]), against)


def _check(names: ScoreNames, requirement: Requirement, of: str) -> None:
    scores = f"the scores of `{of}`" if of else "the scores"
    for what, name, known in (
        ("metric", requirement.metric, names.metrics),
        ("variable", requirement.variable, names.variables),
        ("lead time", format_duration(requirement.lead_time), tuple(map(format_duration, names.lead_times))),
        ("region or group", requirement.subset, ("", *names.subsets)),
    ):
        if name not in known:
            raise DataError(
                f"{scores} have no {what} {name!r} (--require {requirement.text!r})",
                fix=nearest(name, [one for one in known if one]),
            )
    _check_limit(names.forecasts, requirement, scores)


def _check_limit(forecasts: tuple[str, ...], requirement: Requirement, scores: str) -> None:
    """Refuse a limit that is neither a number nor a forecast."""
    limit = requirement.limit
    if not isinstance(limit, str) or limit in forecasts:
        return
    raise DataError(
        f"{scores} have no forecast {limit!r} (--require {requirement.text!r})",
        fix=PLAIN.format(", ".join(forecasts)) if WITH_UNITS.fullmatch(limit) else nearest(limit, forecasts),
    )
