"""Edge features that fall off with the length of an edge."""

__all__ = ["Gaussian", "RadialBasis"]

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import NodeSet

from wxml_graph_builders.edge_feature import EdgeFeature
from wxml_graph_builders.edge_features.length import Length
from wxml_graph_builders.mesh_nodes import Pairs


class RadialBasis(EdgeFeature):
    """exp(−((r − c) / σ)²) for the length r of an edge and several centres c.

    Lengths are relative to the longest edge of the target, and the centres lie from 0 to 1. With
    `norm: l1, per: target` the edges into a target share each centre.
    """

    def __init__(
        self,
        *,
        number: Annotated[int, Field(ge=2, le=256, description="of centres, from 0 to 1 in equal steps")] = 5,
        sigma: Annotated[
            float, Field(gt=0, allow_inf_nan=False, description="width, relative to the longest edge of the target")
        ] = 0.2,
    ) -> None:
        self.centres = np.linspace(0, 1, number)
        self.sigma = sigma

    def _values(self, source: NodeSet, target: NodeSet, edges: Pairs) -> NDArray[Any]:
        length = Length(unit="relative").values(source, target, edges)
        return np.exp(-(((length - self.centres) / self.sigma) ** 2))


class Gaussian(EdgeFeature):
    """exp(−r² / 2σ²) for the length r of an edge in km: weights of a smoother, with `norm: l1, per: target`."""

    def __init__(
        self, *, sigma_km: Annotated[float, Field(gt=0, allow_inf_nan=False, description="the width σ in km")]
    ) -> None:
        self.sigma_km = sigma_km

    def _values(self, source: NodeSet, target: NodeSet, edges: Pairs) -> NDArray[Any]:
        length = Length(unit="km").values(source, target, edges)
        return np.exp(-0.5 * (length / self.sigma_km) ** 2)
