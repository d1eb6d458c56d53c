"""Maps: truth, forecast and error of one case, and the RMSE of all, with degrees and colour bars."""

__all__ = ["Panel", "draw_maps"]

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from matplotlib.ticker import MaxNLocator, MultipleLocator
from numpy.typing import NDArray

from wxml_verification.palettes import Palette, image
from wxml_verification.plane import Plane
from wxml_verification.units import pretty_units

WIDTH, PANEL, TALLEST = 1200, 470, 560  # of the picture; of a panel at most, and how tall; in units of the picture
LEFT, TOP, GAP = 48, 26, 60  # room for latitudes, for the title, and for longitudes with the next title


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """One of the maps of a picture."""

    title: str
    values: NDArray[np.float32]
    """Shape `[node]`."""
    palette: Palette


def draw_maps(plane: Plane, panels: Sequence[Panel], *, units: str, label: str) -> str:
    """Maps side by side in two columns, as one `<svg>` element: data as pixels, all else as lines and text.

    Args:
        plane: the grid, laid flat.
        panels: what to draw, row by row.
        units: of every panel.
        label: what the picture shows, in words.
    """
    height = min(PANEL * plane.height, TALLEST)
    parts = []
    for index, panel in enumerate(panels):
        row, column = divmod(index, 2)
        place = f"translate({LEFT + column * WIDTH / 2:g} {TOP + row * (height + GAP):.1f})"
        parts.append(f'<g transform="{place}">{_map(plane, panel, height, pretty_units(units))}</g>')
    box = f'viewBox="0 0 {WIDTH} {-(-len(panels) // 2) * (height + GAP):.0f}"'
    return f'<svg class="map" role="img" aria-label="{escape(label)}" {box}>{"".join(parts)}</svg>'


def _map(plane: Plane, panel: Panel, height: float, units: str) -> str:
    """Title, pixels, parallels and meridians, and a colour bar; the origin is the upper left corner."""
    width = height / plane.height
    picture = image(panel.palette.colours(plane.pixels(panel.values)))
    return (
        f'<text y="-9" class="title">{escape(panel.title)}</text>'
        f'<rect width="{width:.1f}" height="{height:.1f}" class="missing"/>'
        f'<image href="{picture}" width="{width:.1f}" height="{height:.1f}" preserveAspectRatio="none"/>'
        f"{_parallels(plane, width, height)}{_meridians(plane, width, height)}"
        f'<path d="M0 0H{width:.1f}V{height:.1f}H0Z" class="frame"/>'
        f'<g transform="translate({width + 12:.1f} 0)">{_bar(panel.palette, height, units)}</g>'
    )


def _parallels(plane: Plane, width: float, height: float) -> str:
    parts = []
    for degrees in _ticks(plane.south, plane.north, 30 if plane.is_wide else None):
        y = height * (plane.north - degrees) / (plane.north - plane.south)
        parts.append(f'<path d="M0 {y:.1f}H{width:.1f}" class="line"/>')
        parts.append(f'<text x="-6" y="{y + 4:.1f}" text-anchor="end">{_compass(degrees, "N", "S")}</text>')
    return "".join(parts)


def _meridians(plane: Plane, width: float, height: float) -> str:
    parts = []
    for degrees in _ticks(plane.west, plane.east, 60 if plane.is_wide else None):
        x = width * (degrees - plane.west) / (plane.east - plane.west)
        name = _compass((degrees + 180) % 360 - 180, "E", "W")
        parts.append(f'<path d="M{x:.1f} 0V{height:.1f}" class="line"/>')
        parts.append(f'<text x="{x:.1f}" y="{height + 17:.1f}" text-anchor="middle">{name}</text>')
    return "".join(parts)


def _bar(palette: Palette, height: float, units: str) -> str:
    """The colour bar with its numbers, the units above."""
    ramp = np.linspace(palette.upper, palette.lower, 128, dtype=np.float32)[:, None]
    parts = [
        f'<image href="{image(palette.colours(ramp))}" width="14" height="{height:.1f}" preserveAspectRatio="none"/>',
        f'<path d="M0 0H14V{height:.1f}H0Z" class="frame"/><text y="-9">{escape(units)}</text>',
    ]
    for value in _ticks(palette.lower, palette.upper):
        y = height * (palette.upper - value) / (palette.upper - palette.lower)
        parts.append(f'<text x="20" y="{y + 4:.1f}">{f"{value:.6g}".replace("-", "−")}</text>')
    return "".join(parts)


def _ticks(lower: float, upper: float, step: float | None = None) -> list[float]:
    """Round numbers between two others."""
    locator = MaxNLocator(5, steps=[1, 2, 5, 10]) if step is None else MultipleLocator(step)
    return [float(round(tick, 12)) for tick in locator.tick_values(lower, upper) if lower <= tick <= upper]


def _compass(degrees: float, positive: str, negative: str) -> str:
    """Such as 60°W; neither side at the equator, at Greenwich, and opposite of it."""
    neither = degrees == 0 or (positive == "E" and degrees % 180 == 0)
    return f"{abs(round(degrees, 4)):g}°{'' if neither else positive if degrees > 0 else negative}"
