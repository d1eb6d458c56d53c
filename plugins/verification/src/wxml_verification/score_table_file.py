"""The scores as one table in CSV, for spreadsheets and programs."""

__all__ = ["write_table"]

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from wxml.data.times import format_duration

from wxml_verification.evaluation import Evaluation
from wxml_verification.scoring import Scored

COLUMNS = ("group", "region", "metric", "forecast", "subject", "units", "lead_time", "value", "cases")


def write_table(evaluation: Evaluation, path: Path) -> None:
    """Write one row for each score that there is: of all cases in every region, and of each group everywhere.

    Raises:
        OSError: the disk refuses.
    """
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for region in range(len(evaluation.regions)):
            writer.writerows(_rows(evaluation, "all", evaluation.scored, region))
        for name, own in evaluation.grouped.items():
            writer.writerows(_rows(evaluation, name, own, 0))


def _rows(evaluation: Evaluation, group: str, own: Scored, region: int) -> Iterator[tuple[object, ...]]:
    forecasts, leads = evaluation.scores.forecasts, [format_duration(one) for one in evaluation.scores.lead_times]
    for number, forecast, subject, lead in np.argwhere(np.isfinite(own.values[region])).tolist():
        place = (region, number, forecast, subject, lead)
        units = own.units[subject] if own.has_units[number] else "1"
        where = (group, evaluation.regions[region], own.names[number], forecasts[forecast], own.subjects[subject])
        yield (*where, units, leads[lead], repr(float(own.values[place])), int(own.counts[place]))
