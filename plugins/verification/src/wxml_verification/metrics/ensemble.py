"""Metrics of the members of an ensemble: x₁ … x_M, their mean x̄ and variance s², beside the truth y."""

__all__ = ["Crps", "CrpsDecomposition", "FairCrps", "Skill", "Spread", "SpreadSkill"]

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from wxml import Better, Further, PointwiseMetric, Subject, VerifiedFields
from wxml.verification.metric import mean_statistics, quotient

from wxml_verification.arrays import Array


class Crps(PointwiseMetric):
    """Continuous ranked probability score of the members: mean |x − y| − (1/2M²) Σᵢⱼ |xᵢ − xⱼ|.

    The sum over pairs is 2 Σₖ (2k − M − 1) x₍ₖ₎ of the members in order. One member has its absolute error.
    """

    fair: ClassVar[bool] = False

    def values(self, subject: Subject, fields: VerifiedFields) -> Array:
        """The score of each node."""
        name = subject.name
        apart = fields.ordered(name) - fields.truth(name)  # the ranks sum to 0, so pairs do not see the truth
        members = len(apart)
        if members == 1:
            return np.abs(apart)
        ranks = 2.0 * np.arange(1, members + 1) - members - 1
        pairs = np.einsum("m,mln->ln", ranks, apart) / (members * (members - int(self.fair)))
        return np.asarray((np.abs(apart).mean(axis=0) - pairs)[None])

    def value(self, sums: Array) -> Array:
        """The mean."""
        return np.asarray(mean_statistics(sums)[0])


class FairCrps(Crps):
    """Continuous ranked probability score that does not depend on the number of members.

    mean |x − y| − (1/2M(M−1)) Σᵢⱼ |xᵢ − xⱼ| (Ferro 2014, doi:10.1002/qj.2270); it may be negative.
    """

    fair = True


class CrpsDecomposition(PointwiseMetric):
    """The CRPS in two parts: `reliability`, which is 0 of a calibrated ensemble, and `potential`, which is left then.

    With a and b the means of the parts of the bin between the i-th and the next member that lie below and above the
    truth, g = a + b, o = b/g and p = i/M, reliability is Σ g (o − p)² over all bins, and potential Σ g o (1 − o);
    outside of the members o is the share of the truths below the first, and not above the last one (Hersbach 2000,
    doi:10.1175/1520-0434(2000)015<0559:DOTCRP>2.0.CO;2). The potential is the uncertainty of the sample less the
    resolution; the uncertainty is no sum over cases, and the `crps` of the climatology stands for it.
    """

    takes_members = True
    better: ClassVar[Better] = "smaller"
    further: ClassVar[Mapping[str, Further]] = {"reliability": Further("smaller"), "potential": Further("smaller")}

    def values(self, subject: Subject, fields: VerifiedFields) -> Array:
        """A and b of each of the M + 1 bins, and whether the truth is below all members or above all."""
        ordered, truth = fields.ordered(subject.name), fields.truth(subject.name)
        lower, upper = ordered[:-1], ordered[1:]
        inside = np.clip(truth, lower, upper)
        below, above = np.maximum(ordered[0] - truth, 0), np.maximum(truth - ordered[-1], 0)
        nothing = np.zeros_like(truth)
        outside = np.where(np.isfinite(truth), [truth < ordered[0], truth > ordered[-1]], np.nan)
        alpha = np.concatenate([nothing[None], inside - lower, above[None]])
        return np.concatenate([alpha, below[None], upper - inside, nothing[None], outside])

    def value(self, sums: Array) -> Array:
        """The CRPS."""
        alpha, beta = np.split(mean_statistics(sums)[:-2], 2)
        expected = _expected(alpha)
        return np.asarray((alpha * expected**2 + beta * (1 - expected) ** 2).sum(axis=0))

    def further_values(self, sums: Array) -> Mapping[str, Array]:
        """Reliability and potential."""
        widths, shares = self._bins(sums)
        return {
            "reliability": np.asarray((widths * (shares - _expected(shares)) ** 2).sum(axis=0)),
            "potential": np.asarray((widths * shares * (1 - shares)).sum(axis=0)),
        }

    def _bins(self, sums: Array) -> tuple[Array, Array]:
        """G and o, each of shape `[bin, ...]`."""
        *parts, below, above = mean_statistics(sums)
        alpha, beta = np.split(np.stack(parts), 2)
        widths = alpha + beta
        shares = np.where(widths > 0, quotient(beta, widths), np.where(np.isnan(widths), np.nan, 0.0))
        shares[0], shares[-1] = below, 1 - above
        widths[0] = np.where(below > 0, quotient(beta[0], below), widths[0])
        widths[-1] = np.where(above > 0, quotient(alpha[-1], above), widths[-1])
        return widths, shares


class Spread(PointwiseMetric):
    """Spread of the ensemble: √ mean w s², with the unbiased variance s²."""

    takes_members = True
    better: ClassVar[Better] = "neither"

    def values(self, subject: Subject, fields: VerifiedFields) -> Array:
        """The variance, where there is a truth."""
        return np.where(np.isfinite(fields.truth(subject.name)), fields.variance(subject.name), np.nan)[None]

    def value(self, sums: Array) -> Array:
        """The root."""
        return np.asarray(np.sqrt(mean_statistics(sums)[0]))


class Skill(PointwiseMetric):
    """Error of the mean of the ensemble: √ mean w (x̄ − y)².

    `skill-unbiased` is √ mean w [(x̄ − y)² − s²/M], the error of the mean of infinitely many members, as WeatherBench-X
    has it; NaN where the sample gives less than 0.
    """

    takes_members = True
    further: ClassVar[Mapping[str, Further]] = {"unbiased": Further("smaller")}

    def values(self, subject: Subject, fields: VerifiedFields) -> Array:
        """The squared error of the mean, and the variance of the mean."""
        return _error_and_variance(subject, fields, self.space.members)

    def value(self, sums: Array) -> Array:
        """The root."""
        return np.asarray(np.sqrt(mean_statistics(sums)[0]))

    def further_values(self, sums: Array) -> Mapping[str, Array]:
        """The unbiased one."""
        return {"unbiased": np.sqrt(_unbiased(mean_statistics(sums)))}


class SpreadSkill(PointwiseMetric):
    """Spread over skill, √((M+1)/M) · √ mean w s² / √ mean w (x̄ − y)², which is 1 of a reliable ensemble.

    The factor is that of Fortin et al. 2014, doi:10.1175/JHM-D-14-0008.1. `spread-skill-unbiased` is the ratio of
    WeatherBench-X, √ mean w s² / √ mean w [(x̄ − y)² − s²/M].
    """

    takes_members = True
    has_units = False
    better: ClassVar[Better] = "nearer to one"
    further: ClassVar[Mapping[str, Further]] = {"unbiased": Further("nearer to one", has_units=False)}

    def values(self, subject: Subject, fields: VerifiedFields) -> Array:
        """The squared error of the mean, and the variance of the mean."""
        return _error_and_variance(subject, fields, self.space.members)

    def value(self, sums: Array) -> Array:
        """The ratio; NaN where the mean has no error."""
        square, variance = mean_statistics(sums)
        return np.sqrt((self.space.members + 1) * quotient(variance, square))

    def further_values(self, sums: Array) -> Mapping[str, Array]:
        """The unbiased one."""
        means = mean_statistics(sums)
        return {"unbiased": np.sqrt(self.space.members * quotient(means[1], np.nan_to_num(_unbiased(means))))}


def _error_and_variance(subject: Subject, fields: VerifiedFields, members: int) -> Array:
    """(x̄ − y)² and s²/M of each node, shape `[2, lead_time, node]`."""
    return np.stack([np.square(fields.error(subject.name)), fields.variance(subject.name) / members])


def _unbiased(means: Array) -> Array:
    """The mean of (x̄ − y)² − s²/M; NaN below 0."""
    difference = means[0] - means[1]
    return np.where(difference >= 0, difference, np.nan)


def _expected(bins: Array) -> Array:
    """P = i/M for bins of shape `[M + 1, ...]`, with axes to broadcast against them."""
    return np.linspace(0, 1, len(bins)).reshape(-1, *[1] * (bins.ndim - 1))
