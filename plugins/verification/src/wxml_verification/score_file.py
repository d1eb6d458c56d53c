"""The score file: every score, and the maps of bias and RMSE, as NetCDF."""

__all__ = ["write_scores"]

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from wxml.files.failures import disk_errors
from wxml.forecasting.layout import AREA_WEIGHT, LEAD_TIME, PROVENANCE, grid_coordinates, provenance_text

from wxml_verification.comparison import Comparison
from wxml_verification.curve_file import write_curves
from wxml_verification.evaluation import Evaluation
from wxml_verification.used_climatology import UsedClimatology

CASES = {"long_name": "cases behind rmse, bias and mae"}
DIFFERENCES = {
    "difference": "score of the forecast less that of the baseline; of a bias that of the sizes",
    "difference_ci_low": "lower end of its confidence interval",
    "difference_ci_high": "upper end of its confidence interval",
    "p": "probability of a difference at least as large if there were none",
    "p_adjusted": "p after Benjamini and Hochberg over all scores against the same baseline",
}


def write_scores(evaluation: Evaluation, path: Path, record: dict[str, Any], climatology: UsedClimatology) -> None:
    """Write the scores, the number of cases behind each, the maps of bias and RMSE, and the curves.

    Args:
        evaluation: the scores and the maps.
        path: the new file.
        record: JSON values, stored as JSON text in the attribute `wxml_provenance`.
        climatology: which one the scores are of: a sentence in the attribute `climatology`, and its record, JSON text,
            in `climatology_record`.

    Raises:
        DataError: `record` holds something else than JSON values.
        OSError: the disk refuses.
    """
    scores, places = evaluation.scores, grid_coordinates(evaluation.grid)
    count = len(evaluation.variables)
    axes = ("metric", "forecast", "variable", LEAD_TIME)
    horizontal = places[-1].dimensions
    dataset = xr.Dataset(
        {
            **_of_parts(evaluation, axes),
            **_of_subjects(evaluation, axes),
            **_of_regions(evaluation, axes),
            "scores": (axes, scores.values[:, :, :count], _about(evaluation)),
            "cases": (axes[1:], evaluation.counts[:, :count], CASES),
            **_intervals(evaluation, axes),
            **_maps(evaluation, horizontal),
            "units": ("variable", np.array(scores.units[:count], dtype=object)),
        },
        coords={
            "metric": list(scores.metrics),
            "forecast": list(scores.forecasts),
            "variable": list(scores.variables[:count]),
            LEAD_TIME: scores.lead_times.astype("timedelta64[ns]"),
            "map": ["bias", "rmse"],
            **({"part": list(scores.parts)} if scores.parts else {}),
            **{one.name: (one.dimensions, one.values, one.attributes) for one in places if one.name != AREA_WEIGHT},
        },
        attrs={
            "title": "Scores of a forecast and its baselines",
            "Conventions": "CF-1.8",
            "cases": scores.cases,
            "climatology": climatology.sentence,
            "climatology_record": provenance_text(dict(climatology.record)),
            PROVENANCE: provenance_text(record),
        },
    )
    with disk_errors(path, dataset.nbytes):
        dataset.to_netcdf(path, engine="netcdf4", encoding=_packed(dataset))
        write_curves(evaluation, path)


def _packed(dataset: xr.Dataset) -> dict[str, dict[str, Any]]:
    """How what is large is packed."""
    return {str(name): {"zlib": True, "complevel": 1} for name in dataset if str(name).startswith(("maps", "group_"))}


def _intervals(evaluation: Evaluation, axes: tuple[str, ...]) -> dict[str, Any]:
    """Confidence intervals of scores everywhere, and of differences from the baselines in every region."""
    sure, count = evaluation.sureness, len(evaluation.variables)
    comparison = sure.comparison
    part = f"{comparison.confidence:.0%} confidence interval ({comparison.significance})"
    found: dict[str, Any] = {
        "ci_low": (axes, sure.ci_low[:, :, :count], {"long_name": f"lower end of the {part} of scores"}),
        "ci_high": (axes, sure.ci_high[:, :, :count], {"long_name": f"upper end of the {part} of scores"}),
        "baseline": ("baseline", list(comparison.baselines)),
        "region": ("region", list(comparison.regions)),
    }
    own = (axes[0], "baseline", *axes[2:], "region")
    for name, text in DIFFERENCES.items():
        values = getattr(comparison, name.removeprefix("difference_"))
        found[name] = (own, values[:, :, :count], {"long_name": text})
    return found | _of_groups(comparison, own, count)


def _of_groups(comparison: Comparison, axes: tuple[str, ...], count: int) -> dict[str, Any]:
    """The differences of each group of cases; nothing without groups."""
    groups = comparison.groups
    if not groups:
        return {}
    found: dict[str, Any] = {"group_of_cases": ("group_of_cases", list(groups))}
    for name, text in DIFFERENCES.items():
        values = np.stack([getattr(one, name.removeprefix("difference_"))[:, :, :count] for one in groups.values()])
        found[f"group_{name}"] = (("group_of_cases", *axes), values, {"long_name": f"{text}; of each group of cases"})
    return found


def _maps(evaluation: Evaluation, horizontal: tuple[str, ...]) -> dict[str, Any]:
    """The maps; with axes of their own, if they are not of all variables and lead times."""
    is_whole = len(evaluation.map_variables) == len(evaluation.variables)
    is_whole &= len(evaluation.map_lead_times) == len(evaluation.scores.lead_times)
    axes = ("variable", LEAD_TIME) if is_whole else ("map_variable", f"map_{LEAD_TIME}")
    leads = evaluation.scores.lead_times[evaluation.map_lead_times].astype("timedelta64[ns]")
    own = {} if is_whole else {axes[0]: (axes[0], list(evaluation.map_variables)), axes[1]: (axes[1], leads)}
    values = evaluation.maps.reshape(*evaluation.maps.shape[:-1], *evaluation.grid.shape)
    about = {"long_name": "bias and RMSE of the forecast at each node, in the units of the variable"}
    return own | {"maps": (("map", *axes, *horizontal), values, about)} | _stations(evaluation, axes, horizontal)


def _stations(evaluation: Evaluation, axes: tuple[str, ...], horizontal: tuple[str, ...]) -> dict[str, Any]:
    """What is known of nodes that are stations; nothing of others."""
    places = evaluation.places
    if places is None:
        return {}
    metres = {"units": "m"}
    return {
        "station": (horizontal, np.array(places.names, dtype=object), {"long_name": "name of the station"}),
        "elevation": (horizontal, places.elevations, metres | {"long_name": "height of the station"}),
        "model_height": (horizontal, places.model_heights, metres | {"long_name": "height of the ground of the model"}),
        "station_weight": (horizontal, evaluation.weights, {"long_name": "share of the station", "units": "1"}),
        "map_cases": ((*axes, *horizontal), evaluation.map_cases, {"long_name": "cases behind `maps`"}),
    }


def _about(evaluation: Evaluation) -> dict[str, str]:
    """What the scores are, with the units of each variable, and the metrics that have none."""
    scores, found = evaluation.scores, evaluation.scored
    units = [f"{name}: {unit or 'unknown'}" for name, unit in zip(scores.variables, scores.units, strict=True)]
    plain = [f"{name}: 1" for name, has_units in zip(found.names, found.has_units, strict=True) if not has_units]
    return {"long_name": "area-weighted scores", "units": "; ".join([*units, *plain])}


def _of_subjects(evaluation: Evaluation, axes: tuple[str, ...]) -> dict[str, Any]:
    """The scores of what is no variable, such as pairs of components."""
    count, scores = len(evaluation.variables), evaluation.scores
    if count == len(scores.variables):
        return {}
    own = tuple("subject" if axis == "variable" else axis for axis in axes)
    return {
        "subject": ("subject", list(scores.variables[count:])),
        "subject_scores": (own, scores.values[:, :, count:], _about(evaluation)),
        "subject_units": ("subject", np.array(scores.units[count:], dtype=object)),
    }


def _of_regions(evaluation: Evaluation, axes: tuple[str, ...]) -> dict[str, Any]:
    """The scores of each group of cases in each region, all cases and everywhere included; nothing if that is all."""
    groups = {"all": evaluation.scored, **evaluation.grouped}
    if len(groups) == len(evaluation.regions) == 1:
        return {}
    count = len(evaluation.variables)
    values = np.stack([one.values[:, :, :, :count] for one in groups.values()])
    cases = np.stack([one.counts[:, :, :, :count] for one in groups.values()])
    return {
        "group": ("group", list(groups)),
        "region": ("region", list(evaluation.regions)),
        "group_scores": (("group", "region", *axes), values, _about(evaluation)),
        "group_cases": (("group", "region", *axes), cases, {"long_name": "cases behind each score"}),
    }


def _of_parts(evaluation: Evaluation, axes: tuple[str, ...]) -> dict[str, Any]:
    """The scores on the nodes of each of several grids, and the number of cases behind each; nothing of one grid."""
    if not evaluation.scores.parts or evaluation.scores.part_values is None:
        return {}
    count = len(evaluation.variables)
    return {
        "part_scores": (("part", *axes), evaluation.scores.part_values[:, :, :, :count], _about(evaluation)),
        "part_cases": (("part", *axes[1:]), evaluation.part_counts[:, :, :count], CASES),
    }
