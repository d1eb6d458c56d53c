"""The options that all losses of spectra have: which transform, and how much each wavenumber counts."""

__all__ = ["TransformName", "Truncation", "WavenumberWeights", "chosen_transform", "wavenumber_factors"]

from collections.abc import Mapping
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import Grid
from wxml.data.plane import plane_of
from wxml.errors import ConfigError, Fault

from wxml_losses.spectral.planar import CosineSeries, FourierSeries
from wxml_losses.spectral.spherical import SphericalHarmonics
from wxml_losses.spectral.transform import Transform, check_truncation

TransformName = Annotated[
    Literal["auto", "sht", "fft2d", "dct2d"],
    Field(
        description="sht: spherical harmonics, of grids with rows around the globe; fft2d, dct2d: Fourier or cosine "
        "series, of grids with rows and columns; auto: sht if the grid has such rows, else dct2d"
    ),
]
Truncation = Annotated[
    int | None,
    Field(gt=0, description="the greatest wavenumber; null: the greatest at which the transform of the grid is exact"),
]
WavenumberWeights = Annotated[
    dict[Annotated[int, Field(ge=0)], Annotated[float, Field(ge=0, allow_inf_nan=False)]],
    Field(
        description="factors by wavenumber, linear in between and constant beyond both ends; empty: 1. The wavenumber "
        "is the total one of sht, and counts waves (fft2d) or half waves (dct2d) along the longer side of the area"
    ),
]


def chosen_transform(grid: Grid, name: str, truncation: int | None) -> Transform:
    """Make the transform that the options choose.

    Raises:
        ConfigError: the grid has no such transform, or too few nodes for the truncation.
    """
    spherical = SphericalHarmonics.of(grid, truncation) if name in ("auto", "sht") else None
    plane = plane_of(grid) if name in ("auto", "fft2d", "dct2d") else None
    if spherical is not None:
        return spherical
    if plane is not None:
        return FourierSeries(plane) if name == "fft2d" else CosineSeries(plane)
    needed = {"auto": "rows around the globe, nor rows and columns", "sht": "rows around the globe, from pole to pole"}
    raise ConfigError(
        [Fault("transform", f"the grid of {len(grid)} nodes has no {needed.get(name, 'rows and columns')}")],
        fix="choose another `transform`, or interpolate the data to a regular or Gaussian grid first",
    )


def wavenumber_factors(
    transform: Transform, weights: Mapping[int, float], truncation: int | None
) -> NDArray[np.float64]:
    """Return the factor of each of the wavenumbers of a transform, 0 beyond the truncation.

    Raises:
        ConfigError: the truncation is beyond the wavenumbers, or none of these is left.
    """
    numbers = transform.wavenumbers
    most = int(numbers.max())
    check_truncation(truncation or most, most)
    given = sorted(weights) or [0]
    factors = np.interp(numbers, given, [weights.get(number, 1.0) for number in given])
    factors = np.where(numbers <= (truncation or most), factors, 0.0)
    if not factors.any():
        raise ConfigError(
            [Fault("wavenumber_weights", f"all wavenumbers from 0 to {truncation or most} have the factor 0")],
            fix="give some of these wavenumbers a factor greater than 0",
        )
    return factors
