"""Arrays for a page: one gzip stream in base64, in which each array lies as planes of bytes, the lowest bytes first.

Places and node numbers are kept as the differences from one to the next, values as 65 536 levels between the least and
the greatest one: so a graph of 100 000 nodes takes a few MB. `globe/src/arrays.js` reads them.
"""

__all__ = ["Packed"]

import gzip
from base64 import b64encode
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

LEVELS: Final = 65535
Place = dict[str, Any]


class Packed:
    """Collects arrays; each call returns what the page needs to find the array again."""

    def __init__(self) -> None:
        self._planes: list[bytes] = []
        self._size = 0

    def steps(self, values: NDArray[np.integer[Any]]) -> Place:
        """Keep whole numbers below 2³¹, exactly."""
        steps = np.diff(values.astype(np.int64), prepend=0)
        return self._kept("steps", steps.astype("<i4"))

    def levels(self, values: NDArray[Any]) -> Place:
        """Keep numbers, to a 65 536th of their range."""
        numbers = values.astype(np.float64)
        low, high = (float(numbers.min()), float(numbers.max())) if numbers.size else (0.0, 0.0)
        shares = (numbers - low) / (high - low if high > low else 1.0)
        return self._kept("level", np.rint(shares * LEVELS).astype("<u2")) | {"low": low, "high": high}

    def text(self) -> str:
        """All arrays as base64."""
        return b64encode(gzip.compress(b"".join(self._planes), mtime=0)).decode("ascii")

    def _kept(self, kind: str, values: NDArray[Any]) -> Place:
        place = {"kind": kind, "start": self._size, "length": len(values)}
        planes = values.reshape(-1, 1).view(np.uint8).T.tobytes()
        self._planes.append(planes)
        self._size += len(planes)
        return place
