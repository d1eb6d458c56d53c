"""Line charts as SVG, without any library."""

__all__ = ["Line", "chart"]

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 460, 260
LEFT, RIGHT, TOP, BOTTOM = 62, 12, 12, 34
MOST_POINTS = 800
COLOURS = ("#2f6db3", "#c2502e", "#3f8f5b", "#8a5fb0", "#b0852a", "#5b6b7b", "#b3477f", "#2a9c9c")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart; points that are not finite leave a gap."""

    label: str
    points: Sequence[tuple[float, float]]
    is_dashed: bool = False
    colour: int = 0


def chart(title: str, lines: Sequence[Line], *, logarithmic: bool = False, units: str = "") -> str:
    """An SVG with a legend below; empty without any point. One with a number below 0 is never logarithmic."""
    logarithmic = logarithmic and all(y >= 0 for line in lines for _, y in line.points if math.isfinite(y))
    shown = [_fitting(line, logarithmic) for line in lines]
    points = [point for line in shown for point in line.points]
    if not points:
        return ""
    x_axis, y_axis = _Axis.of([x for x, _ in points]), _Axis.of([y for _, y in points], logarithmic=logarithmic)
    inner = _frame(x_axis, y_axis) + "".join(_path(line, x_axis, y_axis) for line in shown)
    legend = "".join(_legend(line) for line in shown if line.label)
    heading = f"{escape(title)}{f' <span>{escape(units)}</span>' if units else ''}"
    svg = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">{inner}</svg>'
    return f"<figure><figcaption>{heading}</figcaption>{svg}<div class=legend>{legend}</div></figure>"


@dataclass(frozen=True, slots=True)
class _Axis:
    """A range of numbers, or of their logarithms."""

    low: float
    high: float
    is_logarithmic: bool

    @classmethod
    def of(cls, values: Sequence[float], *, logarithmic: bool = False) -> "_Axis":
        taken = [math.log10(value) for value in values] if logarithmic else list(values)
        low, high = min(taken), max(taken)
        margin = 0.04 * (high - low) if logarithmic or low != 0 else 0.0
        if high == low:
            margin = abs(high) * 0.1 or 1.0
        return cls(low - margin, high + margin, logarithmic)

    def place(self, value: float) -> float:
        """Where a number is, from 0 to 1."""
        taken = math.log10(value) if self.is_logarithmic else value
        return (taken - self.low) / (self.high - self.low)

    @property
    def ticks(self) -> list[float]:
        """Round numbers in the range."""
        if self.is_logarithmic:
            found = [
                factor * 10.0**power
                for power in range(math.floor(self.low), math.ceil(self.high) + 1)
                for factor in ((1, 2, 5) if self.high - self.low < 2.5 else (1,))
            ]
            shown = [value for value in found if self.low <= math.log10(value) <= self.high]
            return shown if len(shown) > 1 else _Axis(10.0**self.low, 10.0**self.high, is_logarithmic=False).ticks
        raw = (self.high - self.low) / 5
        power = 10.0 ** math.floor(math.log10(raw))
        step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw)
        first = math.ceil(self.low / step)
        return [number * step for number in range(first, math.floor(self.high / step) + 1)]


def _fitting(line: Line, logarithmic: bool) -> Line:
    """The line with no more points than can be seen, and none that cannot be drawn."""
    points = [(x, y) for x, y in line.points if math.isfinite(y) and (y > 0 or not logarithmic)]
    stride = math.ceil(len(points) / MOST_POINTS) or 1
    kept = points[::stride]
    if points and kept[-1] != points[-1]:
        kept.append(points[-1])
    return Line(line.label, kept, line.is_dashed, line.colour)


def _at(x: float, y: float) -> tuple[float, float]:
    return LEFT + x * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - y * (HEIGHT - TOP - BOTTOM)


def _frame(x_axis: _Axis, y_axis: _Axis) -> str:
    parts = []
    for value in y_axis.ticks:
        x, y = _at(0, y_axis.place(value))
        parts.append(f'<line class=grid x1="{x:.1f}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{x - 6:.1f}" y="{y + 3.5:.1f}" text-anchor="end">{_number(value)}</text>')
    for value in x_axis.ticks:
        x, y = _at(x_axis.place(value), 0)
        parts.append(f'<text x="{x:.1f}" y="{y + 15:.1f}" text-anchor="middle">{_number(value)}</text>')
    left, bottom = _at(0, 0)
    parts.append(f'<line class=axis x1="{left}" y1="{bottom}" x2="{WIDTH - RIGHT}" y2="{bottom}"/>')
    parts.append(f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 4}" text-anchor="end">step</text>')
    return "".join(parts)


def _path(line: Line, x_axis: _Axis, y_axis: _Axis) -> str:
    places = [_at(x_axis.place(x), y_axis.place(y)) for x, y in line.points]
    if not places:
        return ""
    colour = COLOURS[line.colour % len(COLOURS)]
    if len(places) == 1:
        return f'<circle cx="{places[0][0]:.1f}" cy="{places[0][1]:.1f}" r="2.5" fill="{colour}"/>'
    steps = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dashes = ' stroke-dasharray="5 4"' if line.is_dashed else ""
    return f'<polyline points="{steps}" fill="none" stroke="{colour}" stroke-width="1.6"{dashes}/>'


def _legend(line: Line) -> str:
    style = "dashed" if line.is_dashed else "solid"
    colour = COLOURS[line.colour % len(COLOURS)]
    latest = f" <b>{_number(line.points[-1][1])}</b>" if line.points else ""
    return f'<span><i style="border-top: 2px {style} {colour}"></i>{escape(line.label)}{latest}</span>'


def _number(value: float) -> str:
    return f"{value:,.0f}".replace(",", "\u202f") if abs(value) >= 1000 and value == int(value) else f"{value:.4g}"
