"""Limits: from what a config says in physical units to what bounds a model's output."""

__all__ = ["make_bounding"]

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter

import numpy as np
from numpy.typing import NDArray

from wxml.config.schema import BoundingConfig
from wxml.data.samples import ModelSpace
from wxml.errors import DataError, nearest
from wxml.model.bounding import Bounding, Fraction

PROBES = np.array([[-1, 0, 1, 2]], np.float32)
"""Model values at which a transform shows whether it is a straight line; shape `[variable, node]`."""
TOLERANCE = 1e-3


def make_bounding(space: ModelSpace, bounds: Mapping[str, BoundingConfig]) -> Bounding:
    """What keeps the output variables within the limits of `model.bounding`.

    Raises:
        DataError: a variable that is not forecast, or that cannot be a fraction of another one.
    """
    names = space.roles.output
    for name in bounds:
        _require_forecast(name, names, "limits")
    lowest, highest, slope = np.full((3, len(names)), [[-np.inf], [np.inf], [0]], np.float32)
    for name, bound in bounds.items():
        if bound.fraction_of is None:
            where = names.index(name)
            lowest[where], highest[where], slope[where] = *_limits(space, name, bound), bound.slope
    return Bounding(lowest, highest, slope, [_fraction(space, name, bounds[name]) for name in _parts_in_order(bounds)])


def _require_forecast(name: str, names: tuple[str, ...], what: str) -> None:
    if name not in names:
        raise DataError(f"`model.bounding` {what} {name!r}, which is not forecast", fix=nearest(name, names))


def _limits(space: ModelSpace, name: str, bound: BoundingConfig) -> tuple[float, float]:
    """The two limits in model space; a transform that falls exchanges them."""
    at_zero, at_one = _physical(space, name)[1:3]
    low, high = (bound.minimum, bound.maximum) if at_one > at_zero else (bound.maximum, bound.minimum)
    return (
        -np.inf if low is None else _model_value(space, name, low),
        np.inf if high is None else _model_value(space, name, high),
    )


def _model_value(space: ModelSpace, name: str, limit: float) -> float:
    with np.errstate(divide="ignore", invalid="ignore"):  # the logarithm of 0 is a limit that cannot be passed
        value = float(space.forward(np.array([[limit]], np.float32), (name,))[0, 0])
    if np.isnan(value):
        raise DataError(
            f"`model.bounding.{name}` has the limit {limit}, for which `data.transforms` has no model value",
            fix="choose a limit that the transforms can take",
        )
    return value


def _physical(space: ModelSpace, name: str) -> NDArray[np.float64]:
    """The physical values of the probes, shape `[probe]`."""
    return np.asarray(space.inverse(PROBES, (name,))[0], np.float64)


# Fractions


def _parts_in_order(bounds: Mapping[str, BoundingConfig]) -> list[str]:
    """The variables that are fractions, each after the one that it is a fraction of."""
    totals = {name: bound.fraction_of for name, bound in bounds.items() if bound.fraction_of is not None}
    try:
        order = TopologicalSorter({part: [total] for part, total in totals.items()}).static_order()
        return [name for name in order if name in totals]
    except CycleError as error:
        raise DataError(
            f"`model.bounding` makes variables fractions of one another: {' of '.join(error.args[1])}",
            fix="let one of them be forecast by itself",
        ) from error


def _fraction(space: ModelSpace, part: str, bound: BoundingConfig) -> Fraction:
    names, total = space.roles.output, str(bound.fraction_of)
    _require_forecast(total, names, f"makes {part!r} a fraction of")
    if part not in space.roles.diagnostic:
        raise DataError(
            f"`model.bounding` makes {part!r} a fraction of {total!r}, but it is prognostic: its change would be "
            "forecast and not the fraction",
            fix=f"add {part!r} to `data.variables.diagnostic`",
        )
    (scale, offset), (total_scale, total_offset) = _line(space, part), _line(space, total)
    return Fraction(
        names.index(part), names.index(total), total_scale / scale, total_offset / scale, -offset / scale, bound.slope
    )


def _line(space: ModelSpace, name: str) -> tuple[float, float]:
    """Scale and offset of a variable: physical = scale · model + offset.

    Raises:
        DataError: its transforms are no straight line.
    """
    values = _physical(space, name)
    scale, offset = (values[3] - values[0]) / 3, values[1]
    error = np.abs(values - (scale * PROBES[0] + offset)).max()
    rounding = 4 * np.finfo(np.float32).eps * np.abs(values).max()
    if not error <= TOLERANCE * np.abs(scale) + rounding or scale == 0:
        raise DataError(
            f"`model.bounding` needs {name!r} to be a linear function of its model value to take fractions of it, and "
            "`data.transforms` makes it another one",
            fix=f"leave {name!r} out of the transforms that are not linear, or give it limits instead",
        )
    return float(scale), float(offset)
