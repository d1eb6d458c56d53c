"""The arrays that scores are made of."""

__all__ = ["Array"]

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
