"""The scale of the factors of a weight."""

__all__ = ["Norm", "normalised"]

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

Norm = Annotated[
    Literal["none", "sum", "mean"],
    Field(description="`sum` divides the factors by their sum, `mean` by their mean, `none` leaves them"),
]


def normalised(factors: NDArray[np.float64], norm: Norm) -> NDArray[np.float64]:
    """Return the factors divided by their sum or their mean; as they are if all are 0."""
    total = {"none": 1.0, "sum": float(factors.sum()), "mean": float(factors.mean())}[norm]
    return factors / total if total > 0 else factors
