"""The area- and variable-weighted squared error."""

__all__ = ["WeightedSquaredError", "squared_error"]

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import ArrayLike
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


def squared_error(
    experiment: "Experiment", weighting: VariableWeighting, variable_weights: Mapping[str, float]
) -> WeightedSquaredError:
    """The loss of an experiment.

    Args:
        experiment: gives the areas, the variables and their tendency scales. Nodes of the boundary, which are given and
            not forecast, weigh nothing.
        weighting: `tendency` divides the error of each variable by its tendency scale; `uniform` leaves the error in
            the units of model space.
        variable_weights: factors by variable; a variable without an entry has the factor 1.

    Raises:
        ConfigError: `variable_weights` names a variable that the model does not forecast.
    """
    names = experiment.roles.output
    faults = [
        Fault("training.variable_weights", f"the model forecasts no variable {name!r}; {nearest(name, names)}")
        for name in variable_weights
        if name not in names
    ]
    if faults:
        raise ConfigError(faults, fix="write names of prognostic or diagnostic variables")
    factors = np.array([variable_weights.get(name, 1.0) for name in names])
    scale = np.asarray(experiment.tendency_scale, np.float64) if weighting == "tendency" else np.ones(len(names))
    areas = np.where(experiment.boundary, 0.0, experiment.source.header.grid.area_weights)
    return WeightedSquaredError(areas, factors / scale**2)
