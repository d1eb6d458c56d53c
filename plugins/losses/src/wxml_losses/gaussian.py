"""Losses of the normal distribution that a model with `model.spread` forecasts at each value.

The mean is μ and the standard deviation σ; with the truth o, z = (o − μ) / σ.
"""

__all__ = ["GaussianCrps", "GaussianLikelihood"]

from math import log, pi, sqrt

import torch
from torch import Tensor
from wxml import SpreadLoss

from wxml_losses.known_gradient import with_gradients


class GaussianLikelihood(SpreadLoss):
    """The negative logarithm of the density that the distribution has at the truth: ½ ln 2π + ln σ + z²/2.

    It is the least, on average, where μ and σ are those of the truth. It may be negative, and in another unit it
    differs by a constant, the logarithm of the unit. Errors count by their squares over σ², so an outlier weighs much:
    one that is k σ off as much as ½ k². Its derivatives are −z/σ with respect to μ, and (1 − z²)/σ with respect to σ.

    Source: Nix and Weigend (1994), Estimating the mean and variance of the target probability distribution, Proc. IEEE
    Int. Conf. Neural Networks 1, 55–60, doi:10.1109/ICNN.1994.374138.
    """

    degree = 0

    def errors(self, mean: Tensor, deviation: Tensor, truth: Tensor) -> Tensor:
        """See `wxml.SpreadLoss.errors`."""
        with torch.no_grad():
            z = (truth - mean) / deviation
            score = deviation.log() + z.square() / 2 + log(2 * pi) / 2
            slopes = -z / deviation, (1 - z.square()) / deviation
        return with_gradients((mean, deviation), score, slopes)


class GaussianCrps(SpreadLoss):
    """The continuous ranked probability score (CRPS) of the distribution: σ (z (2Φ(z) − 1) + 2φ(z) − 1/√π).

    Φ is the distribution function of the standard normal, and φ its density. It is in the unit of the variable, and the
    least, on average, where μ and σ are those of the truth; without a spread it would be the absolute error. Its
    derivatives are 1 − 2Φ(z) with respect to μ, and 2φ(z) − 1/√π with respect to σ: both are bounded, so an outlier
    weighs little more than another error.

    Source: Gneiting and Raftery (2007), J. Amer. Statist. Assoc. 102, 359–378, equation 21 (with the sign of a loss).
    """

    degree = 1

    def errors(self, mean: Tensor, deviation: Tensor, truth: Tensor) -> Tensor:
        """See `wxml.SpreadLoss.errors`."""
        with torch.no_grad():
            error = truth - mean
            z = error / deviation
            beyond = torch.erf(z / sqrt(2))  # 2Φ(z) − 1
            of_spread = sqrt(2 / pi) * torch.exp(-z.square() / 2) - 1 / sqrt(pi)
            score = error * beyond + deviation * of_spread
        return with_gradients((mean, deviation), score, (-beyond, of_spread))
