"""What the laws of physics keep: mass, water and energy of the air, and the balance of its weight.

Pressure levels are integrated from the highest to the lowest that there is, by trapezia; levels below the ground count.
"""

__all__ = ["Columns", "Conservation", "Hydrostatic", "Known"]

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import ClassVar

import numpy as np
from wxml import Better, Further, PointwiseMetric, Subject, Variable, VerificationSpace, VerifiedFields
from wxml.data.units import Line, conversion
from wxml.verification.metric import mean_statistics, quotient

from wxml_verification.arrays import Array

GRAVITY = 9.80665  # m s-2
DRY_AIR = 287.0597  # J kg-1 K-1, as in the IFS
VAPOUR = 0.6077  # R_v / R_d - 1, of virtual temperature
HEAT = 1004.709  # J kg-1 K-1, of dry air at constant pressure
LATENT = 2.5008e6  # J kg-1, of vaporisation at 0 °C
HPA = 100.0
UNITS = {"t": "K", "q": "kg kg-1", "u": "m s-1", "v": "m s-1", "z": "m2 s-2", "sp": "Pa", "tcwv": "kg m-2"}
LEVEL = re.compile(r"([a-z]+)_?(\d+)$")
Columns = Mapping[str, Array]


class Known:
    """The variables of the physics that are scored."""

    def __init__(self, space: VerificationSpace) -> None:
        self.lines: dict[str, Line] = {}
        """Variable → what makes its values ones in the units of `UNITS`."""
        self.levels: dict[str, dict[int, str]] = {}
        """Parameter → level in hPa → variable."""
        self.surface: dict[str, str] = {}
        """Parameter without a level → variable."""
        for one in space.variables:
            param, level = _place(one)
            line = conversion(one.units, UNITS[param]) if param in UNITS and one.units else None
            if line is None:
                continue
            self.lines[one.name] = line
            if level is None:
                self.surface[param] = one.name
            else:
                self.levels.setdefault(param, {})[level] = one.name

    def common(self, *params: str) -> list[int]:
        """The levels that all of some parameters have, from the highest to the lowest."""
        return sorted(set.intersection(*(set(self.levels.get(param, {})) for param in params)))

    def names(self, params: tuple[str, ...], levels: list[int]) -> tuple[str, ...]:
        """The variables of some parameters at some levels."""
        return tuple(self.levels[param][level] for param in params for level in levels)

    def columns(self, subject: Subject, fields: VerifiedFields, member: int | None) -> Columns:
        """The values of a member, or of the truth (None), in the units of `UNITS`, shape `[lead_time, node]` each."""
        return {
            name: self.lines[name].scale * (fields.truth(name) if member is None else fields.members(name)[member])
            + self.lines[name].offset
            for name in subject.variables
        }


def _place(variable: Variable) -> tuple[str, int | None]:
    """The parameter and the level in hPa."""
    if variable.level is not None:
        return variable.param, int(variable.level)
    found = LEVEL.match(variable.name)
    return (found[1], int(found[2])) if found else (variable.name, None)


class _OfColumns(PointwiseMetric):
    """A metric of what variables at the same place give together."""

    def __init__(self, space: VerificationSpace) -> None:
        super().__init__(space)
        self._known = Known(space)


class Conservation(_OfColumns):
    """Mean over the area of dry air (Pa), water (kg m-2) and energy (J m-2) of the air, forecast less truth.

    Water is total column water vapour (`tcwv`), or else ∫ q dp/g; dry air is surface pressure (`sp`) less g times
    water; energy is ∫ (c_p T + L q + ½(u² + v²)) dp/g over the pressure levels with T, u and v. A subject is there if
    its variables are scored. `conservation-drift` is the forecast less the forecast at the first lead time, which is
    near 0 where the model keeps the quantity; `-forecast` and `-truth` are the means.
    """

    better: ClassVar[Better] = "nearer to zero"
    further: ClassVar[Mapping[str, Further]] = {
        "drift": Further("nearer to zero"),
        "forecast": Further("neither"),
        "truth": Further("neither"),
    }

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """Those of dry air, water and energy whose variables are there."""
        known, found = self._known, []
        humid = known.common("q")
        water = (known.surface["tcwv"],) if "tcwv" in known.surface else known.names(("q",), humid)
        if "tcwv" in known.surface or len(humid) > 1:
            found.append(Subject("water", "kg m-2", water))
            if "sp" in known.surface:
                found.append(Subject("dry air", "Pa", (known.surface["sp"], *water)))
        levels = known.common("t", "u", "v")
        if len(levels) > 1:
            moist = [level for level in levels if level in known.levels.get("q", {})]
            names = known.names(("t", "u", "v"), levels)
            found.append(Subject("energy", "J m-2", names + (known.names(("q",), moist) if moist == levels else ())))
        return tuple(found)

    def values(self, subject: Subject, fields: VerifiedFields) -> Array:
        """Forecast, truth, and the forecast less that of the first lead time."""
        count = len(fields.forecasts[subject.variables[0]])
        members = [self._column(subject, self._known.columns(subject, fields, member)) for member in range(count)]
        own = np.mean(members, axis=0)
        other = self._column(subject, self._known.columns(subject, fields, None))
        return np.stack([own, other, own - own[:1]])

    def value(self, sums: Array) -> Array:
        """The difference."""
        forecast, truth, _ = mean_statistics(sums)
        return np.asarray(forecast - truth)

    def further_values(self, sums: Array) -> Mapping[str, Array]:
        """The drift, and both means."""
        forecast, truth, drift = mean_statistics(sums)
        return {"drift": drift, "forecast": forecast, "truth": truth}

    def _column(self, subject: Subject, columns: Columns) -> Array:
        if subject.name == "energy":
            return self._energy(subject, columns)
        if subject.name == "water":
            return self._water(columns)
        pressure = self._known.surface["sp"]
        return columns[pressure] - GRAVITY * self._water({key: one for key, one in columns.items() if key != pressure})

    def _water(self, columns: Columns) -> Array:
        if "tcwv" in self._known.surface:
            return columns[self._known.surface["tcwv"]]
        levels = self._known.common("q")
        return _integral(levels, [columns[self._known.levels["q"][level]] for level in levels])

    def _energy(self, subject: Subject, columns: Columns) -> Array:
        """∫ (c_p T + L q + ½(u² + v²)) dp/g."""
        known, levels, found = self._known, self._known.common("t", "u", "v"), []
        for level in levels:
            t, u, v = (columns[known.levels[param][level]] for param in "tuv")
            density = HEAT * t + (np.square(u) + np.square(v)) / 2
            humidity = known.levels.get("q", {}).get(level, "")
            found.append(density + LATENT * columns[humidity] if humidity in subject.variables else density)
        return _integral(levels, found)


class Hydrostatic(_OfColumns):
    """√ mean r² of the forecast over that of the truth; r = Φ₁ − Φ₂ − R T̄ᵥ ln(p₂/p₁) between two levels.

    It is how far the thickness of a layer is from its weight: T̄ᵥ is the mean of the (virtual, where humidity is there)
    temperatures at both levels. What a model that keeps the balance has is that of the truth, since T is not linear
    between levels. `hydrostatic-forecast` and `-truth` are the roots, in m² s⁻².
    """

    better: ClassVar[Better] = "nearer to one"
    has_units = False
    further: ClassVar[Mapping[str, Further]] = {"forecast": Further("neither"), "truth": Further("neither")}

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """Each two neighbouring levels with geopotential and temperature."""
        levels = self._known.common("z", "t")
        found = []
        for pair in pairwise(levels):
            names = self._known.names(("z", "t"), list(pair))
            moist = all(level in self._known.levels.get("q", {}) for level in pair)
            humidity = self._known.names(("q",), list(pair)) if moist else ()
            found.append(Subject(f"{pair[0]} to {pair[1]} hPa", "m2 s-2", names + humidity))
        return tuple(found)

    def values(self, subject: Subject, fields: VerifiedFields) -> Array:
        """r² of forecast and truth."""
        count = len(fields.forecasts[subject.variables[0]])
        own = [np.square(_unbalanced(subject, self._known.columns(subject, fields, member))) for member in range(count)]
        return np.stack([sum(own) / count, np.square(_unbalanced(subject, self._known.columns(subject, fields, None)))])

    def value(self, sums: Array) -> Array:
        """The ratio."""
        return np.sqrt(quotient(sums[1], sums[2]))

    def further_values(self, sums: Array) -> Mapping[str, Array]:
        """Both roots."""
        forecast, truth = np.sqrt(mean_statistics(sums))
        return {"forecast": forecast, "truth": truth}


def _unbalanced(subject: Subject, columns: Columns) -> Array:
    """The variables of the subject are Φ, T and perhaps q, each of the higher level, then of the lower one."""
    high, low = (int(one) for one in re.findall(r"\d+", subject.name))
    phi, warm, *moist = (
        (columns[first], columns[second])
        for first, second in zip(subject.variables[::2], subject.variables[1::2], strict=True)
    )
    virtual = [t * (1 + VAPOUR * moist[0][place]) if moist else t for place, t in enumerate(warm)]
    return np.asarray(phi[0] - phi[1] - DRY_AIR * (virtual[0] + virtual[1]) / 2 * np.log(low / high))


def _integral(levels: list[int], values: list[Array]) -> Array:
    """∫ x dp/g from the highest to the lowest of some levels (hPa)."""
    total = np.zeros_like(values[0])
    for (high, low), (first, second) in zip(pairwise(levels), pairwise(values), strict=True):
        total += (first + second) / 2 * HPA * (low - high)
    return np.asarray(total / GRAVITY)
