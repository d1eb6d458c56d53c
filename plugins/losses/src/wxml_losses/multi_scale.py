"""Multi-scale: another loss, of each range of scales by itself."""

__all__ = ["MultiScale"]

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn
from wxml import Kind, LossSpace, LossSums, LossWeights, PluginChoice, inner_degree, inner_loss
from wxml.errors import ConfigError, DataError, Fault

from wxml_losses.smoothing import Smoother, gaussian_smoother, stored_smoother
from wxml_losses.whole_field import WholeFieldLoss

Scale = Annotated[float, Field(gt=0, lt=1e4)] | Path


class MultiScale(WholeFieldLoss):
    """Σ_s λ_s L(P_s f − P_{s−1} f), where P_s are means over ever fewer nodes, and the last scale is the rest.

    The first scale is P_0 f itself, and the scales add up to the field. Forecasts and truth are smoothed alike: where
    the truth is missing, so is the forecast, and the other nodes around weigh correspondingly more.
    """

    def __init__(
        self,
        space: LossSpace,
        weights: LossWeights,
        *,
        scales: Annotated[
            list[Scale],
            Field(
                min_length=1,
                description="the means P from the coarsest on: the standard deviation of a Gaussian one in km, or the "
                "path of an .npz file with a sparse matrix (scipy.sparse.save_npz)",
                examples=[[1600, 800, 400]],
            ),
        ],
        scale_weights: Annotated[
            list[Annotated[float, Field(ge=0, allow_inf_nan=False)]] | None,
            Field(description="λ of each scale, and of the rest; null: 1"),
        ] = None,
        loss: Annotated[PluginChoice, Kind("loss"), Field(description="L")] = PluginChoice(plugin="squared"),  # noqa: B008
    ) -> None:
        """Make the means and the inner loss.

        Raises:
            ConfigError: the scales do not become finer, a file has no means of the nodes, there is not one λ for each
                scale and the rest, or the inner loss cannot be made.
        """
        _check_scales(scales, scale_weights)
        inner = inner_loss(loss, space, weights)
        super().__init__(space, weights.along(inner.weighs))
        self.inner = inner
        self.takes_members = inner.takes_members
        self.scale_weights = tuple(scale_weights or [1.0] * (len(scales) + 1))
        self.smoothers = nn.ModuleList(_smoother(space, scale, place) for place, scale in enumerate(scales))

    @classmethod
    def degree_of(cls, options: Mapping[str, Any]) -> float | None:
        """See `wxml.Loss.degree_of`; that of the inner loss."""
        return inner_degree(options["loss"])

    def forward(self, forecast: Tensor, truth: Tensor) -> LossSums:
        """See `wxml.Loss.forward`; the terms are those of the inner loss, for one scale after the other."""
        made, filled, present = self.compared(forecast, truth)
        known = None if bool(present.all()) else present.to(filled.dtype)
        sums = [
            self.inner(scale, torch.where(present, of_truth, torch.nan))
            for scale, of_truth in zip(self._scales(made, known), self._scales(filled, known), strict=True)
        ]
        return LossSums(torch.cat([each.total for each in sums]), torch.cat([each.weight for each in sums]))

    def value(self, sums: LossSums) -> Tensor:
        """See `wxml.Loss.value`."""
        parts = zip(*(part.chunk(len(self.scale_weights)) for part in (sums.total, sums.weight)), strict=True)
        values = [self.inner.value(LossSums(total, weight)) for total, weight in parts]
        weighted = [factor * value for factor, value in zip(self.scale_weights, values, strict=True)]
        return torch.stack(weighted).sum()

    def _scales(self, fields: Tensor, present: Tensor | None) -> Iterator[Tensor]:
        """Yield the scales of fields `[..., node, variable]`, the coarsest first."""
        there = None if present is None else present[:, None] if fields.ndim > present.ndim else present
        coarser: Tensor | float = 0.0
        for smoother in self.smoothers:
            smooth = _smoothed(smoother, fields, there)
            yield smooth - coarser
            coarser = smooth
        yield fields - coarser


def _smoothed(smoother: nn.Module, fields: Tensor, present: Tensor | None) -> Tensor:
    first = None if present is None else present.movedim(-2, 0)
    smooth: Tensor = smoother(fields.movedim(-2, 0), first)
    return smooth.movedim(0, -2)


def _check_scales(scales: list[Scale], weights: list[float] | None) -> None:
    widths = [scale for scale in scales if not isinstance(scale, Path)]
    if widths != sorted(widths, reverse=True) or len(set(widths)) < len(widths):
        raise ConfigError(
            [Fault("scales", f"the widths must become smaller, got {widths}")], fix="write the coarsest scale first"
        )
    if weights is not None and len(weights) != len(scales) + 1:
        raise ConfigError(
            [Fault("scale_weights", f"{len(scales)} scales and the rest need {len(scales) + 1}, got {len(weights)}")],
            fix="write a weight for each of the `scales`, and one for the rest",
        )


def _smoother(space: LossSpace, scale: Scale, place: int) -> Smoother:
    if not isinstance(scale, Path):
        return gaussian_smoother(space.grid, scale)
    try:
        return stored_smoother(scale, len(space.grid))
    except DataError as error:
        raise ConfigError([Fault(("scales", place), error.message)], fix=error.fix) from error
