"""A comparison as NetCDF and as a table in CSV, for programs and spreadsheets."""

__all__ = ["write_comparison", "write_comparison_table"]

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from wxml.data.times import format_duration
from wxml.files.failures import disk_errors
from wxml.forecasting.layout import LEAD_TIME, PROVENANCE, provenance_text

from wxml_verification.comparison import Comparison

AXES = ("metric", "baseline", "variable", LEAD_TIME, "region")
ABOUT = {
    "own": "score of the forecast over the common cases",
    "other": "score of the baseline over the same cases",
    "difference": "own less other; of a bias that of the sizes, of a ratio that of the distances to 1",
    "ci_low": "lower end of the confidence interval of the difference",
    "ci_high": "upper end of the confidence interval of the difference",
    "p": "probability of a difference at least as large if there were none",
    "p_adjusted": "p after Benjamini and Hochberg over all scores against the same baseline",
    "verdict": "1 where the forecast is better and the difference significant, -1 where it is worse, else 0",
    "count": "common cases",
}
COLUMNS = ("group", "region", "metric", "forecast", "baseline", "variable", "units", "lead_time", *ABOUT)


def write_comparison(comparison: Comparison, path: Path, provenance: Mapping[str, Any]) -> None:
    """Write every number of a comparison.

    Args:
        comparison: the numbers.
        path: the new file.
        provenance: JSON values, stored as JSON text in the attribute `wxml_provenance`.

    Raises:
        OSError: the disk refuses.
    """
    dataset = xr.Dataset(
        {name: (AXES, getattr(comparison, name), {"long_name": text}) for name, text in ABOUT.items()}
        | _of_groups(comparison)
        | {
            "units": ("variable", np.array(comparison.units, dtype=object)),
            "better": ("metric", np.array(comparison.better, dtype=object)),
        },
        coords={
            "metric": list(comparison.metrics),
            "baseline": list(comparison.baselines),
            "variable": list(comparison.subjects),
            LEAD_TIME: comparison.lead_times.astype("timedelta64[ns]"),
            "region": list(comparison.regions),
            **({"group": list(comparison.groups)} if comparison.groups else {}),
        },
        attrs={
            "title": "Differences of scores, and how sure they are",
            "Conventions": "CF-1.8",
            "forecast": comparison.forecast,
            "significance": comparison.significance,
            "confidence": comparison.confidence,
            "comment": " ".join(comparison.notes),
            PROVENANCE: provenance_text(dict(provenance)),
        },
    )
    with disk_errors(path, dataset.nbytes):
        dataset.to_netcdf(path, engine="netcdf4")


def _of_groups(comparison: Comparison) -> dict[str, Any]:
    """The same of each group of cases; nothing without groups."""
    if not comparison.groups:
        return {}
    return {
        f"group_{name}": (
            ("group", *AXES),
            np.stack([getattr(one, name) for one in comparison.groups.values()]),
            {"long_name": f"{text}; of the cases of each group"},
        )
        for name, text in ABOUT.items()
    }


def write_comparison_table(comparison: Comparison, path: Path) -> None:
    """Write one row for each difference that there is.

    Raises:
        OSError: the disk refuses.
    """
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(rows(comparison))


def rows(comparison: Comparison) -> Iterator[tuple[object, ...]]:
    """One row for each difference that there is, with the `COLUMNS`; None for an interval that there is not.

    Those of all cases come first, with the group `all`.
    """
    yield from _rows("all", comparison)
    for name, own in comparison.groups.items():
        yield from _rows(name, own)


def _rows(group: str, comparison: Comparison) -> Iterator[tuple[object, ...]]:
    leads = [format_duration(one) for one in comparison.lead_times]
    arrays = [getattr(comparison, name) for name in ABOUT]
    for at in map(tuple, np.argwhere(np.isfinite(comparison.difference)).tolist()):
        metric, baseline, subject, lead, region = at
        units = comparison.units[subject] if comparison.has_units[metric] else "1"
        yield (
            group,
            comparison.regions[region],
            comparison.metrics[metric],
            comparison.forecast,
            comparison.baselines[baseline],
            comparison.subjects[subject],
            units,
            leads[lead],
            *(None if np.isnan(values[at]) else values[at].item() for values in arrays),
        )
