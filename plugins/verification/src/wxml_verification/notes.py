"""Notes: limits of the scores that a reader of the report must know."""

__all__ = ["climatology_notes", "forecast_notes"]

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from wxml.data.times import format_duration

from wxml_verification.climatology import Climatology
from wxml_verification.reading import ForecastFile
from wxml_verification.truth import Truth
from wxml_verification.usual import ADVICE, Past

Times = NDArray[np.datetime64]


def forecast_notes(forecast: ForecastFile, truth: Truth) -> Iterator[str]:
    """Notes on members, on gaps of the truth, and on nodes that are not scored."""
    header = truth.source.header
    given = int(forecast.boundary().sum())
    if given:
        yield f"{given} of {len(header.grid)} nodes are the boundary of the area: they count in no score."
    if len(forecast.initial_times) == 1:
        yield "The scores are those of a single initial time: nothing tells how far they vary from case to case."
    if forecast.members > 1:
        yield f"RMSE, bias, MAE and ACC are those of the mean of {forecast.members} members."
    if forecast.spreads:
        yield f"The scores are those of the means; {', '.join(forecast.spreads.values())} are not scored."
    if header.members > 1:
        told = {"mean": "the mean of its", "random": "one, drawn for each time, of its", "all": "each in turn of its"}
        yield f"The truth is {told[truth.members]} {header.members} members."
    there = truth.has(forecast.initial_times[:, None] + forecast.lead_times)
    if not there.all():
        yield f"The truth lacks {int((~there).sum())} of the {there.size} pairs of initial and lead time; left out."
    empty = forecast.lead_times[~there.any(axis=0)]
    if len(empty):
        yield f"No case has a truth at lead time {', '.join(map(format_duration, empty))}: no scores there."
    absent = int((~truth.has(forecast.initial_times)).sum())
    if absent:
        yield f"The truth lacks {absent} initial times, so persistence is not scored from them."


def climatology_notes(climatology: Climatology | None, valid_times: Times, past: Past) -> Iterator[str]:
    """Notes on the climatology: a baseline, and the reference of the ACC.

    Args:
        climatology: the climatology of any variable; None without past times.
        valid_times: the instants that are verified.
        past: what it is made of.
    """
    if climatology is None:
        told = f"none of the {past.wanted} times of the training" if past.wanted else "no time of the training"
        yield (
            f"There is neither a climatology nor an ACC or activity, since {past.origin} has {told}: {ADVICE}."
            if not len(past.times)
            else f"There is no climatology of all variables, since {past.origin} lacks some of them."
        )
        return
    if past.origin != "the truth":
        yield f"The climatology is made of {len(past.times)} times of {past.origin}."
    if len(past.times) < past.wanted:
        yield f"The climatology lacks {past.wanted - len(past.times)} of {past.wanted} training times."
    windows = climatology.windows(valid_times)
    unknown = int((windows < 0).sum())
    if unknown:
        yield f"{unknown} valid times have a time of day that the past data lack: no climatology there."
    widened = int((windows > climatology.window).sum())
    if widened:
        yield (
            f"{widened} of {len(valid_times)} valid times have no past time within ±{climatology.window} days of "
            "their date: the climatology takes a wider window there, so read ACC and that baseline with care."
        )
