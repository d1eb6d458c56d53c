"""Curves in the score file: numbers along axes of their own, such as the power at each wavenumber."""

__all__ = ["write_curves"]

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import xarray as xr
from wxml import Curve
from wxml.forecasting.layout import LEAD_TIME

from wxml_verification.arrays import Array
from wxml_verification.evaluation import Evaluation


def write_curves(evaluation: Evaluation, path: Path) -> None:
    """Add a group `curves/NAME` to the score file for each kind of curve of the forecast.

    Args:
        evaluation: the curves.
        path: the score file, which is there.

    Raises:
        OSError: the disk refuses.
    """
    for name, by_subject in evaluation.scored.curves.items():
        _dataset(evaluation, by_subject).to_netcdf(path, mode="a", group=f"curves/{name}", engine="netcdf4")


def _dataset(evaluation: Evaluation, by_subject: Mapping[str, Curve]) -> xr.Dataset:
    """The curves of each subject, the shorter ones filled with NaN."""
    longest = max(len(curve.positions) for curve in by_subject.values())
    curves = list(by_subject.values())
    positions = np.stack([_filled(curve.positions, longest) for curve in curves])
    values = np.stack([_filled(curve.values, longest) for curve in curves])
    return xr.Dataset(
        {
            "values": (("subject", "position", LEAD_TIME, "region"), values),
            "positions": (("subject", "position"), positions, {"long_name": curves[0].axis}),
        },
        coords={
            "subject": list(by_subject),
            LEAD_TIME: evaluation.scores.lead_times.astype("timedelta64[ns]"),
            "region": list(evaluation.regions),
        },
    )


def _filled(values: Array, length: int) -> Array:
    """The values, then NaN, along the first axis."""
    more = np.full((length - len(values), *values.shape[1:]), np.nan)
    return np.concatenate([values, more])
