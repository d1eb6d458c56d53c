"""The messages of one variable: everything is set beforehand but the time, the member and the values."""

__all__ = ["Template", "ensemble_size", "make_template", "signature_of", "whole_signature"]

from collections.abc import Iterable
from dataclasses import dataclass, replace

import eccodes
import numpy as np
from numpy.typing import NDArray
from wxml import ForecastHeader, Variable
from wxml.data.times import format_time
from wxml.data.units import Line
from wxml.errors import DataError
from wxml.forecasting.layout import SPREAD

from wxml_grib_writer.choices import Packing
from wxml_grib_writer.derived import set_statistic
from wxml_grib_writer.handles import Copies, set_keys
from wxml_grib_writer.parameters import parameter_keys
from wxml_grib_writer.times import period_of, time_keys

INSTANT = (0, 1, 2, 6)
"""The product definition templates of a moment: one forecast, member, derived forecast, percentile (code table 4.0)."""
SPREAD_OF_ALL = 4
"""The spread of all members as a derived forecast (code table 4.7)."""
UNKNOWN = 255
"""A number that is not known, such as that of the members of a distribution."""
SIGNATURE = (
    "discipline",
    "parameterCategory",
    "parameterNumber",
    "typeOfFirstFixedSurface",
    "scaleFactorOfFirstFixedSurface",
    "scaledValueOfFirstFixedSurface",
    "typeOfSecondFixedSurface",
    "scaleFactorOfSecondFixedSurface",
    "scaledValueOfSecondFixedSurface",
    "typeOfStatisticalProcessing",
    "derivedForecast",
    "percentileValue",
)
"""The keys that say which parameter a message has, at which level, and what was done over a period and the members."""
CONTROL = 3
"""The control forecast as a type of processed data (code table 1.4), where 4 is a perturbed one."""
SAME = Line(1.0, 0.0)
"""Values in the units that they have."""
ABSENT = -1
"""In a signature: the template of the message has no such key."""


@dataclass(frozen=True, slots=True)
class Template:
    """A message of ecCodes that lacks the time, the member and the values."""

    copies: Copies
    variable: Variable
    line: Line
    """What makes the values of the message of those of the variable."""
    period: np.timedelta64 | None
    """The period that a value describes; None for a moment, and where it begins at the initial time."""
    is_instant: bool
    """Whether the values describe a moment."""
    signature: tuple[int, ...]
    packing: Packing
    is_ensemble: bool
    """Whether members have numbers."""
    control: int | None
    """The number of the control; None: there is none."""
    type: int
    """The type of processed data (code table 1.4) of all but the control."""

    def message(self, initial: np.datetime64, lead: np.timedelta64, member: int, values: NDArray[np.float32]) -> bytes:
        """The bytes of a message; several threads may ask at a time, and the bytes do not depend on other messages.

        Args:
            initial: the initial time.
            lead: the lead time.
            member: its number, from 0 in the whole ensemble.
            values: in the units of the variable, shape `[node]`; NaN where one is missing.

        Raises:
            DataError: a value is infinite, the period begins before the initial time, or the precision that is asked
                for takes more bits than there are.
        """
        scaled = values.astype(np.float64)
        if self.line != SAME:
            scaled = scaled * self.line.scale + self.line.offset
        least, largest = _limits(scaled)
        if np.isinf(least) or np.isinf(largest):
            raise DataError(
                f"`{self.variable.name}` is infinite at {format_time(initial + lead)}, which GRIB cannot hold",
                fix="look for the fault of the model: its forecast has run away",
            )
        is_empty = bool(np.isnan(least))
        # Without any value a message would keep something of the one before; of a period ecCodes complains.
        with self.copies.new() if is_empty or not self.is_instant else self.copies.used() as handle:
            set_keys(handle, time_keys(initial, lead, self.period, instant=self.is_instant))
            if self.is_ensemble:
                kind = CONTROL if member == self.control else self.type
                set_keys(handle, {"perturbationNumber": member, "typeOfProcessedData": kind})
            set_keys(handle, self.packing.keys(self.variable.name, 0.0 if is_empty else largest - least))
            _put_values(handle, scaled, 1.0 if is_empty else max(abs(least), abs(largest), 1.0))
            return bytes(eccodes.codes_get_message(handle))


def _limits(values: NDArray[np.float64]) -> tuple[float, float]:
    """The least and the largest value; NaN if all are missing."""
    if np.isnan(values.min()):
        there = values[~np.isnan(values)]
        values = there if there.size else values
    return float(values.min()), float(values.max())


def _put_values(handle: int, values: NDArray[np.float64], size: float) -> None:
    """Set the values of a message; NaN becomes a bit of the bitmap, whatever numbers the others are.

    Args:
        handle: the message.
        values: shape `[node]`.
        size: at least the largest of all, their signs aside.
    """
    missing = np.isnan(values)
    if missing.any():
        set_keys(handle, {"bitmapPresent": 1, "missingValue": 2 * size})
        values = np.where(missing, 2 * size, values)
    elif eccodes.codes_get(handle, "bitmapPresent"):
        set_keys(handle, {"bitmapPresent": 0})
    eccodes.codes_set_values(handle, values)


def ensemble_size(header: ForecastHeader) -> int:
    """How many members the whole ensemble has."""
    return header.members if header.numbering is None else header.numbering.size


def make_template(
    handle: int, variable: Variable, header: ForecastHeader, stated: tuple[str, str], packing: Packing
) -> Template:
    """Set what the messages of one variable have in common.

    Args:
        handle: a message with the grid and the identity; it is changed, and kept.
        variable: what is to be written.
        header: the forecast.
        stated: the keys and the period that the user has given for it; empty for what is to be found.
        packing: how its values are packed.

    Raises:
        DataError: GRIB 2 has no such parameter or level, or the period of its values is not known.
    """
    mean = _mean_of(variable, header)
    parameter = parameter_keys(mean or variable, stated[0], handle)
    set_keys(handle, parameter.keys)
    period = None
    step_type = variable.step_type or str(eccodes.codes_get(handle, "stepType"))
    set_statistic(handle, variable, is_instant=step_type == "instant")
    if step_type != "instant":
        period = period_of(variable, stated[1], step_type)
        _set_step_type(handle, variable, step_type, header)
    if mean is not None:
        derived = 2 if period is None and step_type == "instant" else 12
        keys = {"derivedForecast": SPREAD_OF_ALL, "numberOfForecastsInEnsemble": UNKNOWN}
        set_keys(handle, {"productDefinitionTemplateNumber": derived, **keys})
    set_keys(handle, {"packingType": packing.type})  # in each message it would pack all values twice
    control = 0 if header.numbering and header.numbering.control else None
    return Template(
        Copies(handle),
        variable,
        parameter.line if mean is None else Line(parameter.line.scale, 0.0),
        period,
        int(eccodes.codes_get(handle, "productDefinitionTemplateNumber")) in INSTANT,
        signature_of(handle),
        packing,
        header.is_ensemble,
        control,
        int(eccodes.codes_get(handle, "typeOfProcessedData", int)),
    )


def _mean_of(variable: Variable, header: ForecastHeader) -> Variable | None:
    """The variable whose standard deviation another one is, in its units; None: it is none.

    Raises:
        DataError: it is that of one member of several.
    """
    name, param = variable.name.removesuffix(SPREAD), variable.param.removesuffix(SPREAD)
    if name == variable.name or param == variable.param:
        return None
    if header.is_ensemble:
        raise DataError(
            f"`{variable.name}` is the standard deviation of one member, for which GRIB 2 has no product",
            fix="leave `spread` out, make one member, or write zarr or NetCDF",
        )
    known = {one.name: one for one in header.variables}
    return replace(known.get(name, replace(variable, name=name, param=param)), units=variable.units)


def _set_step_type(handle: int, variable: Variable, step_type: str, header: ForecastHeader) -> None:
    """Make a message one of a period, if its parameter has not done so already."""
    try:
        set_keys(handle, {"stepType": step_type})
        if header.is_ensemble:
            set_keys(handle, {"numberOfForecastsInEnsemble": ensemble_size(header), "typeOfEnsembleForecast": 255})
    except eccodes.CodesInternalError as error:
        raise DataError(
            f"`{variable.name}` has the step type {step_type!r}, which ecCodes does not write: {error}",
            fix=f"name its keys, as in parameters: {{{variable.name}: 'typeOfStatisticalProcessing=…'}}",
        ) from error


def whole_signature(numbers: Iterable[int]) -> tuple[int, ...]:
    """The signature that a file has stored, which is shorter in one that an earlier version wrote."""
    found = tuple(map(int, numbers))
    return found + (ABSENT,) * (len(SIGNATURE) - len(found))


def signature_of(handle: int) -> tuple[int, ...]:
    """What tells the messages of a variable from those of others: the numbers of `SIGNATURE`."""
    return tuple(
        int(eccodes.codes_get(handle, key, int)) if eccodes.codes_is_defined(handle, key) else ABSENT
        for key in SIGNATURE
    )
