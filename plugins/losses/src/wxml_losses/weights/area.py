"""Area: a node counts as much as the area that it stands for."""

__all__ = ["Area"]

import numpy as np
from numpy.typing import NDArray
from wxml import LossWeight


class Area(LossWeight):
    """The share of the grid's area that each node stands for; 0 for nodes of a boundary, which are not forecast."""

    is_measure = True

    def factor(self) -> NDArray[np.float64]:
        """See `wxml.LossWeight.factor`."""
        return self.space.area[None, :, None]
