"""Maps: truth, forecast and error of one case, and the RMSE of all cases, with degrees and colour bars."""

__all__ = ["Palette", "draw_maps", "error_palette", "field_palette", "rmse_palette"]

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from markupsafe import Markup
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator
from numpy.typing import NDArray
from wxml.data.times import format_duration

from wxml_verification.coast import outline
from wxml_verification.evaluation import Evaluation
from wxml_verification.figures import COLOURS, inline_svg
from wxml_verification.map_raster import MapRaster
from wxml_verification.words import instant, pretty_units

Values = NDArray[np.float32]

WIDTH, PANEL, TALLEST = 12.0, 4.75, 5.6  # inches: of the picture; of a panel at most, and how tall
LEFT, TOP, GAP = 0.5, 0.32, 0.68  # inches for the latitudes; for the title; for the longitudes and the next title
LEVELS = 64  # colours in a palette: the eye tells no more apart, and the pictures are a third of the size
WINDS = frozenset({"u", "v", "w", "10u", "10v", "u10", "v10", "100u", "100v", "u100", "v100"})
BOTH_SIGNS = 0.2  # of the largest value, to be reached on the other side of zero


@dataclass(frozen=True, slots=True)
class Palette:
    """A colour map of matplotlib and the values at its ends; all of them can be told apart by the colour-blind."""

    name: str
    lower: float
    upper: float


class Panel(NamedTuple):
    """One of the maps of a picture."""

    title: str
    values: Values
    """Shape `[node]`."""
    palette: Palette


def draw_maps(evaluation: Evaluation, raster: MapRaster, variable: int, position: int) -> Markup:
    """Four maps in two columns, as one `<svg>` element: pixels for the data, lines and text for all else.

    Args:
        evaluation: the fields of the example, and the RMSE at each node.
        raster: the pixels that show the grid.
        variable: the number of the variable.
        position: the number of the lead time among those of the example.
    """
    example, scores = evaluation.example, evaluation.scores
    index = example.lead_times[position]
    name, lead_time = scores.variables[variable], scores.lead_times[index]
    truth, forecast = example.truth[position, variable], example.forecast[position, variable]
    rmse, error = evaluation.maps[1, variable, _place(evaluation, index)], forecast - truth
    own = _rmse(error, evaluation.weights)
    palette = field_palette(np.stack([truth, forecast]), name)
    panels = (
        Panel(f"Truth, {instant(example.initial_time + lead_time)}", truth, palette),
        Panel(f"Forecast, +{format_duration(lead_time)}", forecast, palette),
        Panel(f"Forecast − truth, RMSE {own:.3g}", error, error_palette(error)),
        Panel(f"RMSE, {evaluation.counts[0, variable, index]} cases", rmse, rmse_palette(rmse)),
    )
    height = min(PANEL * raster.height, TALLEST)
    size = (WIDTH, -(-len(panels) // 2) * (height + GAP))
    figure, coasts = Figure(figsize=size), []
    for number, panel in enumerate(panels):
        row, column = divmod(number, 2)
        x, y = LEFT + column * WIDTH / 2, size[1] - TOP - row * (height + GAP) - height
        width = height / raster.height
        axes = figure.add_axes((x / size[0], y / size[1], width / size[0], height / size[1]))
        bar = figure.add_axes(((x + width + 0.12) / size[0], y / size[1], 0.14 / size[0], height / size[1]))
        _draw(axes, bar, panel, raster, pretty_units(scores.units[variable]))
        coasts.append(outline(raster, (72 * x, 72 * (size[1] - y - height), 72 * width, 72 * height)))
    label = f"Maps of {name} at lead time {format_duration(lead_time)}: {'; '.join(panel.title for panel in panels)}"
    overlay = Markup().join(coasts) if evaluation.coastlines else Markup()
    return inline_svg(figure, label=label, key=f"maps-{variable}-{position}", overlay=overlay)


def _place(evaluation: Evaluation, lead_time: np.intp) -> int:
    """The place of a lead time among those of the maps."""
    return int(np.searchsorted(evaluation.map_lead_times, lead_time))


def _rmse(error: Values, weights: NDArray[np.float64]) -> float:
    """√ (Σ w d² / Σ w) over the nodes that have an error; NaN where there is none."""
    known = np.isfinite(error)
    return (
        float(np.sqrt(np.average(np.square(error[known], dtype=float), weights=weights[known])))
        if known.any()
        else np.nan
    )


def _draw(axes: Axes, bar: Axes, panel: Panel, raster: MapRaster, units: str) -> None:
    """The pixels, parallels and meridians on `axes`, the colours with their values on `bar`."""
    lower, upper = panel.palette.lower, panel.palette.upper
    image = axes.imshow(
        raster.pixels(panel.values),
        cmap=colormaps[panel.palette.name].resampled(LEVELS),
        norm=Normalize(lower, upper),
        extent=(raster.west, raster.east, raster.south, raster.north),
        aspect="auto",
        interpolation="none",
    )
    axes.set_facecolor(COLOURS["line"])  # where a value is missing
    axes.set_title(panel.title, loc="left", y=1.0, fontsize=10, color=COLOURS["ink"], parse_math=False)
    few = MaxNLocator(5, steps=[1, 2, 5, 10])
    axes.xaxis.set_major_locator(MultipleLocator(60) if raster.is_wide else few)
    axes.yaxis.set_major_locator(MultipleLocator(30) if raster.is_wide else MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: _compass((x + 180) % 360 - 180, "E", "W")))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: _compass(y, "N", "S")))
    axes.grid(color="#1a1d21", alpha=0.28, linewidth=0.6)
    present = panel.values[np.isfinite(panel.values)]
    beyond = (bool(np.any(present < lower)), bool(np.any(present > upper)))
    extend = {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}[beyond]
    colours = axes.figure.colorbar(image, cax=bar, extend=extend, extendfrac=0.03)
    if colours.solids is not None:  # for the type checker: a colour bar of an image has them
        colours.solids.set_rasterized(True)
    colours.locator = MaxNLocator(6, steps=[1, 2, 5, 10])
    colours.formatter = FuncFormatter(lambda value, _: f"{value:.6g}".replace("-", "−"))
    colours.update_ticks()
    colours.outline.set(edgecolor=COLOURS["faint"], linewidth=0.6)
    bar.set_title(units, loc="left", y=1.0, fontsize=9, color=COLOURS["ink"], parse_math=False)
    for part in (axes, bar):
        part.tick_params(labelsize=8.5, labelcolor=COLOURS["ink"], length=0)
        for spine in part.spines.values():
            spine.set(color=COLOURS["faint"], linewidth=0.6)


def _compass(degrees: float, positive: str, negative: str) -> str:
    """A latitude or longitude as text, such as 60°W; without a letter at the equator, at 0° and at 180°."""
    neither = degrees == 0 or (positive == "E" and degrees % 180 == 0)
    return f"{abs(round(degrees, 4)):g}°{'' if neither else positive if degrees > 0 else negative}"


def field_palette(values: Values, name: str) -> Palette:
    """The palette of a field: blue to red around zero for winds and whatever takes both signs, else viridis.

    The ends are the 0.5th and 99.5th percentile of the values, so that one node does not take all the colour.
    """
    lower, upper = _range(values)
    largest = max(abs(lower), abs(upper))
    if name.split("_", maxsplit=1)[0] in WINDS or min(-lower, upper) > BOTH_SIGNS * largest:
        return Palette("RdBu_r", -largest, largest)
    return Palette("viridis", lower, upper)


def error_palette(values: Values) -> Palette:
    """The palette of an error: blue where the forecast is too low, red where it is too high, white at zero."""
    largest = _range(np.abs(values))[1]
    return Palette("RdBu_r", -largest, largest)


def rmse_palette(values: Values) -> Palette:
    """The palette of an RMSE: from zero, the darker the larger."""
    return Palette("YlOrBr", 0.0, _range(values)[1])


def _range(values: Values) -> tuple[float, float]:
    present = values[np.isfinite(values)]
    if not present.size:
        return 0.0, 1.0
    lower, upper = (float(end) for end in np.percentile(present, [0.5, 99.5]))
    return (lower, upper) if upper > lower else (lower, lower + max(abs(lower) * 1e-6, 1e-6))
