"""What the script of the page draws from: scores, curves and fields, packed once."""

__all__ = ["packed_fields", "packed_scores"]

import json
import zlib
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from wxml.data.times import format_duration
from wxml.terminal import printable

from wxml_verification.arrays import Array
from wxml_verification.coast import coastlines
from wxml_verification.comparison import Comparison
from wxml_verification.evaluation import Evaluation
from wxml_verification.figures import lead_time_axis
from wxml_verification.maps import Palette, error_palette, field_palette
from wxml_verification.scoring import Scored
from wxml_verification.shown_cases import CaseFields
from wxml_verification.words import instant, number_title, pretty_units

MOST_SCORES = 1_500_000  # numbers: above it, groups have their scores everywhere alone; one takes some 3 bytes
MOST_POINTS = 300_000  # of curves: above it, of a few lead times and everywhere alone
FEW_LEADS = 5
MISSING = 255
Json = dict[str, Any]


def packed_scores(evaluation: Evaluation) -> str:
    """Everything but the fields: JSON, deflated (RFC 1950), as base64."""
    scores, found = evaluation.scores, evaluation.scored
    leads, unit = lead_time_axis(scores.lead_times)
    groups = {"all cases": found, **evaluation.grouped}
    is_whole = found.values.size * len(groups) <= MOST_SCORES
    own = [one if number == 0 or is_whole else _everywhere(one) for number, one in enumerate(groups.values())]
    told: Json = {
        "leads": [_short(lead) for lead in leads],
        "leadNames": [format_duration(lead) for lead in scores.lead_times],
        "leadUnit": unit,
        "leadHours": 1 if unit == "h" else 24,
        "shownLead": max(int(np.sum(scores.lead_times <= np.timedelta64(24, "h"))) - 1, 0),
        "forecasts": [printable(name) for name in scores.forecasts],
        "against": next(
            (row for row in range(1, len(scores.forecasts)) if np.isfinite(found.values[0, :, row]).any()), 1
        ),
        "subjects": [printable(name) for name in scores.variables],
        "variables": len(evaluation.variables),
        "units": [pretty_units(printable(one)) for one in scores.units],
        "numbers": _numbers(found),
        "regions": [printable(name) if number else "all nodes" for number, name in enumerate(evaluation.regions)],
        "groups": [printable(name) for name in groups],
        "values": [_nested(one.values) for one in own],
        "cases": [one.counts[:, one.names.index("rmse"), 0].max(axis=1, initial=0).tolist() for one in own],
        **_sure(evaluation, is_whole=is_whole),
        "curves": _curves(evaluation),
        "coast": coastlines() if evaluation.coastlines else [],
        "stations": _stations(evaluation),
        "viewer": None if evaluation.cases is None else _viewer(evaluation, evaluation.cases),
    }
    return _packed(json.dumps(told, separators=(",", ":"), allow_nan=False).encode())


def packed_fields(cases: CaseFields | None) -> str:
    """The fields of the cases as bytes, deflated, as base64: see `_plane`."""
    if cases is None:
        return _packed(b"")
    planes = (
        _plane(values, palette)
        for at in np.ndindex(cases.forecast.shape[:3])
        for values, palette in _pictures(cases, at)
    )
    return _packed(b"".join(planes))


def _packed(data: bytes) -> str:
    return b64encode(zlib.compress(data, 9)).decode("ascii")


def _everywhere(one: Scored) -> Scored:
    """The same without any number in the other regions."""
    return replace(one, values=one.values[:1], counts=one.counts[:1])


def _numbers(found: Scored) -> list[Json]:
    """What each number is called, its direction, and whether 1 is the largest that there is."""
    return [
        {
            "name": printable(name),
            "title": number_title(printable(name)),
            "better": better,
            "units": has_units,
            "bounded": bool(np.nanmax(np.where(np.isfinite(values), values, -np.inf), initial=-np.inf) <= 1),
        }
        for name, better, has_units, values in zip(
            found.names, found.better, found.has_units, np.moveaxis(found.values, 1, 0), strict=True
        )
    ]


def _nested(values: Array) -> Any:
    """Lists of lists; None for a number, and for a curve without any."""
    if not np.isfinite(values).any():
        return None
    if values.ndim == 1:
        return [_short(value) for value in values]
    return [_nested(one) for one in values]


def _short(value: float) -> float | None:
    """Four digits; whole numbers without a point."""
    if not np.isfinite(value):
        return None
    rounded = float(f"{value:.4g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 1e15 else rounded


def _sure(evaluation: Evaluation, *, is_whole: bool) -> Json:
    """Intervals of the scores of all cases everywhere, and p of the differences from the baselines of each group."""
    sure, names = evaluation.sureness, evaluation.scored.names
    order = [sure.comparison.metrics.index(name) for name in names]
    each = [sure.comparison, *(sure.comparison.groups[name] for name in evaluation.grouped)]
    p = [_probabilities(one, order)[: None if is_whole or number == 0 else 1] for number, one in enumerate(each)]
    least = 1 - sure.comparison.confidence + 1e-12
    method = f"Filled where the difference is significant (5 %, {sure.comparison.significance}, false discoveries by "
    return {
        "low": [[_nested(sure.ci_low[order])]],
        "high": [[_nested(sure.ci_high[order])]],
        "p": [_nested(one) for one in p],
        "significant": [_nested(np.where(np.isfinite(one), one <= least, np.nan)) for one in p],
        "sure": f"{method}Benjamini and Hochberg).",
    }


def _probabilities(comparison: Comparison, order: list[int]) -> Array:
    """Shape `[region, number, forecast, subject, lead_time]`; NaN of the forecast beside itself."""
    p = np.moveaxis(comparison.p_adjusted[order], -1, 0)
    own = np.full((*p.shape[:2], 1, *p.shape[3:]), np.nan)
    return np.concatenate([own, p], axis=2)


def _curves(evaluation: Evaluation) -> list[Json]:
    """The curves of each metric and subject, with those that belong together in one entry."""
    found = evaluation.scored
    points = sum(curve.values.size for subjects in found.curves.values() for curve in subjects.values())
    leads = np.arange(len(evaluation.scores.lead_times))
    if points > MOST_POINTS:
        leads = np.unique(np.linspace(0, len(leads) - 1, FEW_LEADS).astype(np.intp))
    entries: dict[tuple[str, str], Json] = {}
    for key, subjects in found.curves.items():
        metric = max((name for name in found.names if key.startswith(f"{name}-")), key=len)
        for subject, curve in subjects.items():
            title, units = number_title(printable(metric)), dict(zip(found.subjects, found.units, strict=True))[subject]
            about = {"metric": printable(metric), "title": title, "subject": printable(subject), "parts": {}}
            entry = entries.setdefault((metric, subject), about | {"units": pretty_units(printable(units))})
            values = curve.values[:, leads, :1] if points > MOST_POINTS else curve.values
            entry["parts"][printable(key.removeprefix(f"{metric}-"))] = {
                "axis": printable(curve.axis),
                "positions": [_short(one) for one in curve.positions],
                "leads": leads.tolist(),
                "values": _nested(values.transpose(2, 1, 0)) or [],
            }
    return list(entries.values())


def _stations(evaluation: Evaluation) -> Json | None:
    """The scores at each station, by variable and lead time of the maps; None of a truth that is on a grid."""
    if evaluation.places is None:
        return None
    bias, rmse = evaluation.maps
    return {
        "names": [printable(name) for name in evaluation.places.names],
        "east": [_short(one) for one in (evaluation.grid.longitudes + 180) % 360 - 180],
        "north": [_short(one) for one in evaluation.grid.latitudes],
        "variables": [evaluation.variables.index(name) for name in evaluation.map_variables],
        "leads": evaluation.map_lead_times.tolist(),
        "rmse": _nested(rmse) or [],
        "bias": _nested(bias) or [],
        "cases": evaluation.map_cases.tolist(),
    }


def _viewer(evaluation: Evaluation, cases: CaseFields) -> Json:
    raster, scores = cases.raster, evaluation.scores
    rows, columns = raster.nodes.shape
    count = iter(range(3 * cases.rmse.size))
    return {
        "raster": {"width": columns, "height": rows, **_bounds(cases)},
        "variables": [evaluation.variables.index(name) for name in cases.variables],
        "leads": cases.lead_times.tolist(),
        "times": [f"{instant(time)} ({rank})" for time, rank in zip(cases.times, cases.ranks, strict=True)],
        "cases": [
            [
                [
                    {
                        "rmse": _short(cases.rmse[case, lead, variable]),
                        "valid": instant(time + scores.lead_times[cases.lead_times[lead]]),
                        "planes": [
                            _about(palette, next(count) * rows * columns)
                            for _, palette in _pictures(cases, (case, lead, variable))
                        ],
                    }
                    for variable in range(len(cases.variables))
                ]
                for lead in range(len(cases.lead_times))
            ]
            for case, time in enumerate(cases.times)
        ],
    }


def _bounds(cases: CaseFields) -> Mapping[str, float]:
    raster = cases.raster
    ends = {"west": raster.west, "east": raster.east, "south": raster.south, "north": raster.north}
    return {name: round(float(degrees), 4) for name, degrees in ends.items()}


def _pictures(cases: CaseFields, at: tuple[int, ...]) -> list[tuple[NDArray[np.float32], Palette]]:
    """Truth, forecast and their difference, each with its palette."""
    truth, forecast = cases.truth[at], cases.forecast[at]
    palette, error = field_palette(np.stack([truth, forecast]), cases.variables[at[2]]), forecast - truth
    return [(truth, palette), (forecast, palette), (error, error_palette(error))]


def _about(palette: Palette, start: int) -> Json:
    kind = "diverging" if palette.name == "RdBu_r" else "rising"
    return {"start": start, "palette": kind, "lower": float(palette.lower), "upper": float(palette.upper)}


def _plane(values: NDArray[np.float32], palette: Palette) -> bytes:
    """A byte for a pixel, less that before it: 0 to 254 from the lower to the upper end, 255 where one is missing."""
    share = (values - palette.lower) / (palette.upper - palette.lower)
    level = np.where(
        np.isfinite(share), np.clip(np.rint(np.nan_to_num(share) * (MISSING - 1)), 0, MISSING - 1), MISSING
    )
    steps = level.astype(np.uint8)
    steps[:, 1:] -= steps[:, :-1].copy()
    return steps.tobytes()
