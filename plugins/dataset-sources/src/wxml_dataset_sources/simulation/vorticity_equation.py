"""The flow: the barotropic vorticity equation over mountains, kept alive by jets and by growing synoptic waves.

∂ζ/∂t = −∇·((ζ + f + f h/H) V) + k·∇×(−c |V| V) + g(φ) ζ' + (ζ* − [ζ]) / τ − ν ∇⁸ ζ

with the relative vorticity ζ, the Coriolis parameter f, the wind V = k × ∇∇⁻²ζ, the height h of the ground under a
layer of depth H, a quadratic drag c, the vorticity ζ* of the jets that the zonal mean [ζ] is drawn to, and ζ', the part
of ζ at synoptic scales. One layer has no baroclinic instability, so the term g ζ' stands in for it: cyclones and
anticyclones of the storm tracks grow at the rate g until the drag and the shear limit them. Nothing is random.
"""

__all__ = ["FlowConstants", "VorticityEquation", "balanced_geopotential"]

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wxml_dataset_sources.simulation.spherical_harmonics import SphericalHarmonics
from wxml_dataset_sources.simulation.sun import DAY, season

Real = NDArray[np.float64]
Complex = NDArray[np.complex128]

ROTATION_RATE = 7.292e-5  # s⁻¹


@dataclass(frozen=True, slots=True)
class FlowConstants:
    """The constants of the equation."""

    relaxation_days: float = 5.0
    """τ, the time scale in which the zonal mean relaxes to the jets."""
    diffusion_hours: float = 8.0
    """The time scale in which ∇⁸ damps the highest degree."""
    quadratic_drag: float = 4.2e-7
    """c (m⁻¹)."""
    growth_per_day: float = 2.0
    """g at the centre of the storm tracks, in the middle between summer and winter."""
    jet_speed: float = 70.0
    """The speed (m/s) at the core of the jets of ζ*."""
    layer_depth: float = 10e3
    """H (m)."""


JET_LATITUDE, JET_WIDTH = 42.0, 13.0  # degrees
TRACK_LATITUDE, TRACK_WIDTH = 46.0, 22.0  # degrees
TRADE_SHARE = -0.15  # the wind at the equator over that at the core of the jets, in ζ*
SYNOPTIC_DEGREES = (7.0, 16.0)
SEASONALITY = 0.25  # how much more than on average there is of jets and growth at the winter solstice


class VorticityEquation:
    """The tendency of the vorticity's coefficients; `decay` holds its linear part."""

    def __init__(self, harmonics: SphericalHarmonics, orography: Real, constants: FlowConstants) -> None:
        self._harmonics, self._constants = harmonics, constants
        coriolis = 2 * ROTATION_RATE * harmonics.sin_latitude[:, None]
        self._background = coriolis * (1 + orography / constants.layer_depth)
        north, south = _bumps(harmonics.latitudes, TRACK_LATITUDE, TRACK_WIDTH)
        growth = constants.growth_per_day / DAY
        self._growth, self._growth_contrast = growth * (north + south)[:, None], growth * (north - south)[:, None]
        # One at synoptic degrees, falling smoothly to zero beside them; truncations below 21 shrink the band.
        low, high = min(1.0, harmonics.truncation / 21) * np.array(SYNOPTIC_DEGREES)
        self._synoptic = np.exp(-(((harmonics.degrees - (low + high) / 2) / ((high - low) / 2)) ** 4))
        self.jets, self._jet_contrast = jets(harmonics, constants.jet_speed)
        self._relaxation = 1.0 / (constants.relaxation_days * DAY)
        zonal = self._relaxation * (harmonics.orders == 0)
        self.decay: Real = zonal + diffusion_rate(harmonics, constants.diffusion_hours)
        """The rate (s⁻¹) at which relaxation and diffusion damp each coefficient, shape `[order, degree]`."""

    def tendency(self, vorticity: Complex, wind: tuple[Real, Real], time: float) -> Complex:
        """∂ζ/∂t without the decay, coefficients (s⁻²).

        Args:
            vorticity: ζ, coefficients.
            wind: (u, v) on the grid, m/s.
            time: seconds since 1970-01-01 UTC.
        """
        eastward, northward = wind
        winter = -SEASONALITY * season(time)  # on the northern hemisphere
        relative, synoptic = self._harmonics.to_grid(np.stack([vorticity, self._synoptic * vorticity]))
        absolute = relative + self._background
        drag = self._constants.quadratic_drag * np.hypot(eastward, northward)
        advected = self._harmonics.source_minus_divergence(
            (self._growth + winter * self._growth_contrast) * synoptic,
            absolute * eastward + drag * northward,
            absolute * northward - drag * eastward,
        )
        return advected + self._relaxation * (self.jets + winter * self._jet_contrast)


def diffusion_rate(harmonics: SphericalHarmonics, hours: float) -> Real:
    """The rate (s⁻¹), shape `[degree]`, at which ∇⁸ damps each degree if the highest one decays in `hours`."""
    return np.asarray((harmonics.laplacian / harmonics.laplacian[-1]) ** 4 / (hours * 3600.0))


def jets(harmonics: SphericalHarmonics, speed: float) -> tuple[Complex, Complex]:
    """The vorticity of both jets and the weak easterlies, and that of the northern minus the southern jet."""
    latitudes = harmonics.latitudes
    north, south = speed * _bumps(latitudes, JET_LATITUDE, JET_WIDTH)
    trades = speed * TRADE_SHARE * np.exp(-((latitudes / 15.0) ** 2))
    return _zonal_vorticity(harmonics, north + south + trades), _zonal_vorticity(harmonics, north - south)


def balanced_geopotential(harmonics: SphericalHarmonics, vorticity: Complex, wind: tuple[Real, Real]) -> Real:
    """The geopotential Φ (m² s⁻², zero mean) under which the flow stays free of divergence, on the grid.

    The divergence of the momentum equation ∂V/∂t = −(ζ + f) k × V − ∇(Φ + V²/2) gives ∇²(Φ + V²/2) = −∇·((ζ + f) k × V)
    (nonlinear balance, Charney 1955).
    """
    eastward, northward = wind
    coriolis = 2 * ROTATION_RATE * harmonics.sin_latitude[:, None]
    absolute = harmonics.to_grid(vorticity) + coriolis
    source = harmonics.source_minus_divergence(0 * absolute, -absolute * northward, absolute * eastward)
    geopotential = harmonics.to_grid(harmonics.inverse_laplacian * source) - 0.5 * (eastward**2 + northward**2)
    return geopotential - harmonics.mean(geopotential)


def _zonal_vorticity(harmonics: SphericalHarmonics, speed: Real) -> Complex:
    """The vorticity k·∇×(u, 0) of a westerly wind `[latitude]`, weakened towards the poles, where it must vanish."""
    tapered = speed * (1 - harmonics.sin_latitude**2) ** 0.25
    eastward = np.repeat(tapered[:, None], harmonics.num_longitudes, axis=1)
    return harmonics.source_minus_divergence(0 * eastward, 0 * eastward, eastward)


def _bumps(latitudes: Real, centre: float, width: float) -> Real:
    """A bell curve around `centre` and one around −`centre`, shape `[2, latitude]`."""
    return np.asarray(np.exp(-(((latitudes - np.array([[centre], [-centre]])) / width) ** 2)))
