"""Surface: land counts more than sea."""

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import LossSpace, LossWeight


class Surface(LossWeight):
    """A place counts as its share of land says: `sea` + (1 − `sea`) · land.

    The data source has the share of land as a field; a lake shore of one half counts half-way between.
    """

    is_measure = True

    def __init__(
        self,
        space: LossSpace,
        *,
        land: Annotated[str, Field(description="variable of the data source: the share of land, 0 to 1")] = "lsm",
        sea: Annotated[float, Field(ge=0, le=1, description="how much the open sea counts; land counts 1")] = 0.25,
    ) -> None:
        super().__init__(space)
        self.land, self.sea = land, sea

    def factor(self) -> NDArray[np.float64]:
        """See `wxml.LossWeight.factor`; shape `[1, node, 1]`."""
        land = self.space.field(self.land).astype(np.float64)
        return (self.sea + (1 - self.sea) * land)[None, :, None]
