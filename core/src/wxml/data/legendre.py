"""Associated Legendre functions in double precision."""

__all__ = ["legendre_functions", "resolved_degree"]

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from wxml.data.grid_rows import Quadrature

Array = NDArray[np.float64]

UNSEEN = 1e-10
"""The share of the power of a harmonic that may lie where rows are too short for it."""


def legendre_functions(points: Array) -> Iterator[Array]:
    """Yield P̄_l of one degree l after the other from 0 on, shape `[m, point]`, m = 0 … l, for x = `points`.

    P̄_lm = √((2l + 1) (l − m)! / (l + m)!) P_lm without the phase (−1)^m, so that the mean of |P̄_lm e^{imλ}|² over
    the sphere is 1. By the recurrence in l (Schaeffer 2013, doi:10.1002/ggge.20071, equations 12 to 15). It is good to
    degrees near 1900: from there on P̄_mm near a pole is too small for a double (Holmes and Featherstone 2002,
    doi:10.1007/s00190-002-0216-2).
    """
    cosine = np.sqrt((1 - points) * (1 + points))
    before, last, degree = np.zeros((0, len(points))), np.ones((1, len(points))), 0
    while True:
        yield last
        degree += 1
        orders = np.arange(degree - 1)[:, None]
        up = np.sqrt((4 * degree**2 - 1) / (degree**2 - orders**2))
        down = np.sqrt(((degree - 1.0) ** 2 - orders**2) / (4 * (degree - 1.0) ** 2 - 1))
        inner = up * (points * last[:-1] - down * before)
        below = np.sqrt(2 * degree + 1) * points * last[-1:]
        highest = np.sqrt((2 * degree + 1) / (2 * degree)) * cosine * last[-1:]
        before, last = last, np.concatenate([inner, below, highest])


def resolved_degree(rows: Quadrature, lengths: NDArray[np.int64], most: int) -> int:
    """Return the greatest degree up to `most` of which no harmonic has power where rows are too short for it.

    A row of n nodes tells waves m < n / 2 from each other.

    Args:
        rows: the rows.
        lengths: the number of nodes of each row.
        most: the degree that the weights of the rows allow.
    """
    for degree, functions in enumerate(legendre_functions(rows.points)):
        is_unseen = np.arange(degree + 1)[:, None] >= lengths / 2
        unseen = np.where(is_unseen, functions**2, 0.0) @ rows.weights
        if degree > most or np.any(unseen > UNSEEN):
            return degree - 1
    raise AssertionError("legendre_functions never ends")
