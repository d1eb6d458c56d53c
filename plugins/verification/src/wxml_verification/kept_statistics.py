"""Room for the statistics of all cases: in memory while they are small, else in a file that nobody else sees."""

__all__ = ["zeros"]

import tempfile

import numpy as np

from wxml_verification.arrays import Array

IN_MEMORY = 128 * 2**20  # bytes of the statistics of a metric


def zeros(shape: tuple[int, ...]) -> Array:
    """An array of zeros; the file of a large one goes when the array does."""
    if 8 * int(np.prod(shape)) <= IN_MEMORY:
        return np.zeros(shape)
    with tempfile.TemporaryFile() as file:  # mapped, it stays until nobody maps it
        return np.memmap(file, np.float64, "w+", shape=shape)
