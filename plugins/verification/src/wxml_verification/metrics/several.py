"""Scores of several variables at once: energy and variogram score, over some variables at each node or over space."""

__all__ = ["Energy", "EnergyInSpace", "Variogram"]

from typing import Annotated

import numpy as np
from pydantic import Field
from wxml import PointwiseMetric, Subject, VerificationMetric, VerificationSpace, VerifiedFields
from wxml.errors import ConfigError, Fault, nearest
from wxml.verification.metric import mean_statistics

from wxml_verification.arrays import Array

Groups = Annotated[
    dict[str, list[str]],
    Field(
        description="name → the variables that it is made of, such as the levels of one or the components of a wind",
        examples=[{"wind_850": ["u_850", "v_850"]}],
    ),
]
Fair = Annotated[bool, Field(description="whether the score shall not depend on the number of members")]


class _OfGroups(PointwiseMetric):
    """A pointwise metric whose subjects are groups of variables."""

    def __init__(self, space: VerificationSpace, *, groups: Groups) -> None:
        super().__init__(space)
        units = {one.name: one.units for one in space.variables}
        faults = [
            Fault(("verification", "metrics", "groups", group), f"{name!r} is not scored: {nearest(name, units)}")
            for group, names in groups.items()
            for name in names
            if name not in units
        ]
        for group, names in groups.items():
            if not faults and len({units[name] for name in names}) != 1:
                found = ", ".join(f"{name} in {units[name]}" for name in names) or "none"
                faults = [
                    Fault(("verification", "metrics", "groups", group), f"needs variables of one unit, got {found}")
                ]
        if faults:
            raise ConfigError(faults)
        self._groups = {group: tuple(names) for group, names in groups.items()}
        self._units = units

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """The groups."""
        return tuple(Subject(group, self._units[names[0]], names) for group, names in self._groups.items())

    def members_and_truth(self, subject: Subject, fields: VerifiedFields) -> tuple[Array, Array]:
        """The variables of a group, shape `[member, variable, lead_time, node]` and `[variable, lead_time, node]`."""
        names = subject.variables
        members = np.stack([fields.members(name) for name in names], axis=1)
        return members, np.stack([fields.truth(name) for name in names])


class Energy(_OfGroups):
    """Energy score over the variables of a group at each node: mean ‖x − y‖ − k Σᵢⱼ ‖xᵢ − xⱼ‖.

    k is 1/(2M(M−1)), or 1/(2M²) with `fair: false` (Gneiting and Raftery 2007, doi:10.1198/016214506000001437). One
    member has the length of its error.
    """

    def __init__(self, space: VerificationSpace, *, groups: Groups, fair: Fair = True) -> None:
        super().__init__(space, groups=groups)
        self._fair = fair

    def values(self, subject: Subject, fields: VerifiedFields) -> Array:
        """The score of each node; memory grows with the number of members, not with that of pairs."""
        members, truth = self.members_and_truth(subject, fields)
        count = len(members)
        pairs = np.zeros(truth.shape[1:])
        for number in range(1, count):
            pairs += _lengths(members[number:] - members[:-number]).sum(axis=0)
        score = _lengths(members - truth).mean(axis=0)
        return np.asarray((score - pairs / max(count * (count - int(self._fair)), 1))[None])

    def value(self, sums: Array) -> Array:
        """The mean."""
        return np.asarray(mean_statistics(sums)[0])


class Variogram(_OfGroups):
    """Variogram score over the variables of a group at each node: Σᵢⱼ (|yᵢ − yⱼ|ᵖ − mean |xᵢ − xⱼ|ᵖ)².

    The sum goes over all pairs of variables, each in both orders (Scheuerer and Hamill 2015,
    doi:10.1175/MWR-D-14-00269.1).
    """

    has_units = False

    def __init__(
        self,
        space: VerificationSpace,
        *,
        groups: Groups,
        power: Annotated[float, Field(gt=0, description="p; small ones are less sensitive to outliers")] = 0.5,
    ) -> None:
        super().__init__(space, groups=groups)
        self._power = power

    def values(self, subject: Subject, fields: VerifiedFields) -> Array:
        """The score of each node."""
        members, truth = self.members_and_truth(subject, fields)
        total = np.zeros(truth.shape[1:])
        for number in range(1, len(truth)):
            known = np.abs(truth[number:] - truth[:-number]) ** self._power
            found = (np.abs(members[:, number:] - members[:, :-number]) ** self._power).mean(axis=0)
            total += 2 * np.square(known - found).sum(axis=0)
        return total[None]

    def value(self, sums: Array) -> Array:
        """The mean."""
        return np.asarray(mean_statistics(sums)[0])


class EnergyInSpace(VerificationMetric):
    """Energy score of whole fields of a variable: the norm is √(Σ w d² / Σ w) over the nodes of a region.

    mean ‖x − y‖ − k Σᵢⱼ ‖xᵢ − xⱼ‖ for each case, with k as in `energy`; it sees how errors hang together in space.
    """

    adds_over_nodes = True

    def __init__(self, space: VerificationSpace, *, fair: Fair = True) -> None:
        super().__init__(space)
        self._fair = fair

    def statistics(self, subject: Subject, fields: VerifiedFields) -> Array:
        """The weight, then Σ w dᵢ dⱼ of all pairs of members' errors, shape `[1 + M², lead_time, region]`."""
        errors = fields.members(subject.name) - fields.truth(subject.name)
        known = np.isfinite(errors.sum(axis=0))
        errors = np.where(known, errors, 0.0).swapaxes(0, 1)
        weighed = [errors * weights for weights in fields.weights]
        products = np.stack([np.matmul(one, errors.swapaxes(1, 2)) for one in weighed], axis=-1)
        flat = products.reshape(len(products), -1, len(fields.weights)).swapaxes(0, 1)
        return np.concatenate([(known @ fields.weights.T)[None], flat])

    def of_case(self, sums: Array) -> Array:
        """Whether the case has a score, and it."""
        there = sums[0] > 0
        products = np.nan_to_num(mean_statistics(sums))
        count = round(np.sqrt(len(products)))
        gram = products.reshape(count, count, *products.shape[1:])
        squares = np.einsum("ii...->i...", gram)
        apart = np.sqrt(np.maximum(squares[:, None] + squares[None] - 2 * gram, 0)).sum(axis=(0, 1))
        score = np.sqrt(squares).mean(axis=0) - apart / (2 * max(count * (count - int(self._fair)), 1))
        return np.stack([there.astype(np.float64), np.where(there, score, 0.0)])

    def value(self, sums: Array) -> Array:
        """The mean over cases."""
        return np.asarray(mean_statistics(sums)[0])


def _lengths(vectors: Array) -> Array:
    """The lengths of vectors, whose components are on the last axis but two."""
    return np.asarray(np.sqrt(np.square(vectors).sum(axis=-3)))
