"""Prints the scores of an ensemble forecast beside those of one forecast: `make_table_of_ensembles.py ENSEMBLE ONE`.

Both are files of `wxml forecast` from `docs/experiments/ensemble.yaml`, with the same initial times or with others. A
case whose valid times go beyond the data is left out. In place of the ensemble there may be normal distributions, in a
file of `docs/experiments/gaussian.yaml` with their spread.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from wxml import DataSource, StoredForecast, create, load_config, open_forecast

CONFIG = Path(__file__).parent / "experiments" / "ensemble.yaml"
Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Means over the nodes by area and over the cases, shape `[lead_time]`."""

    cases: int
    rmse: Values
    """Of the mean of the members."""
    spread: Values
    """√(mean variance · (M + 1) / M): `rmse` on average, if members and truth are draws of one distribution."""
    crps: Values
    """Fair: that of an infinite ensemble on average; of one member the absolute error."""


def scores(forecast: StoredForecast, source: DataSource, variable: str) -> Scores:
    """The scores of one variable in physical units."""
    header, rows = forecast.header, []
    for case, time in enumerate(header.initial_times):
        valid = time + header.lead_times
        if np.isin(valid, source.header.times).all():
            members = forecast.read(case, variable).astype(np.float64)
            truth = source.read(valid, (variable,))[:, 0, 0].astype(np.float64)
            if variable in header.spreads:
                deviation = forecast.read(case, header.spreads[variable])[:, 0].astype(np.float64)
                found = of_normal(members[:, 0], deviation, truth)
            else:
                found = of_case(members, truth)
            rows.append(np.stack(found) @ header.grid.area_weights)
    squares, variances, crps = np.mean(rows, axis=0)
    more = 1 if variable in header.spreads else 1 + 1 / header.members
    return Scores(len(rows), np.sqrt(squares), np.sqrt(variances * more), crps)


def of_case(members: Values, truth: Values) -> tuple[Values, Values, Values]:
    """The squared error of the mean, the variance and the fair CRPS, each `[lead_time, node]`.

    Args:
        members: shape `[lead_time, member, node]`.
        truth: shape `[lead_time, node]`.
    """
    count, error = members.shape[1], np.abs(members - truth[:, None]).mean(1)
    squares = (members.mean(1) - truth) ** 2
    if count == 1:
        return squares, np.zeros_like(squares), error
    ranks = 2.0 * np.arange(1, count + 1) - count - 1
    pairs = np.einsum("m,lmn->ln", ranks, np.sort(members, 1))
    return squares, members.var(1, ddof=1), error - pairs / (count * (count - 1))


def of_normal(mean: Values, deviation: Values, truth: Values) -> tuple[Values, Values, Values]:
    """The squared error of the mean, the variance and the CRPS of normal distributions, each `[lead_time, node]`.

    All arguments have that shape; the formula of the CRPS is that of the loss `gaussian-crps`.
    """
    error = truth - mean
    z = error / deviation
    beyond = torch.erf(torch.from_numpy(z / np.sqrt(2))).numpy()
    of_spread = np.sqrt(2 / np.pi) * np.exp(-(z**2) / 2) - 1 / np.sqrt(np.pi)
    return error**2, deviation**2, error * beyond + deviation * of_spread


def main(ensemble: str, one: str) -> None:
    """Print a table with three rows for each variable."""
    config = load_config(CONFIG, []).config.data.source
    source: Any = create("data-source", config.plugin, config.options)
    with open_forecast(ensemble) as many, open_forecast(one) as single:
        leads = [f"{lead / np.timedelta64(1, 'h'):.0f} h" for lead in many.header.lead_times]
        title = "normal" if many.header.spreads else f"{many.header.members} members"
        print(f"| {title} | " + " | ".join(leads) + " |\n" + "|---" * (1 + len(leads)) + "|")
        for name in [each.name for each in many.header.variables if each.name not in many.header.spreads.values()]:
            own, other = scores(many, source, name), scores(single, source, name)
            rows = {"spread / skill": own.spread / own.rmse, "CRPS": own.crps, "absolute error of one": other.crps}
            for what, values in rows.items():
                print(f"| {name}: {what} | " + " | ".join(f"{value:.3g}" for value in values) + " |")


if __name__ == "__main__":
    main(*sys.argv[1:])
