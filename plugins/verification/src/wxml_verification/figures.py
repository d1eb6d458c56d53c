"""Figures as inline SVG: the score curves, and the colours and the SVG export that all pictures share."""

__all__ = ["COLOURS", "LINES", "OTHER", "colour_names", "draw_curves", "inline_svg", "lead_time_axis"]

import re
import warnings
from collections.abc import Sequence
from io import StringIO

import matplotlib as mpl
import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, ScalarFormatter
from numpy.typing import NDArray
from wxml import Scores

from wxml_verification.words import RAISED, pretty_units

COLOURS = {
    "ink": "#010203",
    "faint": "#040506",
    "line": "#070809",
    "forecast": "#0072b2",
    "persistence": "#d55e00",
    "interpolation": "#d55e01",
    "climatology": "#009e73",
    "diurnal-persistence": "#cc79a7",
    "climatology-ensemble": "#0a7f8f",
    "run-2": "#a3488a",
    "run-3": "#b07d00",
    "run-4": "#0f8f8f",
    "run-5": "#5c5c5c",
}
"""Colours to draw with: each becomes the page's own colour of that name, so that a picture is right in light, in dark
and on paper (those of the forecast and its baselines: Okabe and Ito's palette)."""
NOTHING = Markup()
TITLES = {
    "rmse": "RMSE",
    "acc": "Anomaly correlation",
    "bias": "Bias",
    "mae": "Mean absolute error",
    "crps": "CRPS",
    "spread-skill": "Spread over skill",
}
"""The metrics that have a panel, where they are computed."""
ENSEMBLE = ("spread-skill",)
UNITLESS = ("acc", "spread-skill")
LINES = {
    "forecast": ("-", "o", 2.2),
    "persistence": ("--", "s", 1.5),
    "interpolation": ("--", "s", 1.5),
    "climatology": (":", "^", 1.8),
    "diurnal-persistence": ("-.", "v", 1.5),
    "climatology-ensemble": (":", "d", 1.8),
}
OTHER = ("-.", "d", 1.5)
"""The line of a forecast that is not among these, such as one of another file."""
RUNS = ("run-2", "run-3", "run-4", "run-5")
REFERENCE = {"acc": 0.6, "bias": 0.0, "spread-skill": 1.0}  # the usual limit of a useful forecast; none; reliable


def inline_svg(figure: Figure, *, label: str, key: str, overlay: Markup = NOTHING) -> Markup:
    """The figure as one `<svg>` element, without any outside reference, and with the same bytes each time.

    Args:
        figure: a figure drawn with `COLOURS`, except its data.
        label: the content of the picture in words, for those who cannot see it.
        key: a name that no other picture of the page has, since parts of a picture refer to each other by name.
        overlay: SVG that lies over the picture, in points from its upper left corner.
    """
    text = StringIO()
    # Settings are global in matplotlib; no other way leads to text that stays text, to pixels that stay as they are,
    # and to names that are the same each time.
    with (
        mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": key, "image.composite_image": False}),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", "Glyph .* missing")  # the reader's browser has fonts of its own
        figure.savefig(text, format="svg", dpi=100, facecolor="none", metadata={"Date": None})
    body = text.getvalue()
    box = re.search(r'viewBox="[^"]*"', body)
    inside = body[body.index("</metadata>") + len("</metadata>") :] if "</metadata>" in body else body
    for name, colour in COLOURS.items():
        inside = inside.replace(colour, f"var(--{name})")
    inside = inside.replace("base64,\n", "base64,")
    inside = re.sub(r' id="(?:[a-z0-9.]+_\d+|image[0-9a-f]+)"|<!--.*?-->|\n *', " ", inside)
    opening = Markup('<svg role="img" aria-label="{}" ').format(label)
    return opening + Markup(f"{box[0] if box else ''}>{inside.replace('</svg>', str(overlay) + '</svg>')}")  # noqa: S704  # matplotlib escapes what it writes


def draw_curves(scores: Scores, variable: str) -> Markup:
    """One row of panels for a variable, as SVG; the legend is the page's."""
    figure = Figure(figsize=(12, 2.5))
    shown = TITLES if "spread-skill" in scores.metrics else list(TITLES)[:-2]  # the CRPS of one member is its MAE
    titles = {metric: TITLES[metric] for metric in shown if metric in scores.metrics}
    panels = figure.subplots(1, len(titles), squeeze=False)[0]
    figure.subplots_adjust(left=0.045, right=0.995, top=0.86, bottom=0.19, wspace=0.24)
    for axes, metric in zip(panels, titles, strict=True):
        _panel(axes, scores, metric, variable)
    lead_times, unit = lead_time_axis(scores.lead_times)
    last = [f"{name} {scores.get('rmse', name, variable)[-1]:.3g}" for name in scores.forecasts]
    summary = f"RMSE at {lead_times[-1]:g} {unit}: {', '.join(last)}."
    label = f"{variable}: {', '.join(titles.values())} against lead time. {summary}"
    return inline_svg(figure, label=label, key=f"curves-{scores.variables.index(variable)}")


def colour_names(forecasts: Sequence[str]) -> dict[str, str]:
    """Forecast → the name of its colour: its own, or the next of those that nothing else has.

    >>> colour_names(["forecast", "persistence", "ridge", "old"])
    {'forecast': 'forecast', 'persistence': 'persistence', 'ridge': 'run-2', 'old': 'run-3'}
    """
    others = [name for name in forecasts if name not in LINES]
    return {name: name if name in LINES else RUNS[others.index(name) % len(RUNS)] for name in forecasts}


def lead_time_axis(lead_times: NDArray[np.timedelta64]) -> tuple[NDArray[np.float64], str]:
    """Lead times as numbers, and their unit: hours up to three days, then days."""
    hours = lead_times / np.timedelta64(1, "h")
    return (hours, "h") if hours.max() <= 72 else (hours / 24, "days")


def _panel(axes: Axes, scores: Scores, metric: str, variable: str) -> None:
    """One metric against lead time.

    RMSE and MAE start at zero and ACC ends at one, so that panels can be compared by eye.
    """
    lead_times, unit = lead_time_axis(scores.lead_times)
    if metric in REFERENCE:
        axes.axhline(REFERENCE[metric], color=COLOURS["faint"], linewidth=1)
    colours = {name: COLOURS[colour] for name, colour in colour_names(scores.forecasts).items()}
    for name in reversed(scores.forecasts):  # the forecast last, so that it lies on top
        style, marker, width = LINES.get(name, OTHER)
        curve = scores.get(metric, name, variable)
        if metric in ENSEMBLE and not np.isfinite(curve).any():
            continue  # a baseline has no members
        axes.plot(lead_times, curve, style, marker=marker, markersize=3.5, linewidth=width, color=colours[name])
    lower, upper = axes.get_ylim()
    limits = {"acc": (min(lower, 0.0), 1.03), "bias": (min(lower, -0.1 * upper), max(upper, -0.1 * lower))}
    axes.set_ylim(limits.get(metric, (0, max(upper, 1e-12))))
    axes.set_xlim(0, lead_times.max() * 1.03)
    formatter = ScalarFormatter(useOffset=False)
    formatter.set_powerlimits((-2, 4))
    axes.yaxis.set_major_formatter(formatter)
    axes.yaxis.get_offset_text().set_visible(False)  # the power of ten is in the title, where it cannot overlap it
    formatter.set_locs(axes.yaxis.get_majorticklocs().tolist())
    exponent = formatter.get_offset().removeprefix("1e").replace("−", "-")  # such as 1e−3; empty without a power
    power = f"10{exponent.translate(RAISED)}" if exponent else ""
    units = "" if metric in UNITLESS else pretty_units(scores.units[scores.variables.index(variable)])
    scale = " ".join(part for part in (power, units) if part)
    title = TITLES[metric] + (f" ({scale})" if scale else "")
    axes.set_title(title, loc="left", y=1.0, fontsize=10, color=COLOURS["ink"], parse_math=False)
    axes.set_xlabel(f"lead time ({unit})", fontsize=9, color=COLOURS["ink"])
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 3, 6, 10] if unit == "h" else [1, 2, 5, 10]))
    axes.set_facecolor("none")
    axes.grid(color=COLOURS["faint"], alpha=0.25, linewidth=0.6)
    axes.tick_params(labelsize=8.5, colors=COLOURS["ink"], length=0)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(COLOURS["faint"])
