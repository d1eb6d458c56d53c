"""Palettes: which colour a value has. All of them can be told apart by the colour-blind."""

__all__ = ["Palette", "error_palette", "field_palette", "image", "rmse_palette"]

from base64 import b64encode
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from matplotlib import colormaps
from matplotlib.image import imsave
from numpy.typing import NDArray

LEVELS = 64  # colours in a palette: the eye tells no more apart, and the pictures are a third of the size
WINDS = frozenset({"u", "v", "w", "10u", "10v", "u10", "v10", "100u", "100v", "u100", "v100"})
BOTH_SIGNS = 0.2  # of the largest value, to be reached on the other side of zero


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours, and the values at their ends; what lies beyond has the colour of the end."""

    name: str
    lower: float
    upper: float

    def colours(self, values: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Red, green, blue and opacity of each value, shape `[..., 4]`; a missing value is transparent."""
        share = (values - self.lower) / (self.upper - self.lower)
        return np.asarray(colormaps[self.name].resampled(LEVELS)(np.ma.masked_invalid(share), bytes=True))


def image(colours: NDArray[np.uint8]) -> str:
    """A picture of pixels `[row, column, 4]` as the address of a PNG that holds it."""
    file = BytesIO()
    imsave(file, colours, format="png")
    return f"data:image/png;base64,{b64encode(file.getvalue()).decode()}"


def field_palette(values: NDArray[np.float32], name: str) -> Palette:
    """Colours of a field: blue to red around zero for winds and whatever takes both signs, else viridis.

    The ends are the 0.5th and 99.5th percentile of the values, so that one node does not take all the colour.
    """
    lower, upper = _range(values)
    largest = max(abs(lower), abs(upper))
    if name.split("_", maxsplit=1)[0] in WINDS or min(-lower, upper) > BOTH_SIGNS * largest:
        return Palette("RdBu_r", -largest, largest)
    return Palette("viridis", lower, upper)


def error_palette(values: NDArray[np.float32]) -> Palette:
    """Colours of an error: blue where the forecast is too low, red where it is too high."""
    largest = _range(np.abs(values))[1]
    return Palette("RdBu_r", -largest, largest)


def rmse_palette(values: NDArray[np.float32]) -> Palette:
    """Colours of an RMSE: from zero, the darker the larger."""
    return Palette("YlOrBr", 0.0, _range(values)[1])


def _range(values: NDArray[np.float32]) -> tuple[float, float]:
    present = values[np.isfinite(values)]
    if not present.size:
        return 0.0, 1.0
    lower, upper = (float(end) for end in np.percentile(present, [0.5, 99.5]))
    return (lower, upper) if upper > lower else (lower, lower + max(abs(lower) * 1e-6, 1e-6))
