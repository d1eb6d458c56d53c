"""From one unit to another, with what to do where there is no way."""

__all__ = ["line_to"]

from wxml import Variable
from wxml.data.units import Line, conversion, is_known
from wxml.errors import DataError


def line_to(variable: Variable, units: str) -> Line:
    """The scale and the offset from the units of a variable to others.

    Raises:
        DataError: the variable states no units, one of both is not known, or they do not measure the same.
    """
    found = conversion(variable.units, units)
    if found is not None:
        return found
    if not variable.units:
        raise DataError(
            f"{variable.name!r} states no units, so that it cannot be converted to {units!r}",
            fix="say what its units are with `rescale`, whose scale is 1 if none is given",
        )
    _check(variable.units, f"{variable.name!r} is in")
    _check(units, f"`units` of {variable.name!r} is")
    raise DataError(
        f"{variable.name!r} is in {variable.units!r}, which cannot be converted to {units!r}",
        fix="choose units of the same quantity, or multiply with `rescale`, such as by 1000 from m to kg m-2",
    )


def _check(units: str, says: str) -> None:
    """Raise a DataError if the units are not known."""
    if not is_known(units):
        raise DataError(
            f"{says} {units!r}, which is no known unit",
            fix="write it like 'degC', 'm s-1' or 'kg m-2', or multiply with `rescale`",
        )
