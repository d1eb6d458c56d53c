"""Transform: fields as coefficients of waves."""

__all__ = ["Transform", "Waves", "check_truncation", "table"]

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from wxml.errors import ConfigError, Fault


@dataclass(frozen=True, slots=True, eq=False)
class Waves:
    """The waves of a transform: each has one coefficient, or two if it may be shifted, those of cosine and sine."""

    has_two: NDArray[np.bool_]
    """Whether each wave has two coefficients, which follow each other; shape `[wave]`."""
    wavenumber: NDArray[np.int64]
    """The wavenumber of each wave, shape `[wave]`."""

    @property
    def coefficients(self) -> NDArray[np.int64]:
        """The number of coefficients of each wave, 1 or 2."""
        return np.where(self.has_two, 2, 1)

    def places(self, first: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where each coefficient is, if `first` is where each wave begins; shape `[coefficient]`."""
        both = np.stack([first, first + 1], axis=1)
        return both[np.stack([np.ones_like(self.has_two), self.has_two], axis=1)]


class Transform(nn.Module, ABC):
    """Fields as real coefficients of orthogonal waves, such that Σ c² is the mean of the squares of a field.

    Attributes:
        waves: what the coefficients belong to.
        wavenumbers: the different wavenumbers, rising.
    """

    def __init__(self, waves: Waves) -> None:
        super().__init__()
        self.waves = waves
        self.wavenumbers, group = np.unique(waves.wavenumber, return_inverse=True)
        self.wave: Tensor
        self.group: Tensor
        wave = np.repeat(np.arange(len(group)), waves.coefficients)
        self.register_buffer("wave", torch.from_numpy(wave), persistent=False)
        self.register_buffer("group", torch.from_numpy(group[wave]), persistent=False)

    @abstractmethod
    def forward(self, fields: Tensor) -> Tensor:
        """Map fields `[..., node]` to coefficients `[..., coefficient]` of the same type; differentiable."""

    def by_wave(self, values: Tensor) -> Tensor:
        """Add up `[..., coefficient]` over the coefficients of each wave: `[..., wave]`."""
        return _summed(values, self.wave, len(self.waves.wavenumber))

    def by_wavenumber(self, values: Tensor) -> Tensor:
        """Add up `[..., coefficient]` over the waves of each of the `wavenumbers`: `[..., wavenumber]`."""
        return _summed(values, self.group, len(self.wavenumbers))


def _summed(values: Tensor, groups: Tensor, count: int) -> Tensor:
    return values.new_zeros(*values.shape[:-1], count).index_add(-1, groups, values)


def table(values: NDArray[np.float64]) -> Tensor:
    """Round a table that was made in double precision to torch's default type."""
    return torch.tensor(values, dtype=torch.get_default_dtype())


def check_truncation(truncation: int, most: int) -> None:
    """Raise a ConfigError unless a grid with wavenumbers up to `most` has the `truncation`."""
    if truncation > most:
        raise ConfigError(
            [Fault("truncation", f"the grid has wavenumbers up to {most}, got {truncation}")],
            fix="write a smaller `truncation`, or leave it out",
        )
