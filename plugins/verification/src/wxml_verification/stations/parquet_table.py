"""The scores of each station, as a tidy table in Parquet: a row for each station, variable, lead time and metric."""

__all__ = ["write_station_parquet"]

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wxml_verification.evaluation import Evaluation
from wxml_verification.stations.places import StationPlaces

if TYPE_CHECKING:
    import pyarrow as pa

METRICS = ("bias", "rmse")
"""What `Evaluation.maps` holds of each station, in this order."""
logger = logging.getLogger("wxml")
Columns = dict[str, NDArray[Any]]


def write_station_parquet(evaluation: Evaluation, places: StationPlaces, path: Path) -> None:
    """Write a row for each station, variable and lead time of the maps with any case, and each metric.

    Without pyarrow, the extra `parquet`, nothing is written, and the log says so.

    Raises:
        OSError: the disk refuses.
    """
    try:
        from pyarrow import parquet
    except ModuleNotFoundError:
        logger.info("no `%s`: python -m pip install 'wxml-verification[parquet]'", path.name)
        return
    parquet.write_table(_table(evaluation, places), path, compression="zstd")


def _table(evaluation: Evaluation, places: StationPlaces) -> "pa.Table":
    """Text is stored as numbers of words; a height or a distance that is not known is null."""
    import pyarrow as pa

    columns = _columns(evaluation, places)
    arrays = {name: pa.array(values, from_pandas=True) for name, values in columns.items()}
    for name in ("station", "variable", "units", "metric"):
        arrays[name] = arrays[name].cast(pa.string()).dictionary_encode()
    return pa.table(arrays)


def _columns(evaluation: Evaluation, places: StationPlaces) -> Columns:
    node, variable, lead = np.nonzero(evaluation.map_cases.transpose(2, 0, 1) > 0)
    scores, names = evaluation.scores, np.array(evaluation.map_variables, object)
    units = dict(zip(scores.variables, scores.units, strict=True))
    leads = scores.lead_times[evaluation.map_lead_times].astype("timedelta64[s]")
    factors, offsets = _corrections(evaluation, places)
    rows: Columns = {
        "station": np.array(places.names, object)[node],
        "latitude": evaluation.grid.latitudes[node],
        "longitude": evaluation.grid.longitudes[node],
        "elevation": places.elevations[node],
        "model_height": places.model_heights[node],
        "distance": places.distances[node],
        "weight": evaluation.weights[node],
        "variable": names[variable],
        "units": np.array([units[name] for name in names], object)[variable],
        "factor": factors[variable, node],
        "offset": offsets[variable, node],
        "lead_time": leads[lead],
        "cases": evaluation.map_cases[variable, lead, node],
    }
    values = evaluation.maps[:, variable, lead, node].T.astype(np.float64)
    tidy = {name: np.repeat(column, len(METRICS)) for name, column in rows.items()}
    return tidy | {"metric": np.tile(np.array(METRICS, object), len(node)), "value": values.ravel()}


def _corrections(evaluation: Evaluation, places: StationPlaces) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The factor and the offset of the forecast at each station for its height, shape `[variable, node]`."""
    shape = len(evaluation.map_variables), len(evaluation.grid)
    factors, offsets = np.ones(shape), np.zeros(shape)
    for place, name in enumerate(evaluation.map_variables):
        if name in places.corrected:
            factors[place], offsets[place] = places.corrected[name]
    return factors, offsets
