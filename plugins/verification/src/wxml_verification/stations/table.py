"""The scores of each station, as a table in CSV."""

__all__ = ["write_stations"]

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from wxml.data.times import format_duration

from wxml_verification.evaluation import Evaluation
from wxml_verification.stations.places import StationPlaces

COLUMNS = (
    *("station", "latitude", "longitude", "elevation", "model_height", "weight"),
    *("variable", "units", "lead_time", "cases", "bias", "rmse"),
)


def write_stations(evaluation: Evaluation, places: StationPlaces, path: Path) -> None:
    """Write a row for each station, variable and lead time of the maps with any case.

    Raises:
        OSError: the disk refuses.
    """
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(_rows(evaluation, places))


def _rows(evaluation: Evaluation, places: StationPlaces) -> Iterator[tuple[object, ...]]:
    units = dict(zip(evaluation.scores.variables, evaluation.scores.units, strict=True))
    leads = [format_duration(one) for one in evaluation.scores.lead_times[evaluation.map_lead_times]]
    for node, variable, lead in np.argwhere(evaluation.map_cases.transpose(2, 0, 1) > 0).tolist():
        name = evaluation.map_variables[variable]
        bias, rmse = evaluation.maps[:, variable, lead, node]
        yield (
            places.names[node],
            *(_short(one) for one in (evaluation.grid.latitudes[node], evaluation.grid.longitudes[node])),
            *(_short(one[node]) for one in (places.elevations, places.model_heights, evaluation.weights)),
            *(name, units[name], leads[lead], int(evaluation.map_cases[variable, lead, node])),
            *(_short(bias), _short(rmse)),
        )


def _short(value: float) -> str:
    return f"{value:.7g}" if np.isfinite(value) else ""
