"""Bounding: keeps variables within the physical limits of `model.bounding`."""

__all__ = ["Bounding", "Fraction", "make_bounding"]

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from wxml.config.model_schema import BoundingConfig
from wxml.data.preprocessing import Preprocessing
from wxml.errors import DataError, nearest
from wxml.model.tensors import node_tensor

PROBES = np.array([[-1, 0, 1, 2]], np.float32)
"""The model values at which a transform is checked for linearity; shape `[variable, node]`."""
DIRECTION_PROBES = np.array([[-64, -16, -4, -2, -1, -0.5, 0, 0.5, 1, 2, 4, 16, 64]], np.float32)
"""The model values among which a transform must rise or fall; shape `[variable, node]`."""
TOLERANCE = 1e-3
"""The greatest deviation of a linear transform from a straight line, in units of its scale."""


@dataclass(frozen=True, slots=True)
class Fraction:
    """A variable that is a share f of another one, such as convective precipitation of all precipitation.

    In model space, where physical = scale · model + offset for each of the two:
    part = f · (factor · total + offset) + shift.
    """

    part: int
    """The number of the output variable that is the share; the network forecasts f, which is kept between 0 and 1."""
    total: int
    """The number of the output variable that it is a share of."""
    factor: float
    """The scale of the total / the scale of the part."""
    offset: float
    """The offset of the total / the scale of the part."""
    shift: float
    """−1 · the offset of the part / the scale of the part."""
    slope: float = 0.0
    """The derivative of f beyond 0 and 1."""


class Bounding(nn.Module):
    """y = c + slope · (x − c) with c = min(max(x, lowest), highest), and then the fractions.

    Slope 0 is relu (one limit) and hardtanh (two), a small slope their leaky kinds, which always have a gradient.
    """

    lowest: Tensor
    highest: Tensor
    slope: Tensor

    def __init__(
        self,
        lowest: NDArray[np.float32],
        highest: NDArray[np.float32],
        slope: NDArray[np.float32] | None = None,
        fractions: Sequence[Fraction] = (),
    ) -> None:
        """All limits are model values.

        Args:
            lowest: the lower limits, shape `[output variable]`; −∞ stands for no limit.
            highest: the upper limits, shape `[output variable]`; ∞ stands for no limit.
            slope: the derivative beyond the limits, shape `[output variable]`; None stands for 0.
            fractions: the variables that are shares of others; a total comes before its shares.
        """
        super().__init__()
        slope = np.zeros_like(lowest) if slope is None else slope
        for name, values in (("lowest", lowest), ("highest", highest), ("slope", slope)):
            self.register_buffer(name, node_tensor(values), persistent=False)
        self.fractions = tuple(fractions)
        self.has_limits = bool(np.isfinite(lowest).any() or np.isfinite(highest).any())
        self.is_leaky = bool(slope.any())

    def forward(self, outputs: Tensor) -> Tensor:
        """Bound `outputs`, shape `[..., node, output variable]` in and out."""
        if self.has_limits:
            clamped = torch.clamp(outputs, self.lowest, self.highest)
            outputs = clamped + self.slope * (outputs - clamped) if self.is_leaky else clamped
        if not self.fractions:
            return outputs
        columns = list(outputs.unbind(-1))
        for fraction in self.fractions:
            raw, total = columns[fraction.part], columns[fraction.total]
            clamped = raw.clamp(0, 1)
            share = clamped + fraction.slope * (raw - clamped)
            columns[fraction.part] = share * (fraction.factor * total + fraction.offset) + fraction.shift
        return torch.stack(columns, dim=-1)


# From the physical limits of a config to those in model space


def make_bounding(preprocessing: Preprocessing, bounds: Mapping[str, BoundingConfig]) -> Bounding:
    """Make the module that keeps the output variables within the limits of `model.bounding`.

    Args:
        preprocessing: maps the limits, which are in physical units, to model values.
        bounds: name of the variable → its limits.

    Raises:
        DataError: a variable is not forecast, or cannot be a fraction of another one.
    """
    names = preprocessing.roles.output
    for name in bounds:
        _require_forecast(name, names, "limits")
    lowest, highest, slope = np.full((3, len(names)), [[-np.inf], [np.inf], [0]], np.float32)
    for name, bound in bounds.items():
        if bound.fraction_of is None:
            where = names.index(name)
            lowest[where], highest[where], slope[where] = *_limits(preprocessing, name, bound), bound.slope
    totals = {name: bound.fraction_of for name, bound in bounds.items() if bound.fraction_of is not None}
    try:
        order = list(TopologicalSorter({part: [total] for part, total in totals.items()}).static_order())
    except CycleError as error:
        raise DataError(
            f"`model.bounding` makes variables fractions of one another: {' of '.join(error.args[1])}",
            fix="let one of them be forecast by itself",
        ) from error
    fractions = [_fraction(preprocessing, part, bounds[part]) for part in order if part in totals]
    return Bounding(lowest, highest, slope, fractions)


def _require_forecast(name: str, names: tuple[str, ...], what: str) -> None:
    if name not in names:
        raise DataError(f"`model.bounding` {what} {name!r}, which is not forecast", fix=nearest(name, names))


def _limits(preprocessing: Preprocessing, name: str, bound: BoundingConfig) -> tuple[float, float]:
    """Return the lower and the upper limit as model values; a transform that falls exchanges them."""
    rises = _rises(preprocessing, name)
    low, high = (bound.minimum, bound.maximum) if rises else (bound.maximum, bound.minimum)
    limits = [-np.inf, np.inf]
    for side, limit in enumerate((low, high)):
        if limit is None:
            continue
        with np.errstate(divide="ignore", invalid="ignore"):  # the logarithm of 0 is a limit that cannot be passed
            limits[side] = float(preprocessing.forward(np.array([[limit]], np.float32), (name,))[0, 0])
        if np.isnan(limits[side]):
            raise DataError(
                f"`model.bounding.{name}` has the limit {limit}, for which `data.transforms` has no model value",
                fix="choose a limit that the transforms can take",
            )
    return limits[0], limits[1]


def _rises(preprocessing: Preprocessing, name: str) -> bool:
    """Whether physical values rise with model values; they may be equal in places, where a transform saturates.

    Raises:
        DataError: they rise here and fall there, or are equal everywhere.
    """
    with np.errstate(all="ignore"):  # the exponential of 64 and more may overflow
        values = preprocessing.inverse(DIRECTION_PROBES, (name,))[0].astype(np.float64)
    changes = np.diff(values[np.isfinite(values)])
    rises, falls = bool((changes > 0).any()), bool((changes < 0).any())
    if rises == falls:
        how = "rises here and falls there" if rises else "is the same everywhere"
        raise DataError(
            f"`model.bounding` limits {name!r}, whose physical value {how} as its model value rises, so no limit of "
            "the one is a limit of the other",
            fix=f"leave {name!r} out of the transforms that do this, or out of `model.bounding`",
        )
    return rises


# Fractions


def _fraction(preprocessing: Preprocessing, part: str, bound: BoundingConfig) -> Fraction:
    names, total = preprocessing.roles.output, str(bound.fraction_of)
    _require_forecast(total, names, f"makes {part!r} a fraction of")
    if part not in preprocessing.roles.diagnostic:
        raise DataError(
            f"`model.bounding` makes {part!r} a fraction of {total!r}, but it is prognostic: its change would be "
            "forecast and not the fraction",
            fix=f"add {part!r} to `data.variables.diagnostic`",
        )
    (scale, offset), (total_scale, total_offset) = _line(preprocessing, part), _line(preprocessing, total)
    return Fraction(
        names.index(part), names.index(total), total_scale / scale, total_offset / scale, -offset / scale, bound.slope
    )


def _line(preprocessing: Preprocessing, name: str) -> tuple[float, float]:
    """Return scale and offset of a variable: physical = scale · model + offset.

    Raises:
        DataError: the transforms of the variable are not linear.
    """
    values = np.asarray(preprocessing.inverse(PROBES, (name,))[0], np.float64)
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
