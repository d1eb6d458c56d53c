"""The rank of the truth among the members."""

__all__ = ["RankHistogram", "draws"]

from collections.abc import Mapping
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import Better, Curve, Further, Subject, VerificationMetric, VerificationSpace, VerifiedFields
from wxml.verification.metric import mean_statistics

from wxml_verification.arrays import Array


class RankHistogram(VerificationMetric):
    """How often the truth has each rank among the members; its value is Σ |share − 1/(M+1)|, 0 of a flat histogram.

    The value is the reliability index of Delle Monache et al. 2006, doi:10.1029/2005JD006917. The rank is the number of
    members below the truth; where some are equal to it, one of the ranks that it could have is drawn, by a key of the
    place and the times, so that it is always the same. `rank-histogram-outliers` is the share of the truths below or
    above all members, which is 2/(M+1) of a reliable ensemble.
    """

    takes_members = True
    has_units = False
    adds_over_nodes = True
    better: ClassVar[Better] = "smaller"
    further: ClassVar[Mapping[str, Further]] = {"outliers": Further("neither", has_units=False)}

    def __init__(
        self,
        space: VerificationSpace,
        *,
        seed: Annotated[int, Field(ge=0, description="of the ranks of truths that equal a member")] = 0,
    ) -> None:
        super().__init__(space)
        self._seed = seed

    def statistics(self, subject: Subject, fields: VerifiedFields) -> Array:
        """The weight, and the area of each rank."""
        members, truth = fields.members(subject.name), fields.truth(subject.name)
        known = np.isfinite(truth) & np.isfinite(fields.mean(subject.name))
        ranks = (members < truth).sum(axis=0)
        equal = (members == truth).sum(axis=0)
        if equal.any():
            ranks = ranks + np.floor(draws(fields, self._seed) * (equal + 1)).astype(np.int64)
        count, leads = len(members) + 1, len(truth)
        bins = np.where(known, ranks + count * np.arange(leads)[:, None], count * leads)  # the last one is thrown away
        areas = [
            np.bincount(bins.ravel(), np.broadcast_to(weights, bins.shape).ravel(), count * leads + 1)[:-1]
            for weights in fields.weights
        ]
        histogram = np.stack(areas, axis=-1).reshape(leads, count, -1).swapaxes(0, 1)
        return np.concatenate([histogram.sum(axis=0, keepdims=True), histogram])

    def value(self, sums: Array) -> Array:
        """The reliability index."""
        shares = mean_statistics(sums)
        return np.asarray(np.abs(shares - 1 / len(shares)).sum(axis=0))

    def further_values(self, sums: Array) -> Mapping[str, Array]:
        """The share of outliers."""
        shares = mean_statistics(sums)
        return {"outliers": shares[0] + shares[-1]}

    def curves(self, sums: Array) -> Mapping[str, Curve]:
        """The histogram."""
        shares = mean_statistics(sums)
        return {"histogram": Curve("rank", np.arange(len(shares), dtype=np.float64), shares)}


def draws(fields: VerifiedFields, seed: int) -> Array:
    """A number in [0, 1) for each lead time and node, shape `[lead_time, node]`, that they and the seed alone decide.

    The hash is the finaliser of SplitMix64 (Steele et al. 2014, doi:10.1145/2660193.2660195).
    """
    second = np.timedelta64(1, "s")
    times = (fields.initial_time - np.datetime64(0, "s")) // second, fields.lead_times // second
    nodes = np.arange(fields.weights.shape[1], dtype=np.uint64) + np.uint64(fields.first_node)
    key = _mixed(np.asarray([seed, int(times[0])], np.int64).astype(np.uint64))
    rows = _mixed(np.asarray(times[1], np.int64).astype(np.uint64) + key[0] + (key[1] << np.uint64(1)))
    return np.asarray((_mixed(rows[:, None] + nodes) >> np.uint64(11)) * 2.0**-53)


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    mixed = values + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))
