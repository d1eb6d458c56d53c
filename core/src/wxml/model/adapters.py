"""Low-rank adapters: a weight W that stays as it is, and an update of few numbers that is trained.

W' = W + (alpha / rank) · B A, A of shape `[rank, in]` and B of shape `[out, rank]` (Hu et al. 2021, arXiv:2106.09685).
B is zero at first, so that the model begins as it was.
"""

__all__ = ["adapt", "merged_weights"]

import math
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize


class LowRankUpdate(nn.Module):
    """W to W + scale · up · down."""

    scale: Tensor

    def __init__(self, weight: Tensor, rank: int, alpha: float) -> None:
        """`down` is drawn as the weights of a linear layer are, `up` is zero."""
        super().__init__()
        rows, columns = weight.shape
        self.down = nn.Parameter(torch.empty(rank, columns, dtype=weight.dtype))
        self.up = nn.Parameter(torch.zeros(rows, rank, dtype=weight.dtype))
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))
        self.register_buffer("scale", torch.tensor(alpha / rank, dtype=weight.dtype))

    def forward(self, weight: Tensor) -> Tensor:
        """The adapted weight, shape `[out, in]` in and out."""
        return weight + self.scale * (self.up @ self.down)


def adapt(model: nn.Module, names: Iterable[str], rank: int, alpha: float) -> None:
    """Give weights low-rank adapters, and freeze the weights themselves.

    Args:
        model: the model; its random numbers are those of torch's generator.
        names: weights with two axes.
        rank: the rows of A and the columns of B.
        alpha: the scale of the update, in units of the rank.
    """
    for name in names:
        holder, _, weight = name.rpartition(".")
        module = model.get_submodule(holder)
        update = LowRankUpdate(getattr(module, weight), rank, alpha)
        parametrize.register_parametrization(module, weight, update)
        module.parametrizations[weight].original.requires_grad_(False)  # type: ignore[index, union-attr]


def merged_weights(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state of a model without adapters: each is merged into its weight, which gets its own name again."""
    merged = {}
    for name, tensor in weights.items():
        holder, inside, rest = name.rpartition("parametrizations.")
        if not inside:
            merged[name] = tensor
            continue
        weight, _, part = rest.partition(".")
        if part == "original":
            scale, up, down = (weights[f"{holder}{inside}{weight}.0.{one}"] for one in ("scale", "up", "down"))
            merged[f"{holder}{weight}"] = tensor + scale * (up @ down)
    return merged
