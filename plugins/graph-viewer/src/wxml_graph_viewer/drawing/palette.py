"""The colours of values."""

__all__ = ["PALETTE", "palette"]

from typing import Final

import numpy as np

PALETTE: Final = "viridis"


def palette() -> list[int]:
    """Red, green and blue of 256 colours, one after another, from 0 to 255."""
    from matplotlib import colormaps

    colours = colormaps[PALETTE](np.arange(256))[:, :3]
    return [int(part) for part in np.rint(255 * colours).ravel()]
