"""Lots of variables that are read together: those that a metric compares stay in one."""

__all__ = ["lots_of"]

from collections.abc import Iterable, Sequence

from wxml import VerificationMetric


def lots_of(variables: Sequence[str], metrics: Iterable[VerificationMetric], most: int) -> list[tuple[str, ...]]:
    """Divide variables into lots of at most `most`, or of more where a metric needs more at once.

    Args:
        variables: in their order.
        metrics: whose subjects may read several variables.
        most: the variables that fit into memory.
    """
    group = {name: name for name in variables}
    for metric in metrics:
        for subject in metric.subjects:
            old = {group[name] for name in subject.variables}
            first = min(old, key=list(variables).index)
            group = {name: first if label in old else label for name, label in group.items()}
    together = [[name for name in variables if group[name] == label] for label in dict.fromkeys(group.values())]
    lots: list[list[str]] = []
    for names in together:
        if lots and len(lots[-1]) + len(names) <= most:
            lots[-1] += names
        else:
            lots.append(list(names))
    return [tuple(name for name in variables if name in lot) for lot in lots]
