"""Masks of imputed values: forcings that are 1 where a transform filled in a value of the state, else 0."""

__all__ = ["held_masks", "mask_names"]

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from wxml.data.forcings import COMPUTED_FORCINGS
from wxml.errors import DataError

PREFIX = "imputed_"


def mask_names(chosen: Sequence[str], taken: Collection[str] = ()) -> dict[str, str]:
    """Return the masks of the variables `chosen`: name of the mask → variable.

    Args:
        chosen: prognostic variables.
        taken: other names, of variables of the source or of fields that plugins make.

    Raises:
        DataError: a mask has the name of something else.
    """
    masks = {f"{PREFIX}{name}": name for name in chosen}
    for mask, name in masks.items():
        if mask in taken or mask in COMPUTED_FORCINGS:
            raise DataError(
                f"`data.variables.imputed` names {name!r}, whose mask {mask!r} has the name of another variable",
                fix=f"take {name!r} out of `data.variables.imputed`, or give the other variable another name",
            )
    return masks


def held_masks(missing: NDArray[np.bool_], columns: Sequence[int], count: int) -> NDArray[np.float32]:
    """Return the masks at `count` times, shape `[time, member, mask, node]`.

    At an input time a mask says what was missing then. The later states are the model's own, and keep the filled-in
    values of the last input state, so their masks are that of the last input time.

    Args:
        missing: whether each value of the input states was missing, shape `[input time, member, variable, node]`.
        columns: the places of the masks' variables along the variable axis.
        count: the number of times, input times included.
    """
    times = np.minimum(np.arange(count), len(missing) - 1)
    return missing[times][:, :, list(columns)].astype(np.float32)
