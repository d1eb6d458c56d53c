"""The area- and variable-weighted squared error."""

__all__ = ["PartLoss", "WeightedSquaredError", "part_losses", "squared_error"]

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn
from wxml.errors import ConfigError, Fault, nearest

from wxml_trainer_lightning.options import VariableWeighting

if TYPE_CHECKING:
    from wxml import Experiment


class WeightedSquaredError(nn.Module):
    """Σ_node a_node · mean_variable[ w_variable · (f − o)² / s_variable² ], averaged over the batch.

    Here a is the share of the area, w the weight that a config gives a variable, s its scale, f the forecast and o the
    truth. A value of the truth that is missing (NaN) weighs nothing, and the others weigh correspondingly more:

        L = Σ present · a · w · (f − o)² / s²  /  Σ present · a

    Args of the constructor:
        area_weights: shape `[node]`, sum 1.
        variable_weights: w / s² of each variable that is forecast, shape `[variable]`.
    """

    area_weights: Tensor
    variable_weights: Tensor

    def __init__(self, area_weights: ArrayLike, variable_weights: ArrayLike) -> None:
        super().__init__()
        self.register_buffer("area_weights", torch.tensor(np.asarray(area_weights, np.float32))[:, None])
        self.register_buffer("variable_weights", torch.tensor(np.asarray(variable_weights, np.float32)))

    def forward(self, forecast: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
        """The numerator and the denominator of L, so that steps and batches can be added before the division.

        Args:
            forecast: shape `[..., node, variable]`; converted to float32 whatever the precision of the model.
            truth: same shape, NaN where missing.
        """
        present = ~torch.isnan(truth)
        error = torch.where(present, forecast.float() - truth, 0.0)
        total = (error.square() * self.variable_weights * self.area_weights).sum()
        return total, (present * self.area_weights).sum()


class PartLoss(nn.Module):
    """A `WeightedSquaredError` on the nodes of one of several grids, for validation."""

    def __init__(self, name: str, nodes: slice, loss: WeightedSquaredError) -> None:
        super().__init__()
        self.name, self.nodes, self.loss = name, nodes, loss

    def forward(self, forecast: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
        """As `WeightedSquaredError.forward`, of fields on all nodes."""
        total, weight = self.loss(forecast[..., self.nodes, :], truth[..., self.nodes, :])
        return total, weight


def squared_error(
    experiment: "Experiment",
    weighting: VariableWeighting,
    variable_weights: Mapping[str, float],
    grid_weights: Mapping[str, float] | None = None,
) -> WeightedSquaredError:
    """The loss of an experiment.

    Args:
        experiment: gives the areas, the variables and their tendency scales. Nodes of the boundary, which are given and
            not forecast, weigh nothing.
        weighting: `tendency` divides the error of each variable by its tendency scale; `uniform` leaves the error in
            the units of model space.
        variable_weights: factors by variable; a variable without an entry has the factor 1.
        grid_weights: factors by the name of one of several grids, beside its area; a grid without an entry has the
            factor 1.

    Raises:
        ConfigError: `variable_weights` names a variable that the model does not forecast, or `grid_weights` a grid that
            the data do not have.
    """
    names, ranges = experiment.roles.output, experiment.preprocessing.places.ranges
    faults = [
        Fault("training.variable_weights", f"the model forecasts no variable {name!r}; {nearest(name, names)}")
        for name in variable_weights
        if name not in names
    ]
    if faults:
        raise ConfigError(faults, fix="write names of prognostic or diagnostic variables")
    areas = _areas(experiment)
    for name, factor in (grid_weights or {}).items():
        if name not in ranges:
            fault = (
                f"the data have no grid {name!r}; {nearest(name, ranges) if ranges else 'they are one without a name'}"
            )
            raise ConfigError(
                [Fault("training.grid_weights", fault)], fix="write names of the option `names` of the source"
            )
        areas[ranges[name]] *= factor
    return WeightedSquaredError(areas, _variable_factors(experiment, weighting, variable_weights))


def part_losses(
    experiment: "Experiment", weighting: VariableWeighting, variable_weights: Mapping[str, float]
) -> list[PartLoss]:
    """The loss on each of several grids alone, for which `grid_weights` are no matter; none for one grid.

    Args:
        experiment: as for `squared_error`.
        weighting: as for `squared_error`.
        variable_weights: as for `squared_error`, and checked there.
    """
    areas, factors = _areas(experiment), _variable_factors(experiment, weighting, variable_weights)
    ranges = experiment.preprocessing.places.ranges
    return [PartLoss(name, nodes, WeightedSquaredError(areas[nodes], factors)) for name, nodes in ranges.items()]


def _areas(experiment: "Experiment") -> NDArray[np.float64]:
    """The share of the area of each node, 0 for those of the boundary, shape `[node]`."""
    return np.where(experiment.boundary, 0.0, experiment.source.header.grid.area_weights)


def _variable_factors(
    experiment: "Experiment", weighting: VariableWeighting, variable_weights: Mapping[str, float]
) -> NDArray[np.float64]:
    """The factor w / s² of each variable that is forecast, shape `[variable]`."""
    names = experiment.roles.output
    factors = np.array([variable_weights.get(name, 1.0) for name in names])
    scale = np.asarray(experiment.tendency_scale, np.float64) if weighting == "tendency" else np.ones(len(names))
    return np.asarray(factors / scale**2)
