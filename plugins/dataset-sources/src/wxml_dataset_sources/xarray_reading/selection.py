"""What the user asks for, and under which names."""

__all__ = ["Selection"]

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from wxml import Variable


@dataclass(frozen=True, slots=True)
class Selection:
    """Which variables are read, and what they are called."""

    variables: tuple[str, ...] | None
    """Names (`t_850`) or parameters (`t`); None for all."""
    levels: tuple[float, ...] | None
    rename: Mapping[str, str]
    """Name in a file, or `file:name`, to our name."""
    grib_filter: Mapping[str, str | int | float]

    def name(self, path: str, found: str) -> str:
        """Our name for what a file calls `found`."""
        return self.rename.get(f"{Path(path).name}:{found}", self.rename.get(found, found))

    def wants(self, parameter: str) -> bool:
        """Whether any level of a parameter may be wanted, as far as its name tells."""
        if self.variables is None:
            return True
        return any(name == parameter or name.startswith(f"{parameter}_") for name in self.variables)

    def keeps(self, variable: Variable) -> bool:
        """Whether a variable is wanted."""
        named = self.variables is None or not {variable.name, variable.param}.isdisjoint(self.variables)
        return named and (variable.level is None or self.has_level(variable.level))

    def has_level(self, level: float) -> bool:
        """Whether a level is wanted."""
        return self.levels is None or any(math.isclose(level, wanted, rel_tol=1e-5) for wanted in self.levels)
