"""Spectra of forecast and truth: how much power each scale has, and how much of it is at the right places."""

__all__ = ["Spectra"]

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import Better, Curve, Further, Subject, VerificationMetric, VerificationSpace, VerifiedFields
from wxml.data.grid_rows import rows_of
from wxml.errors import ConfigError, Fault
from wxml.verification.metric import mean_statistics, quotient

from wxml_verification.arrays import Array
from wxml_verification.spectra.waves import Waves, waves_of

BYTES = 64 * 2**20  # of the fields that are transformed together
DECIBEL = 10.0
SHARP = 0.5  # the ratio of power below which a scale counts as not resolved

Floats = NDArray[np.floating[Any]]

Transform = Annotated[
    Literal["auto", "sht", "dct", "zonal"],
    Field(
        description="sht: spherical harmonics, of grids with rows around the globe; dct: cosine series, of grids with "
        "rows and columns; zonal: waves along the rows of each region, such as a band of latitudes; auto: sht if the "
        "grid has such rows, else dct"
    ),
]


class Spectra(VerificationMetric):
    """Log-spectral distance 10 √ mean (log₁₀ P_f / P_o)² in dB over the wavenumbers from 1 on; P is mean power.

    `spectra-effective` is the effective resolution: the first wavenumber at which P_f / P_o < ½, or the greatest one.
    Curves by wavenumber are the power of the `forecast` and of the `truth`, their `ratio`, and the `coherence`
    Re Σ c_f c̄_o / √(Σ |c_f|² Σ |c_o|²). The power of an ensemble is the mean over its members, each of which has its
    own waves. Wavenumbers are total ones (`sht`), half waves along the longer side (`dct`; Denis et al. 2002,
    doi:10.1175/1520-0493(2002)130<1812:SDOTDA>2.0.CO;2) or waves around the globe (`zonal`). A case counts where no
    value is missing: `sht` has numbers of the whole globe alone, `dct` of regions that are rectangles of rows and
    columns, `zonal` of those with whole rows.
    """

    has_units = False
    better: ClassVar[Better] = "smaller"
    needs_whole_fields: ClassVar[bool] = True
    further: ClassVar[Mapping[str, Further]] = {"effective": Further("neither", has_units=False)}

    def __init__(
        self,
        space: VerificationSpace,
        *,
        transform: Transform = "auto",
        truncation: Annotated[
            int | None, Field(gt=0, description="the greatest wavenumber of sht; null: the greatest that is exact")
        ] = None,
        margin: Annotated[
            int, Field(ge=0, description="rows and columns at each edge that dct leaves out, such as the boundary")
        ] = 0,
    ) -> None:
        super().__init__(space)
        chosen = transform
        if transform == "auto":
            chosen = "dct" if rows_of(space.grid) is None else "sht"
        self._waves = [waves_of(space.grid, areas, chosen, truncation, margin) for areas in space.regions.values()]
        if not any(self._waves):
            place = ("verification", "metrics", "transform")
            raise ConfigError(
                [Fault(place, f"the grid of {len(space.grid)} nodes has no {NEEDED[chosen]} in any region")],
                fix="choose another `transform`, or leave `spectra` out",
            )
        self._areas = [float(areas.sum()) for areas in space.regions.values()]
        self._most = max(waves.wavenumbers for waves in self._waves if waves is not None)

    def statistics(self, subject: Subject, fields: VerifiedFields) -> Array:
        """The weight, then the power of forecast and truth and their common power, each times the weight."""
        found = np.zeros((1 + 3 * self._most, len(fields.lead_times), len(self._waves)))
        for region, (waves, area) in enumerate(zip(self._waves, self._areas, strict=True)):
            if waves is None:
                continue
            for lead in range(len(fields.lead_times)):
                powers = _powers(waves, fields.forecasts[subject.name][:, lead], fields.truths[subject.name][lead])
                if powers is not None:
                    padded = np.zeros((3, self._most))
                    padded[:, : powers.shape[1]] = powers
                    found[:, lead, region] = area * np.concatenate([[1.0], padded.ravel()])
        return found

    def value(self, sums: Array) -> Array:
        """The distance; NaN where nothing counts, or a scale has no power."""
        forecast, truth, _ = self._parts(sums)
        known = (forecast[1:] > 0) & (truth[1:] > 0)
        logs = np.log10(np.where(known, quotient(forecast[1:], truth[1:]), 1.0))
        mean = quotient(np.square(logs).sum(axis=0), known.sum(axis=0))
        return np.asarray(DECIBEL * np.sqrt(mean))

    def further_values(self, sums: Array) -> Mapping[str, Array]:
        """The effective resolution."""
        forecast, truth, _ = self._parts(sums)
        ratio = quotient(forecast, truth)
        known = np.isfinite(ratio[1:])
        is_smooth = ratio[1:] < SHARP
        last = len(ratio) - 1 - np.argmax(known[::-1], axis=0)
        first = np.where(is_smooth.any(axis=0), 1 + np.argmax(is_smooth, axis=0), last)
        return {"effective": np.where(known.any(axis=0), first, np.nan)}

    def curves(self, sums: Array) -> Mapping[str, Curve]:
        """Power, ratio and coherence at each wavenumber."""
        forecast, truth, common = self._parts(sums)
        numbers = np.arange(len(forecast), dtype=np.float64)
        found = {
            "forecast": forecast,
            "truth": truth,
            "ratio": quotient(forecast, truth),
            "coherence": quotient(common, np.sqrt(forecast * truth)),
        }
        return {name: Curve("wavenumber", numbers, values) for name, values in found.items()}

    def _parts(self, sums: Array) -> tuple[Array, Array, Array]:
        """The mean power of forecast and truth, and their common power."""
        first, second, third = np.split(mean_statistics(sums), 3)
        return first, second, third


NEEDED = {
    "sht": "rows around the globe, from pole to pole,",
    "dct": "rectangle of rows and columns",
    "zonal": "whole rows around the globe",
}


def _powers(waves: Waves, members: Floats, truth: Floats) -> Array | None:
    """The mean over members of the power, the power of the truth, and the common power, shape `[3, wavenumber]`.

    Args:
        waves: of a region.
        members: shape `[member, node]`.
        truth: shape `[node]`.

    Returns:
        None where a value is missing.
    """
    inner = members[:, waves.nodes]
    if not (np.isfinite(truth[waves.nodes]).all() and np.isfinite(inner).all()):
        return None
    size = max(1, BYTES // (32 * members.shape[1]))
    total = np.zeros((3, waves.wavenumbers))
    for start in range(0, len(members), size):
        part = np.asarray(members[start : start + size], np.float64)
        total += waves.products(np.stack([part, np.broadcast_to(truth, part.shape)])).sum(axis=-1)
    return np.asarray(total / len(members))
