"""The cases that a reader can look at: the worst, the median and others, as pixels of a map."""

__all__ = ["CaseFields", "case_fields", "ranked_cases"]

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wxml_verification.arrays import Array
from wxml_verification.map_raster import MapRaster
from wxml_verification.reading import ForecastFile
from wxml_verification.statistics_file import StatisticsFile
from wxml_verification.truth import Truth

PIXELS = 4_000_000  # of all fields together: some 2 MB of the page
Fields = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class CaseFields:
    """Forecast and truth of some cases."""

    ranks: tuple[str, ...]
    """What each case is, such as `worst`."""
    times: NDArray[np.datetime64]
    """The initial time of each."""
    lead_times: NDArray[np.intp]
    """Positions among the lead times of the forecast."""
    variables: tuple[str, ...]
    raster: MapRaster
    forecast: Fields
    """Shape `[case, lead_time, variable, row, column]`; of members the mean."""
    truth: Fields
    rmse: Array
    """Over all nodes, shape `[case, lead_time, variable]`; NaN where nothing counts."""


def ranked_cases(file: StatisticsFile, variables: Sequence[str], number: int) -> dict[int, str]:
    """Choose cases by their RMSE over that of all cases, the mean over variables and lead times.

    Args:
        file: has the statistics of `rmse`.
        variables: the ones that count.
        number: of the cases: the worst, the median, the best, then evenly spread ones.

    Returns:
        Position of the initial time → what it is.
    """
    squares = np.stack([_mean_squares(file, name) for name in variables])  # [variable, time, lead_time]
    there = np.isfinite(squares)
    count = there.sum(axis=1, keepdims=True)
    usual = np.where(there, squares, 0.0).sum(axis=1, keepdims=True) / np.maximum(count, 1)
    ratios = np.where(there & (usual > 0), np.sqrt(squares / np.where(usual > 0, usual, 1.0)), np.where(there, 1, 0))
    known = np.asarray(there.any(axis=(0, 2)))
    measure = ratios.sum(axis=(0, 2)) / np.maximum(there.sum(axis=(0, 2)), 1)
    order = [int(one) for one in np.argsort(-measure, kind="stable") if known[one]]
    if not order:
        return {}
    last = len(order) - 1
    spread = [round(last * place / max(number - 1, 1)) for place in range(number)]
    found: dict[int, str] = {}
    for place in (0, last // 2, last, *spread):
        if len(found) < number:
            found.setdefault(order[place], _rank(place, last))
    return found


def case_fields(
    forecast: ForecastFile,
    truth: Truth,
    file: StatisticsFile,
    raster: MapRaster,
    wanted: tuple[Sequence[str], NDArray[np.intp], int],
) -> CaseFields | None:
    """Read the cases that are shown; each variable of one at a time. Of a forecast that comes once there are none.

    Args:
        forecast: the file.
        truth: the truth.
        file: the statistics of all cases.
        raster: the pixels of a map.
        wanted: the variables, the positions of the lead times, and how many cases.
    """
    variables, leads, number = wanted
    if forecast.comes_once or not (number and len(variables)):
        return None
    chosen = ranked_cases(file, variables, number)
    if not chosen:
        return None
    fields = 3 * len(chosen) * len(leads) * len(variables)  # the page has their difference, too
    coarse = raster.coarser(max(PIXELS // fields, 256))
    found = np.empty((2, len(chosen), len(leads), len(variables), *coarse.nodes.shape), np.float32)
    for place, case in enumerate(chosen):
        times = forecast.initial_times[case] + forecast.lead_times[leads]
        for row, name in enumerate(variables):
            values = forecast.members_of(case, name)[:, leads].mean(axis=0, dtype=np.float64).astype(np.float32)
            verifying = truth.at(times, (name,))[:, 0].astype(np.float32)
            for lead in range(len(leads)):
                found[0, place, lead, row] = coarse.pixels(values[lead])
                found[1, place, lead, row] = coarse.pixels(verifying[lead])
    rmse = np.stack([np.sqrt(_mean_squares(file, name))[list(chosen)][:, leads] for name in variables], axis=-1)
    times = forecast.initial_times[list(chosen)]
    return CaseFields(tuple(chosen.values()), times, leads, tuple(variables), coarse, found[0], found[1], rmse)


def _mean_squares(file: StatisticsFile, variable: str) -> Array:
    """The mean square error of each case everywhere, shape `[time, lead_time]`; NaN where nothing counts."""
    weight, squares = file.statistics("rmse", variable)[:2, :, :, 0, 0]
    return np.asarray(np.divide(squares, weight, out=np.full(weight.shape, np.nan), where=weight > 0))


def _rank(place: int, last: int) -> str:
    named = {last // 2: "median", last: "best", 0: "worst"}
    return named.get(place, f"{place + 1} of {last + 1}") if last else "only case"
