"""The grid that values are brought to."""

__all__ = ["Target", "target_grid"]

from typing import Annotated

import numpy as np
from pydantic import Field
from wxml import Grid, Kind, Options, PluginChoice
from wxml.errors import DataError

from wxml_dataset_sources.combining.combination import opened


class Target(Options):
    """A grid: one of `degrees`, `octahedral`, `healpix`, `like`."""

    degrees: Annotated[
        float | None, Field(gt=0, le=90, description="regular, around the globe with both poles, so many degrees apart")
    ] = None
    octahedral: Annotated[int | None, Field(gt=0, description="the octahedral grid of this number, such as 96")] = None
    healpix: Annotated[int | None, Field(gt=0, description="HEALPix with this nside, in ring order")] = None
    like: Annotated[
        PluginChoice | None, Kind("data-source"), Field(description="the grid of this source; its values are not read")
    ] = None


def target_grid(target: Target, option: str = "to") -> Grid:
    """Make the grid that the option `option` chooses.

    Raises:
        DataError: none or several are chosen, or `degrees` does not divide 180.
    """
    given = [name for name in ("degrees", "octahedral", "healpix", "like") if getattr(target, name) is not None]
    if len(given) != 1:
        raise DataError(
            f"`{option}` needs one of `degrees`, `octahedral`, `healpix` and `like`, "
            f"got {' and '.join(given) or 'none'}",
            fix=f"write for example {option}: {{degrees: 1.0}}",
        )
    if target.like is not None:
        return opened(target.like, f"{option}.like").header.grid
    if target.octahedral is not None:
        return Grid.octahedral(target.octahedral)
    return Grid.healpix(target.healpix) if target.healpix is not None else _regular(float(target.degrees or 0), option)


def _regular(degrees: float, option: str) -> Grid:
    rows = round(180 / degrees)
    if abs(rows * degrees - 180) > 1e-9:
        raise DataError(
            f"`degrees` is {degrees:g}, which does not divide 180", fix=f"write for example {option}: {{degrees: 1.0}}"
        )
    return Grid.regular(90 - 180 / rows * np.arange(rows + 1), 180 / rows * np.arange(2 * rows))
