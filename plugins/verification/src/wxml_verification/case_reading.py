"""Reads one initial time after the other: the forecast, the baselines and the truth."""

__all__ = ["read_case"]

from collections.abc import Sequence

import numpy as np

from wxml_verification.arrays import Array
from wxml_verification.baseline import StateBaseline
from wxml_verification.further_baselines import CaseBaseline
from wxml_verification.one_pass import Case, Fields
from wxml_verification.reading import ForecastFile
from wxml_verification.truth import Truth
from wxml_verification.usual_values import UsualValues


def read_case(
    forecast: ForecastFile,
    truth: Truth,
    variables: Sequence[str],
    baselines: tuple[StateBaseline, UsualValues | None, Sequence[CaseBaseline]],
    number: int,
) -> Case:
    """Read one initial time.

    The truth is NaN where the forecast lacks a value, and on the boundary of a limited area, where nothing is forecast:
    forecast and baselines are scored at the same points.

    Args:
        forecast: the file.
        truth: the truth, on the same nodes.
        variables: the ones to read.
        baselines: what the known states alone give, the climatology of the variables, and further ones.
        number: of the initial time.
    """
    initial_time, (baseline, climatology, further) = forecast.initial_times[number], baselines
    valid_times = initial_time + forecast.lead_times
    values = {name: forecast.members_of(number, name) for name in variables}
    verifying = truth.at(valid_times, variables)
    boundary = forecast.boundary()
    for place, members in enumerate(values.values()):
        for lead, fields in enumerate(members.swapaxes(0, 1)):  # the arrays beside a case are those of one lead time
            verifying[lead, place, ~np.isfinite(fields.sum(axis=0)) | boundary] = np.nan
    known = baseline.at(truth, initial_time, forecast.lead_times, variables)
    usual = _by_name(climatology.at(valid_times), variables) if climatology else {}
    forecasts: dict[str, Fields] = {
        "forecast": values,
        baseline.name: {name: field[None] for name, field in _by_name(known, variables).items()},
        "climatology": {name: field[None] for name, field in usual.items()},
    }
    for one in further:
        members = one.fields(truth, initial_time, forecast.lead_times, variables)
        forecasts[one.name] = {name: members[:, :, place] for place, name in enumerate(variables)}
    return Case(forecasts, _by_name(verifying, variables), usual, initial_time, forecast.lead_times)


def _by_name(fields: Array, variables: Sequence[str]) -> dict[str, Array]:
    """Variable → its values, shape `[lead_time, node]`, from `[lead_time, variable, node]`."""
    return {name: fields[:, place] for place, name in enumerate(variables)}
