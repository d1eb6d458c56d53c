"""The score file: NetCDF, for those who want the numbers."""

__all__ = ["write_scores"]

import errno
import os
import shutil
from pathlib import Path

import numpy as np
import xarray as xr
from wxml.data.grid import Grid

from wxml_verification.evaluation import Evaluation

SCORE_AXES = ("metric", "forecast", "variable", "prediction_timedelta")


def write_scores(evaluation: Evaluation, path: Path, provenance: str) -> None:
    """Write the scores, how many cases are behind each, and the maps of bias and RMSE.

    Args:
        evaluation: what was found.
        path: the new file.
        provenance: JSON text, stored as the attribute `wxml_provenance`.
    """
    dataset = _dataset(evaluation)
    dataset.attrs["wxml_provenance"] = provenance
    packed = {"zlib": True, "complevel": 1}
    try:
        dataset.to_netcdf(path, engine="netcdf4", encoding={"maps": packed})
    except RuntimeError as error:  # the NetCDF library's word for whatever the disk refuses
        full = shutil.disk_usage(path.parent).free < dataset.nbytes + 2**20
        number = errno.ENOSPC if full else errno.EIO
        raise OSError(number, os.strerror(number), str(path)) from error


def _dataset(evaluation: Evaluation) -> xr.Dataset:
    scores, (axes, places) = evaluation.scores, _horizontal(evaluation.grid)
    maps = evaluation.maps.reshape(*evaluation.maps.shape[:-1], *evaluation.grid.shape)
    return xr.Dataset(
        {
            "scores": (SCORE_AXES, scores.values, _about(evaluation)),
            "cases": (SCORE_AXES[1:], evaluation.counts, {"long_name": "cases behind rmse, bias and mae"}),
            "maps": (
                ("map", *SCORE_AXES[2:], *axes),
                maps,
                {"long_name": "bias and RMSE of the forecast at each node, in the units of the variable"},
            ),
            "units": ("variable", np.array(scores.units, dtype=object)),
        },
        coords={
            "metric": list(scores.metrics),
            "forecast": list(scores.forecasts),
            "variable": list(scores.variables),
            "prediction_timedelta": scores.lead_times.astype("timedelta64[ns]"),
            "map": ["bias", "rmse"],
            **places,
        },
        attrs={"title": "Scores of a forecast and its baselines", "Conventions": "CF-1.8", "cases": scores.cases},
    )


def _about(evaluation: Evaluation) -> dict[str, str]:
    units = zip(evaluation.scores.variables, evaluation.scores.units, strict=True)
    return {
        "long_name": "area-weighted scores",
        "units": "; ".join(f"{name}: {unit or 'unknown'}" for name, unit in units) + "; acc: 1",
    }


def _horizontal(grid: Grid) -> tuple[tuple[str, ...], dict[str, tuple[tuple[str, ...], np.ndarray, dict[str, str]]]]:
    """The names of the grid's axes, and the coordinates on them."""
    north, east = {"units": "degrees_north"}, {"units": "degrees_east"}
    latitudes, longitudes = grid.latitudes.reshape(grid.shape), grid.longitudes.reshape(grid.shape)
    if grid.is_regular:
        axes: tuple[str, ...] = ("latitude", "longitude")
        return axes, {axes[0]: (axes[:1], latitudes[:, 0], north), axes[1]: (axes[1:], longitudes[0], east)}
    axes = ("y", "x") if len(grid.shape) == 2 else ("cell",)
    return axes, {"latitude": (axes, latitudes, north), "longitude": (axes, longitudes, east)}
