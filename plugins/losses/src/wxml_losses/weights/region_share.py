"""Region share: the nodes of a region have a share of the whole weight, however small it is."""

__all__ = ["RegionShare"]

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import LossSpace, LossWeight
from wxml.errors import ConfigError, Fault

from wxml_losses.weights.places import values_of_nodes


class RegionShare(LossWeight):
    """A factor beside the weight `area`, such that the nodes of a region have a share f of the sum of both.

    Outside of the region the factor is 1. Inside it is f / (1 − f) · A_out / A_in, with the areas A of the forecast
    nodes outside and inside; with `equal`, the product of area and factor is the same for all nodes inside,
    f / (1 − f) · A_out / N_in.
    """

    is_measure = True

    def __init__(
        self,
        space: LossSpace,
        *,
        mask: Annotated[
            str,
            Field(
                description="an attribute of the graph's nodes, else a variable of the source: above 0.5 in the region",
                examples=["lsm"],
            ),
        ],
        share: Annotated[float, Field(gt=0, lt=1, description="f, the share of the region")],
        equal: Annotated[
            bool, Field(description="whether the nodes inside count alike, whatever their areas are")
        ] = False,
    ) -> None:
        """Read the mask.

        Raises:
            ConfigError: there is no such mask, or no forecast node inside or outside of it.
        """
        super().__init__(space)
        self._inside = values_of_nodes(space, mask, "mask") > 0.5
        counts = [int((space.is_forecast & part).sum()) for part in (self._inside, ~self._inside)]
        if 0 in counts:
            problem = f"{mask!r} must part the forecast nodes, got {counts[0]} inside and {counts[1]} outside"
            raise ConfigError([Fault("mask", problem)], fix="name another mask")
        self.share, self.equal = share, equal

    def factor(self) -> NDArray[np.float64]:
        """See `wxml.LossWeight.factor`."""
        area, inside = self.space.area, self._inside & self.space.is_forecast
        wanted = self.share / (1 - self.share) * area[~self._inside].sum()
        factors = np.ones(len(area))
        factors[inside] = wanted / (inside.sum() * area[inside] if self.equal else area[inside].sum())
        return factors[None, :, None]
