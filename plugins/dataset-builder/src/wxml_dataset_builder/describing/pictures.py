"""The picture of a variable: a map of one date, and its mean and range through time."""

__all__ = ["draw"]

from base64 import b64encode
from io import BytesIO
from math import ceil
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import ConciseDateFormatter
from matplotlib.figure import Figure
from numpy.typing import NDArray
from wxml import Grid, Variable
from wxml.data.times import format_time

from wxml_dataset_builder.describing.summary import Summary, with_gaps

WIDTH, HEIGHT, DOTS = 12.0, 3.3, 90
LONGEST: Final = 600
"""So many nodes along an axis of a grid are drawn, or the square of it of a grid without axes."""
BOTH_SIGNS: Final = 0.2
"""Values that reach so far to the other side of zero, of the largest, are drawn in colours around zero."""
BLUE: Final = "#0072b2"


def draw(grid: Grid, variable: Variable, number: int, summary: Summary) -> str:
    """The picture of the variable of this number, as the text of a `data:` address of a PNG."""
    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.15, 1))
    _draw_map(left, grid, summary.fields[number], variable)
    left.set_title(f"{variable.name}, {format_time(summary.date)} UTC", loc="left", fontsize=10, parse_math=False)
    _draw_series(right, number, summary)
    right.set_title(f"mean and range ({variable.units or 'no units said'})", loc="left", fontsize=10, parse_math=False)
    for axes in (left, right):
        axes.tick_params(labelsize=8)
    content = BytesIO()
    figure.savefig(content, format="png", dpi=DOTS, metadata={"Software": None})
    return f"data:image/png;base64,{b64encode(content.getvalue()).decode('ascii')}"


def _draw_map(axes: Axes, grid: Grid, values: NDArray[np.float32], variable: Variable) -> None:
    present = values[np.isfinite(values)]
    if not present.size:
        axes.text(0.5, 0.5, "no values", ha="center", va="center", transform=axes.transAxes)
        return
    x = _without_jump(grid)
    colours = _colours(present)
    image: Any
    if len(grid.shape) == 2:
        image = _cells(axes, grid, x, values, colours)
    else:
        some = slice(None, None, ceil(len(grid) / LONGEST**2))
        size = (72 * HEIGHT) ** 2 / max(len(grid.latitudes[some]), 1)
        image = axes.scatter(
            x[some], grid.latitudes[some], c=values[some], s=np.clip(size, 0.5, 60), linewidths=0, **colours
        )
    beside = axes.inset_axes((1.02, 0.05, 0.03, 0.9))  # beside the map, whose width follows from its height
    bar = axes.figure.colorbar(image, cax=beside)
    bar.ax.set_title(variable.units, fontsize=8, loc="left", parse_math=False)
    bar.ax.tick_params(labelsize=8)
    axes.set_aspect(1 / max(float(np.cos(np.radians(np.mean(axes.get_ylim())))), 0.3), adjustable="box")
    axes.set_anchor("W")
    axes.set_xlabel("degrees east", fontsize=8)
    axes.set_ylabel("degrees north", fontsize=8)


def _without_jump(grid: Grid) -> NDArray[np.float64]:
    """Longitudes within half a turn of the middle of a limited area, or from -180 to 180."""
    middle = 0.0 if grid.is_global else float(np.degrees(np.angle(np.exp(1j * np.radians(grid.longitudes)).mean())))
    return np.asarray((grid.longitudes - middle + 180) % 360 - 180 + middle)


def _cells(axes: Axes, grid: Grid, x: NDArray[np.float64], values: NDArray[np.float32], colours: dict[str, Any]) -> Any:
    """The cells of a grid with rows and columns, the columns from west to east."""
    rows, columns = (slice(None, None, ceil(length / LONGEST)) for length in grid.shape)
    east, north, field = (array.reshape(grid.shape)[rows, columns] for array in (x, grid.latitudes, values))
    if grid.is_regular:
        order = np.argsort(east[0])
        east, field = east[:, order], field[:, order]
    return axes.pcolormesh(east, north, field, shading="nearest", rasterized=True, **colours)


def _colours(present: NDArray[np.float32]) -> dict[str, Any]:
    """The palette and its ends: the 0.5th and 99.5th percentile, so that one node does not take all the colour."""
    lower, upper = (float(end) for end in np.percentile(present, [0.5, 99.5]))
    largest = max(abs(lower), abs(upper))
    if min(-lower, upper) > BOTH_SIGNS * largest:
        return {"cmap": "RdBu_r", "vmin": -largest, "vmax": largest}
    upper = upper if upper > lower else lower + max(abs(lower) * 1e-6, 1e-6)
    return {"cmap": "viridis", "vmin": lower, "vmax": upper}


def _draw_series(axes: Axes, number: int, summary: Summary) -> None:
    series = [with_gaps(summary.dates, array[:, number]) for array in (summary.means, summary.lowest, summary.highest)]
    dates: Any = series[0][0].astype("datetime64[s]").astype(object)
    mean, lowest, highest = (values for _, values in series)
    axes.fill_between(dates, lowest, highest, color=BLUE, alpha=0.2, linewidth=0)
    axes.plot(dates, mean, color=BLUE, linewidth=1.4, marker="o" if len(dates) < 3 else None)
    axes.xaxis_date()
    axes.xaxis.set_major_formatter(ConciseDateFormatter(axes.xaxis.get_major_locator()))  # type: ignore[no-untyped-call]
    axes.ticklabel_format(axis="y", useOffset=False)
    axes.grid(alpha=0.25)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
