"""Whether a source fits a trained model: the same units as in the training."""

__all__ = ["check_units"]

import logging
from collections.abc import Sequence

from wxml.data.source import SourceHeader
from wxml.data.variables import Variable
from wxml.errors import DataError

logger = logging.getLogger("wxml")


def check_units(header: SourceHeader, trained: Sequence[Variable]) -> None:
    """Compare the units of a source with those of the training; units that one side does not state give a warning.

    Args:
        header: the header of the source.
        trained: the variables that the model reads, as in the training; those that the source lacks are passed over.

    Raises:
        DataError: a variable has other units than in the training; the error names both.
    """
    there = {variable.name: variable for variable in header.variables}
    pairs = [(variable, there[variable.name]) for variable in trained if variable.name in there]
    for wanted, found in pairs:
        if wanted.has_units_of(found):
            continue
        if wanted.units and found.units:
            raise DataError(
                f"the model was trained on {wanted.name!r} in {wanted.units!r}, and the source has it in "
                f"{found.units!r}",
                fix=f"convert it to {wanted.units!r} first; nothing is converted here",
            )
        logger.warning(
            "the units of %r cannot be compared: %r in the training, %r in the source",
            wanted.name,
            wanted.units,
            found.units,
        )
