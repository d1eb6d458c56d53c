"""Energy scores of neighbourhoods."""

__all__ = ["GraphEdgeEnergy", "GraphEnergy"]

from abc import abstractmethod
from typing import Annotated

from pydantic import Field
from torch import Tensor
from wxml import LossSpace, LossWeights

from wxml_losses.graph.loss import GraphLoss, Neighbours, Normalised, pair_factor, root

Fair = Annotated[bool, Field(description="whether the score is what an ensemble of infinite size would get on average")]


class _NeighbourhoodEnergy(GraphLoss):
    """(1/M) Σ_i ‖x_i − y‖ − k Σ_{i<j} ‖x_i − x_j‖, k = 1 / (M (M − 1)) if fair, else 1 / M², at each node.

    Time grows with the square of the number M of members.
    """

    degree = 1

    def __init__(
        self,
        space: LossSpace,
        weights: LossWeights,
        *,
        neighbours: Neighbours = 6,
        normalised: Normalised = True,
        fair: Fair = True,
    ) -> None:
        """See `GraphLoss`."""
        super().__init__(space, weights, neighbours=neighbours, normalised=normalised)
        self.fair = fair

    def scores(self, members: Tensor, truth: Tensor, weights: Tensor) -> Tensor:
        """See `GraphLoss.scores`."""
        count = members.shape[1]
        score = self._norms(members - truth[:, None], weights) / count
        factor = pair_factor(count, fair=self.fair)
        for first in range(count - 1):
            score = score - factor * self._norms(members[:, first, None] - members[:, first + 1 :], weights)
        return score

    def _norms(self, differences: Tensor, weights: Tensor) -> Tensor:
        """The sum of the norms at each node, `[node, column]`, over the fields of `[node, field, column]`."""
        fields = differences.shape[1]
        of_edges = weights.repeat(1, fields)
        squares = self.squares(differences.flatten(1), of_edges)
        return root(squares).view(len(differences), fields, -1).sum(1)

    @abstractmethod
    def squares(self, differences: Tensor, weights: Tensor) -> Tensor:
        """The square of the norm at each node, `[node, column]`, of `differences` of that shape."""


class GraphEnergy(_NeighbourhoodEnergy):
    """The energy score at each node with the norm ‖d‖ = √(Σ_j w_ij d_j²) over its neighbours j and itself.

    So the members must fit the truth in the whole neighbourhood at once. (1/M) Σ_i ‖x_i − y‖ − k Σ_{i<j} ‖x_i − x_j‖
    with k = 1 / (M (M − 1)) if fair, else 1 / M² (Gneiting and Raftery 2007, doi:10.1198/016214506000001437). Time
    grows with the square of the number M of members.
    """

    with_itself = True

    def squares(self, differences: Tensor, weights: Tensor) -> Tensor:
        """See `_NeighbourhoodEnergy.squares`."""
        return self.around.means(self.around.sources(differences.square()), weights)


class GraphEdgeEnergy(_NeighbourhoodEnergy):
    """The energy score at each node with the norm ‖d‖ = √(Σ_j w_ij (d_j − d_i)²) over the edges from its neighbours j.

    So the slopes around a node must fit all at once, and a constant that is added to a field changes nothing.
    (1/M) Σ_i ‖x_i − y‖ − k Σ_{i<j} ‖x_i − x_j‖ with k = 1 / (M (M − 1)) if fair, else 1 / M². Time grows with the
    square of the number M of members.
    """

    def squares(self, differences: Tensor, weights: Tensor) -> Tensor:
        """See `_NeighbourhoodEnergy.squares`."""
        return self.around.means(self.around.differences(differences).square(), weights)
