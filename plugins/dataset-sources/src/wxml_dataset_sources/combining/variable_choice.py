"""Which variables of a source are kept, and in which order."""

__all__ = ["chosen_variables", "meant"]

from collections.abc import Sequence

from wxml import Variable
from wxml.errors import DataError, nearest


def chosen_variables(
    variables: Sequence[Variable], select: Sequence[str] | None, drop: Sequence[str]
) -> tuple[Variable, ...]:
    """The variables that `select` names, in its order (None: all), but for those that `drop` names.

    Raises:
        DataError: a name is no variable and no parameter of the source, or nothing is left.
    """
    chosen = list(variables)
    if select is not None:
        chosen = list(dict.fromkeys(variable for name in select for variable in meant(name, variables, "select")))
    dropped = {variable for name in drop for variable in meant(name, variables, "drop")}
    kept = tuple(variable for variable in chosen if variable not in dropped)
    if not kept:
        names = ", ".join(variable.name for variable in variables)
        raise DataError(
            f"`select` {list(select) if select is not None else 'of all'} without `drop` {list(drop)} leaves nothing",
            fix=f"keep one of {names}",
        )
    return kept


def meant(name: str, variables: Sequence[Variable], option: str) -> list[Variable]:
    """The variable of that name; else those of that parameter, which are its levels.

    Raises:
        DataError: there is neither; the error suggests the nearest name.
    """
    named = [variable for variable in variables if variable.name == name]
    found = named or [variable for variable in variables if variable.param == name]
    if not found:
        known = {text for variable in variables for text in (variable.name, variable.param)}
        raise DataError(f"`{option}` names {name!r}, which the source does not have", fix=nearest(name, known))
    return found
