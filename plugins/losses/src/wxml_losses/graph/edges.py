"""Scores of the differences along the edges into each node."""

__all__ = ["GraphEdgeCrps", "GraphVariogram"]

from collections.abc import Mapping
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor
from wxml import LossSpace, LossWeights

from wxml_losses.crps import kernel_crps
from wxml_losses.graph.loss import GraphLoss, Neighbours, Normalised


class GraphVariogram(GraphLoss):
    """The variogram score: the mean of (v̄ − v_o)² over the edges j → i into a node, with v = |x_j − x_i|^p.

    v̄ is the mean over the M members. If fair, v_o² − 2 v_o v̄ + 2 Σ_{k<l} v_k v_l / (M (M − 1)), which may be negative
    (Scheuerer and Hamill 2015, doi:10.1175/MWR-D-14-00269.1, for the score).
    """

    def __init__(
        self,
        space: LossSpace,
        weights: LossWeights,
        *,
        neighbours: Neighbours = 6,
        normalised: Normalised = True,
        p: Annotated[float, Field(gt=0, le=4, description="the power of the differences")] = 1.0,
        fair: Annotated[
            bool, Field(description="whether the score is what an ensemble of infinite size would get on average")
        ] = True,
    ) -> None:
        """See `GraphLoss`."""
        super().__init__(space, weights, neighbours=neighbours, normalised=normalised)
        self.p, self.fair = p, fair

    @classmethod
    def degree_of(cls, options: Mapping[str, Any]) -> float | None:
        """See `wxml.Loss.degree_of`; a variogram is in the unit to the power `p`."""
        return 2 * float(options["p"])

    def scores(self, members: Tensor, truth: Tensor, weights: Tensor) -> Tensor:
        """See `GraphLoss.scores`."""
        count = members.shape[1]
        of_truth = self._variogram(truth)
        of_members = self._variogram(members.flatten(1)).view(-1, count, truth.shape[1])
        mean = of_members.mean(1)
        if not self.fair or count == 1:
            return self.around.means((mean - of_truth).square(), weights)
        pairs = (of_members.sum(1).square() - of_members.square().sum(1)) / (count * (count - 1))
        return self.around.means(of_truth.square() - 2 * of_truth * mean + pairs, weights)

    def _variogram(self, values: Tensor) -> Tensor:
        """|x_j − x_i|^p of each edge; its slope is 0 where the difference is."""
        sizes = self.around.differences(values).abs()
        return torch.where(sizes > 0, torch.where(sizes > 0, sizes, 1.0) ** self.p, 0.0)


class GraphEdgeCrps(GraphLoss):
    """The mean of the CRPS of the differences x_j − x_i over the edges j → i into a node; see the loss `crps`."""

    degree = 1

    def __init__(
        self,
        space: LossSpace,
        weights: LossWeights,
        *,
        neighbours: Neighbours = 6,
        normalised: Normalised = True,
        fairness: Annotated[
            float, Field(ge=0, le=1, description="1 is the fair CRPS, 0 that of the members as they are")
        ] = 0.95,
    ) -> None:
        """See `GraphLoss`."""
        super().__init__(space, weights, neighbours=neighbours, normalised=normalised)
        self.fairness = fairness

    def scores(self, members: Tensor, truth: Tensor, weights: Tensor) -> Tensor:
        """See `GraphLoss.scores`."""
        of_members = self.around.differences(members.flatten(1)).view(-1, *members.shape[1:])
        of_truth = self.around.differences(truth)
        crps = kernel_crps(of_members.transpose(0, 1).contiguous()[None], of_truth[None], self.fairness)[0]
        return self.around.means(crps, weights)
