"""The baseline that a regional model must beat: ridge regression at each grid point of the NCEP air temperature.

    python integration-tests/ridge_baseline.py PATH/air_temperature.zarr

At every grid point, the change over the next 6 h is a linear function of the last two states in the 3 × 3 points around
it, and of the hour of day and the season (each hour with an annual cycle of its own):

    β = argmin Σ_t (y_t − x_t · β)² + λ · n · |β|²

with features x and target y standardised over the n times of 2013. One λ for all points is chosen on 2014-01 … 06, and
scored on the initial times 2014-07-01T00 … 2014-12-28T18.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

Array = NDArray[np.float64]

HOUR = np.timedelta64(1, "h")
STEP = 6 * HOUR
FITTED = ("2013-01-01T06", "2013-12-31T12")
CHOSEN_ON = ("2014-01-01T00", "2014-06-30T12")
SCORED_ON = ("2014-07-01T00", "2014-12-28T18")
STRENGTHS = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)


@dataclass(frozen=True, slots=True, eq=False)
class Temperatures:
    """Air temperature in K, shape `[time, latitude, longitude]`, six-hourly without a gap."""

    values: Array
    times: NDArray[np.datetime64]
    latitudes: Array

    @classmethod
    def read(cls, path: str) -> "Temperatures":
        """From the zarr store."""
        with xr.open_zarr(path) as dataset:
            air = dataset["air"].transpose("time", "lat", "lon").load()
        times = air["time"].values.astype("datetime64[s]")
        if not np.all(np.diff(times) == STEP):
            raise ValueError(f"`time` of {path} must be six-hourly without a gap")
        return cls(air.values.astype(np.float64), times, air["lat"].values.astype(np.float64))

    def between(self, period: tuple[str, str]) -> NDArray[np.intp]:
        """Positions of the initial times of a period, both ends included."""
        first, last = np.array(period, "datetime64[s]")
        return np.flatnonzero((self.times >= first) & (self.times <= last))

    def rmse(self, forecasts: Array, verifying: NDArray[np.intp]) -> float:
        """√ mean_t Σ_i w_i (f_ti − o_ti)², w_i = cos φ_i / Σ cos φ; forecasts `[time, latitude, longitude]`."""
        weights = np.cos(np.radians(self.latitudes))[:, None] * np.ones(self.values.shape[2])
        errors = np.sum(weights / weights.sum() * (forecasts - self.values[verifying]) ** 2, axis=(1, 2))
        return float(np.sqrt(errors.mean()))

    def persistence(self, lead_time: np.timedelta64, period: tuple[str, str] = SCORED_ON) -> float:
        """The RMSE of a forecast that nothing changes."""
        initial = self.between(period)
        return self.rmse(self.values[initial], initial + int(lead_time / STEP))


def predictors(data: Temperatures, row: int, initial: NDArray[np.intp]) -> Array:
    """The features of all points of one latitude, shape `[longitude, time, feature]`; beyond the edge is the edge."""
    padded = np.pad(data.values, ((0, 0), (1, 1), (1, 1)), mode="edge")
    columns = data.values.shape[2]
    around = [
        padded[initial - lag, row + north, east : east + columns]
        for lag in (0, 1)
        for north in range(3)
        for east in range(3)
    ]
    calendar = [np.broadcast_to(term[:, None], around[0].shape) for term in hour_and_season(data.times[initial])]
    return np.stack([*around, *calendar], axis=-1).swapaxes(0, 1)


def hour_and_season(times: NDArray[np.datetime64]) -> list[Array]:
    """For each hour of the day 1, cos and sin of the angle of the year; 0 at the other hours."""
    hour = (times - times.astype("datetime64[D]")) // HOUR
    angle = 2 * np.pi * (times - times.astype("datetime64[Y]")) / (365.25 * 24 * HOUR)
    cycle = (np.ones(len(times)), np.cos(angle), np.sin(angle))
    return [(hour == h) * term for h in (0, 6, 12, 18) for term in cycle]


def standardised(values: Array, like: Array) -> Array:
    """Values less the mean and over the deviation that `like` has along its time axis, which is the second."""
    deviation = like.std(axis=1, keepdims=True)
    return np.asarray((values - like.mean(axis=1, keepdims=True)) / np.where(deviation > 0, deviation, 1.0))


def forecasts_of_row(data: Temperatures, row: int, initial: NDArray[np.intp]) -> Array:
    """Forecasts six hours ahead for one latitude and every strength, shape `[strength, time, longitude]`."""
    fitted = data.between(FITTED)
    known = predictors(data, row, fitted)
    x, new = standardised(known, known), standardised(predictors(data, row, initial), known)
    change = (data.values[fitted + 1, row] - data.values[fitted, row]).T
    y = change - change.mean(axis=1, keepdims=True)
    gram, moment = x.swapaxes(1, 2) @ x / len(fitted), x.swapaxes(1, 2) @ y[..., None] / len(fitted)
    found = [_solve(gram, moment, strength) for strength in STRENGTHS]
    predicted = [(new @ beta)[..., 0] + change.mean(axis=1, keepdims=True) for beta in found]
    return np.asarray(np.stack(predicted).swapaxes(1, 2) + data.values[initial, row])


def _solve(gram: Array, moment: Array, strength: float) -> Array:
    return np.asarray(np.linalg.solve(gram + strength * np.eye(gram.shape[-1]), moment), np.float64)


def ridge(data: Temperatures, period: tuple[str, str]) -> list[float]:
    """The RMSE six hours ahead for every strength."""
    initial = data.between(period)
    rows = [forecasts_of_row(data, row, initial) for row in range(len(data.latitudes))]
    return [data.rmse(forecasts, initial + 1) for forecasts in np.stack(rows, axis=2)]


def report(path: str) -> Iterator[str]:
    """One line for each number."""
    data = Temperatures.read(path)
    yield f"initial times           {len(data.between(SCORED_ON))}"
    for hours in (6, 24):
        yield f"persistence {hours:2d} h        {data.persistence(hours * HOUR):.3f} K"
    tried = ridge(data, CHOSEN_ON)
    best = int(np.argmin(tried))
    yield f"ridge strength          {STRENGTHS[best]:g}  ({tried[best]:.3f} K on 2014-01 … 06)"
    yield f"ridge regression 6 h    {ridge(data, SCORED_ON)[best]:.3f} K"


if __name__ == "__main__":
    for line in report(sys.argv[1]):
        print(line, flush=True)
