"""The plot of `graph_build.py`: how the cost of a graph grows with the points of the grid."""

__all__ = ["draw", "exponent"]

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt

mpl.use("Agg")

QUANTITIES = {"cpu_s": "processor time in s", "peak_MiB": "peak memory in MiB"}
STYLES = {
    "wxml": {"color": "#0072b2", "marker": "o"},
    "anemoi-graphs": {"color": "#d55e00", "marker": "s"},
}
"""Colours that are told apart without red and green (Okabe and Ito)."""


def exponent(points: Sequence[float], costs: Sequence[float]) -> float:
    """The slope of the straight line through the logarithms, by least squares."""
    return float(np.polyfit(np.log(points), np.log(costs), 1)[0])


def draw(series: Mapping[str, list[dict[str, Any]]], path: Path) -> None:
    """Processor time and peak memory against the points of the grid, a line for each side.

    Args:
        series: for each side its measurements, with `points` and the quantities.
        path: the PNG.
    """
    figure, panels = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    for axes, (quantity, label) in zip(panels, QUANTITIES.items(), strict=True):
        for side, rows in series.items():
            found = [(row["points"], row[quantity]) for row in rows if row[quantity] > 0]
            if not found:
                continue
            points, costs = zip(*found, strict=True)
            grows = f"  $n^{{{exponent(points, costs):.2f}}}$" if len(found) > 1 else ""
            axes.loglog(points, costs, label=f"{side}{grows}", linewidth=1.8, markersize=6, **STYLES[side])
        axes.set(xlabel="points of the grid", ylabel=label)
        axes.grid(visible=True, which="major", color="#dddddd", linewidth=0.7)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, loc="upper left", fontsize=9)
    figure.suptitle("Building a graph", fontsize=11)
    figure.savefig(path, dpi=130, metadata={"Software": None})
    plt.close(figure)
