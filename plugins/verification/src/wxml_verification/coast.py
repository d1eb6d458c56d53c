"""The coastlines of Natural Earth (1:110 million, public domain), by way of the npm package world-atlas."""

__all__ = ["coastlines", "outline", "path_of_coasts"]

import json
from importlib.resources import files

from markupsafe import Markup

from wxml_verification.map_raster import MapRaster


def coastlines() -> list[list[int]]:
    """Lines in tenths of degrees: east, north, east, north and so on, from 180°W to 180°E."""
    text = files("wxml_verification.bundled").joinpath("coast.json").read_text(encoding="utf-8")
    lines: list[list[int]] = json.loads(text)
    return lines


def path_of_coasts() -> str:
    """The coastlines as the data of an SVG path, in tenths of degrees east and south."""
    return "".join(
        "M" + "L".join(f"{east} {-north}" for east, north in zip(line[::2], line[1::2], strict=True))
        for line in coastlines()
    )


def outline(raster: MapRaster, box: tuple[float, float, float, float]) -> Markup:
    """The coastlines over a map, as SVG that uses the path with the id `coast` of the page.

    Args:
        raster: the map.
        box: left, top, width and height of the map in the picture.
    """
    x, y, width, height = (f"{one:.2f}" for one in box)
    west, north = 10 * raster.west, 10 * raster.north
    view = f"{west:.1f} {-north:.1f} {10 * raster.east - west:.1f} {north - 10 * raster.south:.1f}"
    turns = [turn for turn in (-3600, 0, 3600) if turn - 1800 < 10 * raster.east and turn + 1800 > west]
    uses = Markup().join(Markup('<use href="#coast" x="{}"/>').format(turn) for turn in turns)
    frame = Markup(
        '<svg aria-hidden="true" x="{}" y="{}" width="{}" height="{}" viewBox="{}" preserveAspectRatio="none">'
    )
    return frame.format(x, y, width, height, view) + uses + Markup("</svg>")
