"""Variables, and the role of each one in a model."""

__all__ = ["Variable", "VariableRoles", "assign_roles"]

from collections.abc import Sequence
from dataclasses import dataclass

from wxml.data.forcings import COMPUTED_FORCINGS
from wxml.data.units import have_same_meaning
from wxml.errors import DataError, nearest


@dataclass(frozen=True, slots=True)
class Variable:
    """One physical quantity at one level.

    >>> Variable("t_850", param="t", level=850, units="K").level, Variable("msl").param
    (850, 'msl')
    """

    name: str
    """The unique name that configs and files use: the parameter, with its level where it has one."""
    param: str = ""
    """The parameter's short name, the same at every level; the name itself where none is given."""
    level: float | None = None
    """The level: hPa for pressure levels, else as the source numbers it; None at the surface."""
    units: str = ""
    step_type: str = ""
    """As in GRIB: `instant`, or `accum`, `avg`, `max`, `min` … over a period; empty if the source does not say it."""
    period: str = ""
    """The periods that the values describe: `6h` if they end at the times of the values, else `6h around the time` or
    `6h after the time`; empty for instants and if the source does not say it."""
    level_units: str = ""
    """The units of `level`, such as `hPa`; empty if the source does not say them."""
    standard_name: str = ""
    """The CF standard name; empty if the source does not say it."""
    height: str = ""
    """The height above the ground, as in `2 m`, where it is no part of the name; empty if not said."""
    level_type: str = ""
    """The type of the level as GRIB calls it: `isobaric` (in hPa or Pa), `hybrid`, `surface`, `heightAboveGround` …;
    empty if the source does not say it."""
    grib: str = ""
    """The GRIB keys of the parameter as `grib_set -s` takes them, such as `paramId=130`; empty if not known."""
    statistic: str = ""
    """Of the members of an ensemble: `mean of 20 members`, `standard deviation of …`, `quantile 0.1 of …`; empty where
    these are values of members."""

    def __post_init__(self) -> None:
        if not self.name:
            raise DataError("`name` of a variable must not be empty, got ''", fix="name the variable")
        if not self.param:
            object.__setattr__(self, "param", self.name)

    def has_units_of(self, other: "Variable") -> bool:
        """Whether both have the same units, however they are written; K and degC are not the same.

        >>> Variable("u", units="m s**-1").has_units_of(Variable("u", units="m/s"))
        True
        """
        return have_same_meaning(self.units, other.units)

    def has_level_units_of(self, other: "Variable") -> bool:
        """Whether the levels of both are in the same units; True if one side does not state them."""
        stated = self.level_units and other.level_units
        return not stated or have_same_meaning(self.level_units, other.level_units)


@dataclass(frozen=True, slots=True)
class VariableRoles:
    """The variables that the model reads and forecasts, and their order.

    The model reads and forecasts the prognostic ones, only reads the forcings, and only forecasts the diagnostic ones.
    Without prognostic variables nothing is carried forward.
    """

    prognostic: tuple[str, ...]
    forcing: tuple[str, ...] = ()
    diagnostic: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        names = self.prognostic + self.forcing + self.diagnostic
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise DataError(f"a variable has one role, got {twice} in several", fix="keep each name in one list")
        if not self.output:
            raise DataError(
                "no variable is prognostic, so there is no state to carry forward, and none is diagnostic",
                fix="leave at least one variable out of `forcing` and `diagnostic`",
            )

    @property
    def input(self) -> tuple[str, ...]:
        """The variables that the model reads, in order."""
        return self.prognostic + self.forcing

    @property
    def output(self) -> tuple[str, ...]:
        """The variables that the model forecasts, in order: the prognostic ones come first."""
        return self.prognostic + self.diagnostic


def assign_roles(
    available: Sequence[str],
    *,
    prognostic: Sequence[str] | None,
    forcing: Sequence[str],
    diagnostic: Sequence[str],
    made: Sequence[str] = (),
    imputed: Sequence[str] = (),
    has_states: bool = True,
) -> VariableRoles:
    """Give each variable its role.

    Args:
        available: the variables of the source.
        prognostic: the prognostic variables; None stands for all available ones that have no other role.
        forcing: the forcings; they may also be computed ones.
        diagnostic: the diagnostic variables.
        made: the fields that forcing plugins make, and the masks of imputed values.
        imputed: the variables that have a mask; they must be prognostic.
        has_states: whether the task carries states forward; if not, the available ones without a role are forcings.

    Raises:
        DataError: the source does not have a variable, and it cannot be computed either; or the task needs a prognostic
            variable and there is none, or the reverse.
    """
    if not has_states:
        _check_diagnosed(prognostic, diagnostic)
        forcing = (
            [*(name for name in available if name not in (*forcing, *diagnostic)), *forcing]
            if prognostic is None
            else forcing
        )
        prognostic = ()
    elif prognostic is None:
        prognostic = [name for name in available if name not in (*forcing, *diagnostic)]
    _check_known(
        ("prognostic", prognostic, available),
        ("diagnostic", diagnostic, available),
        ("imputed", imputed, prognostic),
        ("forcing", forcing, (*available, *COMPUTED_FORCINGS, *made)),
    )
    if has_states and not prognostic:
        raise DataError(
            "no variable is prognostic, so there is no state to carry forward",
            fix="leave at least one variable out of `forcing` and `diagnostic`, or choose the task `diagnose`",
        )
    return VariableRoles(tuple(prognostic), tuple(forcing), tuple(diagnostic))


def _check_known(*roles: tuple[str, Sequence[str], Sequence[str]]) -> None:
    """Refuse names that are not known, all of them at once; each role has its names and those that it may have."""
    unknown = [(role, name, known) for role, names, known in roles for name in names if name not in known]
    if unknown:
        named = ", ".join(f"{name!r} (data.variables.{role})" for role, name, _ in unknown)
        _, first, known = unknown[0]
        raise DataError(f"unknown variable{'s' * (len(unknown) > 1)} {named}", fix=nearest(first, known))


def _check_diagnosed(prognostic: Sequence[str] | None, diagnostic: Sequence[str]) -> None:
    """Refuse variables that do not fit a task that carries no state forward.

    Raises:
        DataError: one is prognostic, or none is diagnostic.
    """
    if prognostic:
        raise DataError(
            f"this task carries no state forward, so no variable is prognostic, got {list(prognostic)}",
            fix="leave `data.variables.prognostic` out; what the model reads is `forcing`",
        )
    if not diagnostic:
        raise DataError(
            "no variable is diagnostic, so the model would give nothing",
            fix="name what it is to give in `data.variables.diagnostic`",
        )
