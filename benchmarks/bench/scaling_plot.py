"""The plots of `scaling.py`."""

__all__ = ["draw"]

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, LogLocator, NullLocator

mpl.use("Agg")

LABELS = {
    "nodes": "mesh nodes",
    "edges": "edges into each node",
    "channels": "channels",
    "batch": "batch",
}
QUANTITIES = {"cpu_s": "processor time in s", "peak_mib": "peak memory in MiB"}
STYLES = {
    "gnn": {"color": "#0072b2", "marker": "o"},
    "graph-transformer": {"color": "#d55e00", "marker": "s"},
    "transformer": {"color": "#009e73", "marker": "^"},
}
"""Colours that are told apart without red and green (Okabe and Ito)."""
SYMBOLS = {"nodes": "n", "edges": "e", "channels": "c", "batch": "b"}


def exponent(values: Sequence[float], costs: Sequence[float]) -> float:
    """The slope of the straight line through the logarithms, by least squares."""
    return float(np.polyfit(np.log(values), np.log(costs), 1)[0])


def series(rows: list[dict[str, Any]], quantity: str) -> dict[str, tuple[list[float], list[float]]]:
    """Values and costs of each family that has two points at least."""
    found: dict[str, tuple[list[float], list[float]]] = {}
    for row in rows:
        if row.get(quantity, 0) > 0:
            values, costs = found.setdefault(row["family"], ([], []))
            values.append(row["value"])
            costs.append(row[quantity])
    return {family: pair for family, pair in found.items() if len(pair[0]) > 1}


def _panel(axes: Axes, variable: str, quantity: str, rows: list[dict[str, Any]]) -> None:
    """One quantity, a line for each family."""
    for family, (values, costs) in series(rows, quantity).items():
        label = f"{family}  ${SYMBOLS[variable]}^{{{exponent(values, costs):.2f}}}$"
        axes.loglog(values, costs, label=label, linewidth=1.8, markersize=6, **STYLES[family])  # type: ignore[arg-type]
    if (variable, quantity) == ("nodes", "peak_mib"):
        _dense_mask(axes)
    ticks = sorted({row["value"] for row in rows})
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(_written)
    axes.set(xlabel=LABELS[variable], ylabel=QUANTITIES[quantity])
    axes.grid(visible=True, which="major", color="#dddddd", linewidth=0.7)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="upper left", fontsize=9)


def _written(value: float, _position: int | None) -> str:
    """Such as 0.05 or 10 242."""
    return f"{value:,.0f}".replace(",", "\u202f") if value >= 1 else f"{value:g}"


def _dense_mask(axes: Axes) -> None:
    """What one table of nodes × nodes floats would take, up to the top of the panel."""
    low, high = axes.get_xlim()
    bottom, top = axes.get_ylim()
    nodes = np.geomspace(low, high, 50)
    style = {"color": "#888888", "linestyle": "--", "linewidth": 1.2}
    axes.plot(nodes, 4 * nodes**2 / 2**20, label="one table of $n^2$ floats", **style)
    axes.set(xlim=(low, high), ylim=(bottom, top))


def draw(variable: str, rows: list[dict[str, Any]], path: Path) -> None:
    """Processor time and peak memory against one variable."""
    rows = [row for row in rows if row["variable"] == variable]
    figure, panels = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    for axes, quantity in zip(panels, QUANTITIES, strict=True):
        _panel(axes, variable, quantity, rows)
    figure.suptitle(f"Two layers, forward + backward, against {LABELS[variable]}", fontsize=11)
    figure.savefig(path, dpi=130, metadata={"Software": None})
    plt.close(figure)
