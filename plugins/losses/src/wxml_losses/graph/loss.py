"""GraphLoss: a score of an ensemble at each node that looks at its neighbours."""

__all__ = ["GraphLoss", "Neighbours", "Normalised", "pair_factor", "root"]

from abc import abstractmethod
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor
from torch.utils.checkpoint import checkpoint
from wxml import LossSpace, LossSums, LossWeights

from wxml_losses.graph.neighbourhood import neighbourhood_of
from wxml_losses.whole_field import WholeFieldLoss

Neighbours = Annotated[
    int | None,
    Field(gt=0, description="how many of the nearest nodes; null: those of the edges grid → grid of the graph"),
]
Normalised = Annotated[
    bool, Field(description="whether the weights of the neighbours of a node add up to 1, else each is 1")
]
AT_ONCE = 2**24
"""How many values on edges are held at a time."""


class GraphLoss(WholeFieldLoss):
    """A score of the members of an ensemble and of their neighbours at each node, averaged as other losses are.

    Where the truth is missing there is no score, and a neighbour without a truth does not count. A node all of whose
    neighbours are missing has no score. The backward pass computes the scores of some fields after the other again, so
    that memory is that of the edges, members and a few fields.
    """

    takes_members = True
    with_itself: ClassVar[bool] = False
    """Whether a node is in its own neighbourhood."""

    def __init__(
        self, space: LossSpace, weights: LossWeights, *, neighbours: Neighbours = 6, normalised: Normalised = True
    ) -> None:
        """Find the neighbours.

        Raises:
            ConfigError: there are not so many nodes, or the graph has no such edges.
        """
        super().__init__(space, weights)
        self.around = neighbourhood_of(space, neighbours, itself=self.with_itself, normalised=normalised)

    def forward(self, forecast: Tensor, truth: Tensor) -> LossSums:
        """See `wxml.Loss.forward`."""
        members, filled, present = self.compared(forecast, truth)
        with torch.autocast(truth.device.type, enabled=False):
            score, counts = self._scores(
                members.permute(3, 1, 0, 2, 4).flatten(2), *(_columns(each) for each in (filled, present))
            )
            errors, present = (_fields(each, truth) for each in (score, counts))
            return self.reduced(errors, present)

    @abstractmethod
    def scores(self, members: Tensor, truth: Tensor, weights: Tensor) -> Tensor:
        """Return the score of each node, shape `[node, column]`; any finite value where it does not count.

        Args:
            members: shape `[node, member, column]`; 0 where the truth is missing.
            truth: shape `[node, column]`; 0 where it is missing.
            weights: those of the edges, shape `[edge, column]`; 0 where a value is missing.
        """

    def _scores(self, members: Tensor, truth: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        """The scores, and which of them count, of some columns after the others; each `[node, column]`."""
        size = max(1, AT_ONCE // max(1, self.around.edges.edge_count * members.shape[1]))
        scores, counts = [], []
        for few in zip(*(torch.split(each, size, -1) for each in (members, truth, present)), strict=True):
            score, count = checkpoint(self._few_scores, *few, use_reentrant=False, preserve_rng_state=False)
            scores.append(score)
            counts.append(count)
        return torch.cat(scores, -1), torch.cat(counts, -1)

    def _few_scores(self, members: Tensor, truth: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        weights, counts = self.around.present(present, both_ends=not self.with_itself)
        return self.scores(members, truth, weights), counts


def _columns(fields: Tensor) -> Tensor:
    """`[batch, step, node, variable]` to `[node, column]`."""
    return fields.permute(2, 0, 1, 3).flatten(1)


def _fields(columns: Tensor, like: Tensor) -> Tensor:
    """`[node, column]` to `[batch, step, node, variable]`."""
    batch, steps, nodes, variables = like.shape
    return columns.view(nodes, batch, steps, variables).permute(1, 2, 0, 3)


def pair_factor(members: int, *, fair: bool) -> float:
    """1 / (M (M − 1)) of a fair score, else 1 / M²; one member alone has no pairs."""
    return 0.0 if members == 1 else 1 / (members * (members - 1 if fair else members))


def root(squares: Tensor) -> Tensor:
    """√x whose slope at 0 is 0."""
    is_positive = squares > 0
    return torch.where(is_positive, torch.where(is_positive, squares, 1.0).sqrt(), 0.0)
