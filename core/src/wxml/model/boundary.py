"""What is given at the boundary of a limited area, put into a forecast: the same in training and in forecasts."""

__all__ = ["with_given"]

import torch
from torch import Tensor


def with_given(forecast: Tensor, given: Tensor, share: Tensor) -> Tensor:
    """Blend a step of a forecast with what is given there: (1 − α) f + α b, in model values.

    Where α is 1 it is b to the bit, and where α is 0 or b is missing it is f. No gradient flows to what b replaces.
    After Davies (1976), doi:10.1002/qj.49710243210.

    Args:
        forecast: f, shape `[batch, node, variable]`; of a model with a spread, its deviations follow and stay.
        given: b, shape `[batch, node, variable]`; NaN where missing.
        share: α, shape `[node]`, from 0 to 1.
    """
    values, spread = forecast.tensor_split([given.shape[-1]], dim=-1)
    weight = share.to(forecast.device, forecast.dtype)[:, None]
    there = given.to(forecast.device, forecast.dtype)
    known = there.nan_to_num(0.0)
    blended = torch.where(weight == 1, known, (1 - weight) * values + weight * known)
    blended = torch.where((weight > 0) & ~there.isnan(), blended, values)
    return torch.cat((blended, spread), dim=-1) if spread.shape[-1] else blended
