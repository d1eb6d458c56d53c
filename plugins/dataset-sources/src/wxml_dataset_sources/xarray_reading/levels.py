"""Levels: what they are numbered in, and the names that they give to variables."""

__all__ = ["flatten", "is_height", "pressure_in_hpa"]

from collections.abc import Sequence

from wxml import Variable

HEIGHT_UNITS = {"m", "metre", "metres", "meter", "meters", "km", "cm"}
HEIGHT_NAMES = {"height", "depth", "altitude"}


def flatten(parameter: str, levels: Sequence[float] | None, units: str) -> tuple[Variable, ...]:
    """One variable per level, named `parameter_level`; or one without a level.

    >>> [variable.name for variable in flatten("t", [1000.0, 0.5], "K")]
    ['t_1000', 't_0.5']
    """
    if levels is None:
        return (Variable(parameter, units=units),)
    return tuple(Variable(f"{parameter}_{level:g}", parameter, float(f"{level:g}"), units) for level in levels)


def pressure_in_hpa(levels: Sequence[float], units: str) -> list[float]:
    """Levels as numbers; those in Pa become hPa.

    >>> pressure_in_hpa([85000, 50000], "Pa")
    [850.0, 500.0]
    """
    factor = 0.01 if units.lower() in ("pa", "pascal") else 1.0
    return [float(level) * factor for level in levels]


def is_height(units: str, standard_name: str) -> bool:
    """Whether levels are heights or depths: a single one then adds nothing to the parameter's name (`t2m`)."""
    return units.lower() in HEIGHT_UNITS or standard_name in HEIGHT_NAMES
