"""Maps: the state of a mesh of latitudes and longitudes by row and column, and what is beyond its edges."""

__all__ = ["map_shape", "over_the_poles"]

import numpy as np
import torch
from torch import Tensor
from wxml import DataError, Mesh


def map_shape(mesh: Mesh) -> tuple[int, int]:
    """The numbers of rows and columns of a mesh of latitudes and longitudes around the globe.

    Raises:
        DataError: the mesh is another one.
    """
    axes = mesh.nodes.axes
    if axes is None or not _goes_around(axes[1]):
        raise DataError(
            f"processor `acme-afno` needs a mesh of latitudes and an even number of equally spaced longitudes around "
            f"the globe, got one of {len(mesh.nodes)} other nodes",
            fix="write `graph: {plugin: lat-lon}`",
        )
    return len(axes[0]), len(axes[1])


def _goes_around(longitudes: np.ndarray) -> bool:
    """Whether longitudes go around the globe in equal steps, and each has an opposite meridian among them."""
    steps = np.diff(longitudes, append=longitudes[0] + 360) % 360
    return len(longitudes) % 2 == 0 and bool(np.allclose(steps, 360 / len(longitudes)))


def over_the_poles(values: Tensor) -> Tensor:
    """The rows, and behind the last one those that a walk over the pole meets: on the opposite meridian, in reverse.

    So a map becomes periodic in both directions (Orszag 1974, Fourier series on spheres). From the shape
    `[batch, latitude, longitude, channel]` to twice as many latitudes.
    """
    beyond = values.flip(1).roll(values.shape[2] // 2, 2)
    return torch.cat([values, beyond], dim=1)
