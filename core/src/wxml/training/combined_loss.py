"""CombinedLoss: the losses of a training as one number."""

__all__ = ["CombinedLoss", "CombinedSums", "LossPart"]

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Self

import torch
from torch import Tensor, nn

from wxml.plugins.options.choices import PluginChoice
from wxml.training.loss import Loss, LossSums
from wxml.training.loss_choice import LossChoice
from wxml.training.loss_space import LossSpace


@dataclass(frozen=True, slots=True, eq=False)
class CombinedSums:
    """The sums of each of several losses, in their order; they add up over batches and devices before the division."""

    parts: tuple[LossSums, ...]

    def __add__(self, other: Self) -> Self:
        return type(self)(tuple(a + b for a, b in zip(self.parts, other.parts, strict=True)))

    @property
    def has_truth(self) -> Tensor:
        """Whether any value of the truth counts in any loss: a boolean without axes."""
        return torch.stack([(part.weight.detach() > 0).any() for part in self.parts]).any()

    def exact(self) -> Self:
        """The sums in double precision on the CPU, without a gradient."""

        def moved(tensor: Tensor) -> Tensor:
            return tensor.detach().to("cpu", torch.float64)

        return type(self)(tuple(LossSums(moved(part.total), moved(part.weight)) for part in self.parts))


class LossPart(nn.Module):
    """One of several losses: its name, its share, its weights, and the variables that it compares."""

    variables: Tensor | None

    def __init__(
        self,
        name: str,
        loss: Loss,
        share: float = 1.0,
        variables: Sequence[int] | None = None,
        weights: Sequence[str] = (),
    ) -> None:
        """Keep them.

        Args:
            name: the plugin's.
            loss: the loss.
            share: its part of the whole; the shares of all parts need not add up to 1.
            variables: the places of its variables among those that are forecast; None: all.
            weights: the names of its weights.
        """
        super().__init__()
        self.name, self.loss, self.share, self.weights = name, loss, share, tuple(weights)
        places = None if variables is None else torch.tensor(variables)
        self.register_buffer("variables", places, persistent=False)

    def forward(self, forecast: Tensor, truth: Tensor) -> LossSums:
        """As `wxml.Loss.forward`, of all variables; a loss that does not take members compares each of them alone.

        Args:
            forecast: as for `CombinedLoss.forward`.
            truth: likewise.
        """
        count = truth.shape[-1]  # a spread, if the model has one, is behind the values
        kinds = [forecast] if forecast.shape[-1] == count else list(torch.split(forecast, count, dim=-1))
        if self.variables is not None:
            kinds, truth = [kind[..., self.variables] for kind in kinds], truth[..., self.variables]
        sums: LossSums = reduce(add, (self.loss(each, truth) for each in self._of_each(kinds)))
        return sums

    def _of_each(self, kinds: Sequence[Tensor]) -> list[Tensor]:
        """What the loss compares: all members, each of them, or the mean and the deviation of each."""
        if self.loss.takes_spread:
            return [torch.stack(pair, 1) for pair in zip(*(kind.unbind(1) for kind in kinds), strict=True)]
        return [kinds[0]] if self.loss.takes_members else [member[:, None] for member in kinds[0].unbind(1)]


class CombinedLoss(nn.Module):
    """Σ share · L / Σ share, over the losses L of a training."""

    def __init__(self, parts: Sequence[LossPart]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)

    @classmethod
    def of(
        cls,
        space: LossSpace,
        losses: LossChoice | Sequence[LossChoice],
        weights: Mapping[str, PluginChoice],
        where: str = "training",
    ) -> Self:
        """Make the losses and the weights that a config chooses.

        Args:
            space: what is compared.
            losses: the sections of the losses, or the only one.
            weights: the sections of the weights by name; `area` and `tendency` are there without a section.
            where: the config path of the block with the keys `loss` and `loss_weights`.

        Raises:
            ConfigError: a section names a weight or a variable that is not there, or a weight along an axis that the
                loss does not weigh; or a plugin refuses its options.
            ContractError: the factors of a weight do not have the shape or the values that they must have.
        """
        from wxml.training.loss_assembly import make_parts

        return cls(make_parts(space, losses, weights, where))

    @property
    def chosen(self) -> list[LossPart]:
        """The losses with their shares and variables."""
        return [part for part in self.parts if isinstance(part, LossPart)]

    @property
    def takes_members(self) -> bool:
        """Whether a loss compares an ensemble."""
        return any(part.loss.takes_members for part in self.chosen)

    @property
    def takes_spread(self) -> bool:
        """Whether a loss compares normal distributions."""
        return any(part.loss.takes_spread for part in self.chosen)

    def forward(self, forecast: Tensor, truth: Tensor) -> CombinedSums:
        """Sum up the errors of some samples.

        Args:
            forecast: shape `[batch, member, step, node, variable]`; of a model with a spread, the standard deviations
                of all variables follow on the last axis. Losses that do not take a spread see the means alone.
            truth: shape `[batch, step, node, variable]`; NaN where missing.
        """
        return CombinedSums(tuple(part(forecast, truth) for part in self.parts))

    def value(self, sums: CombinedSums) -> Tensor:
        """Return the loss of all samples whose sums were added up: a scalar, 0 without any truth."""
        shares = [part.share for part in self.chosen]
        values = [part.loss.value(of) for part, of in zip(self.chosen, sums.parts, strict=True)]
        return torch.stack([share / sum(shares) * value for share, value in zip(shares, values, strict=True)]).sum()
