"""Associated Legendre functions, and the quadrature that goes with some latitudes. NumPy only."""

__all__ = ["exact_degree", "legendre_functions", "quadrature_weights"]

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

Values = NDArray[np.float64]
SAME = 1e-9


def legendre_functions(sines: Values, degree: int) -> Values:
    """P̄_lm(x) for 0 ≤ m ≤ l ≤ `degree`, `[m, row, l]`, zero where l < m; ½ ∫ P̄_lm² dx = 1, and P̄_mm is not negative.

    From the order m on the degrees follow one another,

        P̄_lm = √((4l² − 1) / (l² − m²)) (x P̄_{l−1,m} − √(((l − 1)² − m²) / (4(l − 1)² − 1)) P̄_{l−2,m}),

    which stays accurate for all degrees that a forecast has.
    """
    table = np.zeros((degree + 1, len(sines), degree + 1))
    cosines = np.sqrt(1 - sines**2)
    table[0, :, 0] = 1
    for m in range(1, degree + 1):
        table[m, :, m] = np.sqrt((2 * m + 1) / (2 * m)) * cosines * table[m - 1, :, m - 1]
    for m in range(degree):
        table[m, :, m + 1] = np.sqrt(2 * m + 3) * sines * table[m, :, m]
        for degree_ in range(m + 2, degree + 1):
            before = np.sqrt(((degree_ - 1) ** 2 - m**2) / (4 * (degree_ - 1) ** 2 - 1))
            factor = np.sqrt((4 * degree_**2 - 1) / (degree_**2 - m**2))
            table[m, :, degree_] = factor * (sines * table[m, :, degree_ - 1] - before * table[m, :, degree_ - 2])
    return table


def quadrature_weights(sines: Values) -> Values:
    """The weights w with Σ_j w_j p(x_j) = ½ ∫ p dx for each polynomial p of a degree below the number of rows.

    They are found from the Legendre polynomials, of which all but the first have no integral. For Gauss–Legendre nodes
    they are the Gaussian weights, for equal steps of latitude those of Fejér.
    """
    count = len(sines)
    integrals = np.zeros(count)
    integrals[0] = 1
    return np.linalg.solve(legendre.legvander(sines, count - 1).T, integrals).astype(np.float64)


def exact_degree(sines: Values) -> int:
    """The highest degree of harmonics whose products the quadrature integrates exactly."""
    nodes, _ = legendre.leggauss(len(sines))
    is_gaussian = np.allclose(np.sort(sines), nodes, atol=SAME, rtol=0)
    return len(sines) - 1 if is_gaussian else (len(sines) - 1) // 2
