"""Smoothing of fields: Gaussian means over the nodes around, or the weights of a file."""

__all__ = ["Smoother", "gaussian_smoother", "stored_smoother"]

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from wxml import Grid
from wxml.data.sphere import unit_vectors
from wxml.errors import DataError
from wxml_kernels import EdgeIndex

from wxml_losses.neighbours import nodes_within
from wxml_losses.weighted_sums import WeightedSums

Array = NDArray[np.float64]

RADIUS = 6371.0
"""Of the earth, km."""
REACH = 2.5
"""How far a Gaussian mean reaches, in standard deviations; 4 % of the weight in a plane would be beyond."""
PARTS = ("data", "indices", "indptr", "shape")
"""The arrays of a matrix in compressed rows, as `scipy.sparse.save_npz` writes them."""


class Smoother(nn.Module):
    """P x = Σ_j w_ij x_j. Where values are missing the others weigh correspondingly more."""

    row_sums: Tensor

    def __init__(self, edges: EdgeIndex, weights: Array) -> None:
        """Keep the weights.

        Args:
            edges: from each node to those whose means it is part of.
            weights: w, shape `[edge]`, not negative.
        """
        super().__init__()
        self.sums = WeightedSums(edges, weights)
        row_sums = np.bincount(edges.target.numpy(), weights, minlength=edges.target_count)
        self.register_buffer("row_sums", torch.tensor(row_sums, dtype=torch.get_default_dtype()), persistent=False)

    def forward(self, values: Tensor, present: Tensor | None) -> Tensor:
        """Smooth fields `[node, ...]`, whose missing values are 0.

        Args:
            values: shape `[node, ...]`.
            present: 1 where there are values and 0 elsewhere, of a shape that is broadcast to that of the values;
                None: all are there.
        """
        summed: Tensor = self.sums(values)
        if present is None:
            return summed
        share: Tensor = self.sums(present)
        whole = self.row_sums.view(-1, *(1,) * (present.ndim - 1))
        return summed * torch.where(share > 0, whole / torch.where(share > 0, share, 1.0), 0.0)


def gaussian_smoother(grid: Grid, width: float) -> Smoother:
    """Make means with the weights a_j exp(−d_ij² / 2σ²), where a is the area that a node stands for, d ≤ 2.5 σ.

    Args:
        grid: the places and areas of the nodes.
        width: σ in km.
    """
    angle = width / RADIUS
    near = nodes_within(unit_vectors(grid.latitudes, grid.longitudes), min(REACH * angle, np.pi - 1e-6))
    weights = np.exp(-0.5 * (near.angle / angle) ** 2) * grid.area_weights[near.source]
    whole = np.bincount(near.target, weights, minlength=len(grid))
    weights /= np.where(whole > 0, whole, 1.0)[near.target]
    return Smoother(EdgeIndex(near.source, near.target, len(grid), len(grid)), weights)


def stored_smoother(path: Path, nodes: int) -> Smoother:
    """Read the weights of a sparse matrix in compressed rows, an `.npz` file of `scipy.sparse.save_npz`.

    Args:
        path: the file.
        nodes: the number of rows and of columns.

    Raises:
        DataError: the file cannot be read, holds no such matrix, or has weights that are negative or not finite.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            data, indices, pointers, shape = (np.asarray(stored[name]) for name in PARTS)
    except (OSError, ValueError, KeyError) as error:
        raise DataError(
            f"`{path}` is no matrix in compressed rows: {error}",
            fix="write it with `scipy.sparse.save_npz(path, matrix.tocsr())`",
        ) from error
    if tuple(shape.tolist()) != (nodes, nodes):
        raise DataError(
            f"the matrix in `{path}` must have shape [{nodes}, {nodes}], got {shape.tolist()}",
            fix="write the matrix of the grid of the data",
        )
    counts = np.diff(pointers)
    if len(pointers) != nodes + 1 or counts.min() < 0 or not len(data) == len(indices) == pointers[-1]:
        raise DataError(
            f"the rows of the matrix in `{path}` do not fit its {len(data)} values",
            fix="write it with `scipy.sparse.save_npz(path, matrix.tocsr())`",
        )
    if not np.isfinite(data).all() or (data < 0).any():
        raise DataError(
            f"the weights in `{path}` must be finite and not negative, got {data.min()} to {data.max()}",
            fix="write a matrix of means",
        )
    try:
        edges = EdgeIndex(indices, np.repeat(np.arange(nodes), counts), nodes, nodes)
    except ValueError as error:
        raise DataError(
            f"the columns of the matrix in `{path}` are no numbers of nodes: {error}",
            fix="write it with `scipy.sparse.save_npz(path, matrix.tocsr())`",
        ) from error
    return Smoother(edges, data.astype(np.float64))
