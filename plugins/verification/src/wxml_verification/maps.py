"""Maps: truth, forecast and error of one case, and the RMSE of all, with degrees and colour bars."""

__all__ = ["Panel", "draw_maps", "error_palette", "field_palette", "rmse_palette"]

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator
from numpy.typing import NDArray

from wxml_verification.plane import Palette, Plane
from wxml_verification.svg import COLOURS, inline_svg

WINDS = frozenset({"u", "v", "w", "10u", "10v", "u10", "v10", "100u", "100v", "u100", "v100"})
BOTH_SIGNS = 0.2  # of the largest value, to be reached on the other side of zero
WIDTH, PANEL = 12.0, 5.0  # inches: of the picture, and of a panel without its colour bar


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """One of the maps of a picture."""

    title: str
    values: NDArray[np.float32]
    """Shape `[node]`."""
    palette: Palette


def field_palette(values: NDArray[np.float32], name: str) -> Palette:
    """Colours of a field: blue to red around zero for winds and whatever takes both signs, else viridis.

    The ends are the 0.5th and 99.5th percentile of the values, so that one node does not take all the colour.
    """
    lower, upper = _range(values)
    largest = max(abs(lower), abs(upper))
    if name.split("_")[0] in WINDS or min(-lower, upper) > BOTH_SIGNS * largest:
        return Palette("RdBu_r", -largest, largest)
    return Palette("viridis", lower, upper)


def error_palette(values: NDArray[np.float32]) -> Palette:
    """Colours of an error: blue where the forecast is too low, red where it is too high."""
    largest = _range(np.abs(values))[1]
    return Palette("RdBu_r", -largest, largest)


def rmse_palette(values: NDArray[np.float32]) -> Palette:
    """Colours of an RMSE: from zero, the darker the larger."""
    return Palette("YlOrBr", 0.0, _range(values)[1])


def draw_maps(plane: Plane, panels: Sequence[Panel], *, units: str, label: str, key: str) -> str:
    """Maps side by side in two columns, as SVG.

    Args:
        plane: the grid, laid flat.
        panels: what to draw, row by row.
        units: of every panel.
        label: what the picture shows, in words.
        key: unique among the pictures of the page.
    """
    rows = -(-len(panels) // 2)
    height = min(max(PANEL * plane.height, 1.5), 6.0)
    figure = Figure(figsize=(WIDTH, rows * (height + 0.72)))
    places = figure.subplots(rows, 2, squeeze=False).ravel()
    row = 0.72 / (height + 0.72) / rows
    figure.subplots_adjust(left=0.04, right=0.945, top=1 - 0.45 * row, bottom=0.45 * row, wspace=0.22, hspace=0.72 / height)
    for axes, panel in zip(places, panels, strict=False):
        _draw(axes, plane, panel, units)
    return inline_svg(figure, label=label, key=key)


def _draw(axes: Axes, plane: Plane, panel: Panel, units: str) -> None:
    painted = plane.paint(axes, panel.values, panel.palette)
    axes.set(xlim=(plane.west, plane.east), ylim=(plane.south, plane.north))
    axes.set_aspect(plane.aspect)
    axes.set_title(panel.title, loc="left", fontsize=10, color=COLOURS["ink"])
    _degrees(axes, plane)
    beside = axes.inset_axes((1.02, 0.0, 0.025, 1.0))
    bar = axes.figure.colorbar(painted, cax=beside, extend="max" if panel.palette.lower == 0 else "both")
    bar.set_label(units, color=COLOURS["ink"], fontsize=9)
    bar.outline.set_edgecolor(COLOURS["faint"])
    for place in (axes, beside):
        place.tick_params(labelsize=8.5, colors=COLOURS["ink"], length=2)
    for spine in axes.spines.values():
        spine.set_color(COLOURS["faint"])


def _degrees(axes: Axes, plane: Plane) -> None:
    """Parallels and meridians: every 30 and 60 degrees around the globe, else a few round numbers."""
    around = plane.east - plane.west > 300
    axes.xaxis.set_major_locator(MultipleLocator(60) if around else MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_locator(MultipleLocator(30) if around else MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _compass((value + 180) % 360 - 180, "E", "W")))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _compass(value, "N", "S")))
    axes.grid(color=COLOURS["ink"], alpha=0.25, linewidth=0.5)


def _compass(degrees: float, positive: str, negative: str) -> str:
    """Such as 60°W; neither side at 0 and 180."""
    side = "" if degrees % 180 == 0 and positive == "E" or degrees == 0 else (positive if degrees > 0 else negative)
    return f"{abs(round(degrees, 4)):g}°{side}"


def _range(values: NDArray[np.float32]) -> tuple[float, float]:
    present = values[np.isfinite(values)]
    if not present.size:
        return 0.0, 1.0
    lower, upper = (float(end) for end in np.percentile(present, [0.5, 99.5]))
    return (lower, upper) if upper > lower else (lower, lower + max(abs(lower) * 1e-6, 1e-6))
