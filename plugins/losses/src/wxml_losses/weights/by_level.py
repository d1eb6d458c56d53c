"""By level: a factor for each variable on a level of pressure, from its pressure."""

__all__ = ["ByLevel"]

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import LossSpace, LossWeight, Variable
from wxml.errors import ConfigError, Fault, nearest

from wxml_losses.weights.norm import Norm, normalised


class ByLevel(LossWeight):
    """A factor for each variable on a level of pressure, 1 for others.

    With the pressure p in hPa, the slope s and the minimum b it is

    | `kind` | factor |
    |---|---|
    | `relu` | max(b, s p) |
    | `linear` | s p + b |
    | `polynomial` | (s p)² + b |
    """

    def __init__(
        self,
        space: LossSpace,
        *,
        kind: Annotated[
            Literal["relu", "linear", "polynomial"], Field(description="how the factor depends on the pressure")
        ] = "relu",
        slope: Annotated[float, Field(ge=0, allow_inf_nan=False, description="s, in 1/hPa")] = 0.001,
        minimum: Annotated[float, Field(ge=0, allow_inf_nan=False, description="b")] = 0.2,
        group: Annotated[
            list[str] | None,
            Field(description="the parameters that have such a factor, such as `t`; null: all on levels of pressure"),
        ] = None,
        norm: Norm = "none",
    ) -> None:
        """Keep the options.

        Raises:
            ConfigError: no variable in the loss is on a level of pressure, or none of a parameter of `group`.
        """
        super().__init__(space)
        params = {variable.param for variable in space.variables if _is_on_pressure(variable)}
        if not params:
            fault = f"none of {', '.join(space.names)} is on a level of pressure"
            raise ConfigError([Fault("kind", fault)], fix="leave this weight out")
        faults = [
            Fault("group", f"no variable {name!r} is on a level of pressure; {nearest(name, sorted(params))}")
            for name in group or ()
            if name not in params
        ]
        if faults:
            raise ConfigError(faults, fix="write names of parameters on levels of pressure")
        self.kind, self.slope, self.minimum, self.norm = kind, slope, minimum, norm
        self.group = params if group is None else set(group)

    def factor(self) -> NDArray[np.float64]:
        """See `wxml.LossWeight.factor`."""
        factors = np.array([self._of(variable) for variable in self.space.variables])
        return normalised(factors, self.norm)[None, None, :]

    def _of(self, variable: Variable) -> float:
        if variable.level is None or not _is_on_pressure(variable) or variable.param not in self.group:
            return 1.0
        sloped = self.slope * variable.level
        if self.kind == "relu":
            return max(self.minimum, sloped)
        return (sloped if self.kind == "linear" else sloped**2) + self.minimum


def _is_on_pressure(variable: Variable) -> bool:
    """Whether its level is a pressure in hPa: said by the source, or nothing else said of a level that there is."""
    is_pressure = variable.level_type in ("", "isobaric") and variable.level_units in ("", "hPa")
    return variable.level is not None and is_pressure
