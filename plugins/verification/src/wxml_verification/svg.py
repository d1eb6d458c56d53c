"""Pictures as inline SVG that takes its colours from the page, so that it is right in light, in dark and on paper."""

__all__ = ["COLOURS", "inline_svg"]

import re
from html import escape
from io import StringIO

import matplotlib as mpl
from matplotlib.figure import Figure

COLOURS = {
    "ink": "#010203",
    "faint": "#040506",
    "forecast": "#0072b2",
    "persistence": "#d55e00",
    "climatology": "#009e73",
}
"""What to draw with: each becomes the page's own colour of that name (the last three: Okabe and Ito's palette)."""


def inline_svg(figure: Figure, *, label: str, key: str, dpi: int = 100) -> str:
    """The figure as one `<svg>` element, without any outside reference.

    Args:
        figure: drawn with `COLOURS` for all that is not data.
        label: what the picture shows, for those who cannot see it.
        key: unique among the pictures of a page, since parts of a picture refer to each other by name.
        dpi: how fine rasterised parts are.
    """
    text = StringIO()
    # Settings are global in matplotlib; no other way leads to text that stays text, and to the same bytes each time.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": key}):
        figure.savefig(text, format="svg", dpi=dpi, transparent=True, metadata={"Date": None})
    body = text.getvalue()
    box = re.search(r'viewBox="[^"]*"', body)
    inside = body[body.index("</metadata>") + len("</metadata>") :] if "</metadata>" in body else body
    for name, colour in COLOURS.items():
        inside = inside.replace(colour, f"var(--{name})")
    inside = re.sub(r' id="[a-z0-9.]+_\d+"|<!--.*?-->|\n *', " ", inside)
    return f'<svg role="img" aria-label="{escape(label)}" {box[0] if box else ""}>{inside}'
