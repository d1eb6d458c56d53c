"""Metrics of the error of one forecast, or of the mean of an ensemble.

The formulas are those of WeatherBench 2 (Rasp et al. 2024, doi:10.1029/2023MS004019); f is the forecast, o the truth, w
the share of the area, and a mean is over all nodes and cases that have values.
"""

__all__ = ["Bias", "Mae", "Mse", "Rmse", "VectorRmse"]

import re
from typing import ClassVar

import numpy as np
from wxml import Better, PointwiseMetric, Subject, VerifiedFields
from wxml.verification.metric import mean_statistics

from wxml_verification.arrays import Array

EASTWARD = re.compile(r"(?:(?<=^)|(?<=[_\d]))u(?=$|[_\d]|wnd|grd)|eastward")
"""The part of the name of an eastward component: `u_850`, `u10`, `10u`, `uwnd`, `u_component_of_wind_850`."""


class Rmse(PointwiseMetric):
    """Root mean square error: √ mean w (f − o)²."""

    def values(self, subject: Subject, fields: VerifiedFields) -> Array:
        """The squared error."""
        return np.square(fields.error(subject.name))[None]

    def value(self, sums: Array) -> Array:
        """The root; the mean over cases is inside of it."""
        return np.asarray(np.sqrt(mean_statistics(sums)[0]))


class Mse(PointwiseMetric):
    """Mean square error: mean w (f − o)²; its units are those of the variable, squared."""

    has_units = False

    def values(self, subject: Subject, fields: VerifiedFields) -> Array:
        """The squared error."""
        return np.square(fields.error(subject.name))[None]

    def value(self, sums: Array) -> Array:
        """The mean."""
        return np.asarray(mean_statistics(sums)[0])


class Bias(PointwiseMetric):
    """Mean error: mean w (f − o)."""

    better: ClassVar[Better] = "nearer to zero"

    def values(self, subject: Subject, fields: VerifiedFields) -> Array:
        """The error."""
        return fields.error(subject.name)[None]

    def value(self, sums: Array) -> Array:
        """The mean."""
        return np.asarray(mean_statistics(sums)[0])


class Mae(PointwiseMetric):
    """Mean absolute error: mean w |f − o|."""

    def values(self, subject: Subject, fields: VerifiedFields) -> Array:
        """The absolute error."""
        return np.abs(fields.error(subject.name))[None]

    def value(self, sums: Array) -> Array:
        """The mean."""
        return np.asarray(mean_statistics(sums)[0])


class VectorRmse(PointwiseMetric):
    """Root mean square error of winds: √ mean w [(u_f − u_o)² + (v_f − v_o)²], of each pair of components."""

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """The pairs of variables whose names differ by `u` and `v`, or by `eastward` and `northward`."""
        known = {one.name: one.units for one in self.space.variables}
        pairs = ((name, _northward(name)) for name in known)
        return tuple(
            Subject(f"{name}, {other}", known[name], (name, other))
            for name, other in pairs
            if other in known and known[other] == known[name]
        )

    def values(self, subject: Subject, fields: VerifiedFields) -> Array:
        """The squared length of the error."""
        first, second = subject.variables
        return (np.square(fields.error(first)) + np.square(fields.error(second)))[None]

    def value(self, sums: Array) -> Array:
        """The root."""
        return np.asarray(np.sqrt(mean_statistics(sums)[0]))


def _northward(name: str) -> str:
    """The name of the northward component beside an eastward one; empty if the name is none of an eastward one."""
    found = EASTWARD.search(name)
    if not found:
        return ""
    other = "northward" if found[0] == "eastward" else "v"
    return name[: found.start()] + other + name[found.end() :]
