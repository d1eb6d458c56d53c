"""Compares two datasets, or sources, as a whole."""

__all__ = ["Comparison", "compare"]

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from wxml.terminal import columns

from wxml_dataset_builder.comparing.headers import header_differences, same_nodes
from wxml_dataset_builder.comparing.values import ValueDifference, compare_values
from wxml_dataset_builder.opening import Opened
from wxml_dataset_builder.stored import Stored


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs between A and B."""

    differences: tuple[str, ...]
    """One sentence for each thing but the values."""
    values: tuple[ValueDifference, ...] | None
    """For each variable of both; None if they have other nodes."""

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs, but within the tolerance."""
        return not self.differences and self.values is not None and not any(one.differing for one in self.values)

    def lines(self) -> list[str]:
        """What a reader is told."""
        told = [f"  {one}" for one in self.differences]
        if self.values is None:
            return [*told, "  values: not compared, since the nodes are others"]
        differing = [one for one in self.values if one.differing]
        if not differing:
            return told
        head = ("variable", "values that differ", "largest", "root mean square", "first date")
        rows = [
            (one.variable, f"{one.differing} of {one.compared + one.one_missing}", f"{one.largest:.6g}",
             f"{one.root_mean_square:.6g}", str(one.first))
            for one in differing
        ]  # fmt: skip
        return [*told, *(f"  {line}" for line in columns([head, *rows], right={1, 2, 3}))]


def compare(a: Opened, b: Opened, *, relative: float = 0.0, absolute: float = 0.0) -> Comparison:
    """Compare two datasets, or sources.

    Args:
        a: one of them.
        b: the other; nodes in another order are put in that of A.
        relative: numbers may differ by so much of that in A.
        absolute: and by so much, in the units of the variable.
    """
    told = list(header_differences(a.source.header, b.source.header))
    if a.stored is not None and b.stored is not None:
        told += _missing_differences(a.stored, b.stored)
        told += _statistics_differences(a.stored, b.stored, relative, absolute)
    fitting = same_nodes(a.source, b.source)
    values = None if fitting is None else compare_values(a.source, fitting, relative=relative, absolute=absolute)
    return Comparison(tuple(told), None if values is None else tuple(values))


def _missing_differences(a: Stored, b: Stored) -> Iterator[str]:
    mine, others = (set(map(str, one.dates[one.is_missing])) for one in (a, b))
    if mine != others:
        alone = sorted(mine ^ others)
        yield f"missing dates: {len(mine)} in A, {len(others)} in B, {len(alone)} of one alone, the first {alone[0]}"


def _statistics_differences(a: Stored, b: Stored, relative: float, absolute: float) -> Iterator[str]:
    """Statistics of the variables of both that differ by more than the tolerance."""
    periods = a.tendencies().keys() ^ b.tendencies().keys()
    if periods:
        yield f"statistics: changes over {', '.join(sorted(periods))} are in one of both alone"
    prefixes = {"": ""}
    for period in sorted(a.tendencies().keys() & b.tendencies().keys()):
        prefixes[f" of the changes over {period}"] = a.tendencies()[period]
    names = [name for name in a.names if name in b.names]
    for called, prefix in prefixes.items():
        left, right = a.statistics(prefix), b.statistics(prefix)
        for statistic in left.keys() & right.keys():
            for name in names:
                x, y = left[statistic][a.names.index(name)], right[statistic][b.names.index(name)]
                if not (abs(x - y) <= absolute + relative * abs(x) or (np.isnan(x) and np.isnan(y))):
                    yield f"{name}: {statistic}{called} {x:.9g} in A, {y:.9g} in B"
