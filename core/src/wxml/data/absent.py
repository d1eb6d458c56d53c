"""Where a forecast has no value of a variable, such as sea temperature on land: known at its initial time."""

__all__ = ["MissingWhere", "missing_rules"]

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wxml.data.variables import VariableRoles
from wxml.errors import ConfigError, Fault, nearest

PLACE = "data.variables.missing"


@dataclass(frozen=True, slots=True)
class MissingWhere:
    """A variable is missing where another one is missing, or beyond a limit."""

    where: str
    above: float | None = None
    below: float | None = None

    def of(self, values: NDArray[np.float32]) -> NDArray[np.bool_]:
        """The mask, from physical values of the other variable; both of any shape.

        >>> MissingWhere("land", above=0.5).of(np.array([0.0, 0.5, 1.0, np.nan], np.float32)).tolist()
        [False, False, True, False]
        """
        if self.above is None and self.below is None:
            return np.isnan(values)
        low, high = -np.inf if self.below is None else self.below, np.inf if self.above is None else self.above
        return np.asarray((values < low) | (values > high))


def missing_rules(
    rules: Mapping[str, MissingWhere], roles: VariableRoles, available: Sequence[str]
) -> Mapping[str, MissingWhere]:
    """Check the rules, by forecast variable, and return them.

    Args:
        rules: the rules.
        roles: those of the variables.
        available: the variables that the source has.

    Raises:
        ConfigError: a rule is of a variable that is not forecast, or asks one that is not read.
    """
    read = [name for name in roles.input if name in available]
    for name, rule in rules.items():
        if not roles.prognostic:
            problem = "this task has no states, whose last one would say where values are missing"
            raise ConfigError([Fault(PLACE, problem)], fix="leave `data.variables.missing` out")
        if name not in roles.output:
            problem = f"{name!r} is neither prognostic nor diagnostic"
            raise ConfigError([Fault(f"{PLACE}.{name}", problem)], fix=nearest(name, roles.output))
        if rule.where not in read:
            problem = f"{rule.where!r} is neither prognostic nor a forcing of the source"
            raise ConfigError([Fault(f"{PLACE}.{name}.where", problem)], fix=nearest(rule.where, read))
    return rules
