"""Draws the pictures of `docs/graphs.md`; with `--globe` the page too, as Chromium shows it.

Maps are the same bytes on every run with the same libraries.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from wxml import Graph, Grid, create
from wxml_graph_viewer.chosen import choose
from wxml_graph_viewer.drawing.map import draw_map
from wxml_graph_viewer.drawing.projection import projection_of
from wxml_graph_viewer.drawing.view import seen_from
from wxml_graph_viewer.globe.page import write_page
from wxml_graph_viewer.opening import Opened

FOLDER = Path(__file__).parent / "pictures"
DOTS = 60
EUROPE = Grid.regular(np.arange(72, 33, -1.5), np.arange(-15, 46, 1.5))
GRAPHS: dict[str, tuple[Grid, str, dict[str, Any]]] = {
    "global": (Grid.octahedral(12), "icosahedral", {"refinement": 3}),
    "limited-area": (EUROPE, "limited-area", {}),
    "levels": (Grid.octahedral(12), "icosahedral", {"refinement": 3, "hierarchy": 2}),
}
"""Name of the picture → the grid, the graph builder and its options."""


def built(name: str) -> Graph:
    """The graph of a picture."""
    grid, builder, options = GRAPHS[name]
    graph: Graph = create("graph-builder", builder, options).build(grid)
    return graph


def draw(name: str, graph: Graph) -> None:
    """Write the map of a graph."""
    nodes = ("mesh", "mesh:1", "mesh:2") if name == "levels" else ()
    edges = ("mesh/mesh:1", "mesh:1/mesh:2") if name == "levels" else ("mesh/mesh",)
    figure = draw_map(graph, choose(graph, nodes, edges), projection_of("auto", seen_from(graph)), title=name)
    figure.savefig(FOLDER / f"graph-{name}.png", dpi=DOTS, metadata={"Software": None})


def photograph(graph: Graph) -> None:
    """Write what Chromium shows of the page of a graph."""
    from playwright.sync_api import sync_playwright

    with TemporaryDirectory() as folder, sync_playwright() as driver:
        file = Path(folder) / "page.html"
        write_page(Opened(Path("global.yaml"), graph, {}), choose(graph), seen_from(graph), file)
        flags = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
        browser = driver.chromium.launch(executable_path="/usr/bin/chromium", args=flags)
        page = browser.new_page(viewport={"width": 900, "height": 560})
        page.set_default_timeout(180_000)
        page.goto(file.as_uri())
        page.wait_for_selector("html[data-state=drawn]", state="attached")
        page.select_option("#edges li:nth-child(2) select", "length (km)")
        page.wait_for_timeout(500)
        page.screenshot(path=FOLDER / "graph-globe.png")
        browser.close()


def main() -> None:
    """Draw all maps, and the globe if it is asked for."""
    FOLDER.mkdir(exist_ok=True)
    for name in GRAPHS:
        draw(name, built(name))
    if "--globe" in sys.argv:
        photograph(built("global"))


if __name__ == "__main__":
    main()
