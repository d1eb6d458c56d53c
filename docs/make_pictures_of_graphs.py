"""Draws the pictures of `docs/graphs.md`; with `--globe` the page too, as Chromium shows it.

One is of the NCEP data, which WXML_SHARED_DATA names the folder of.

Maps are the same bytes on every run with the same libraries.
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import yaml
from wxml import Graph, Grid, GridPart, create, load_config
from wxml_graph_viewer.chosen import choose
from wxml_graph_viewer.drawing.map import draw_map
from wxml_graph_viewer.drawing.projection import projection_of
from wxml_graph_viewer.drawing.view import centred, seen_from
from wxml_graph_viewer.globe.page import write_page
from wxml_graph_viewer.opening import Opened

FOLDER = Path(__file__).parent / "pictures"
DOTS = 60
GLOBE = Grid.octahedral(12)
EUROPE = Grid.regular(np.arange(72, 33, -1.5), np.arange(-15, 46, 1.5))


def side_by_side(**grids: Grid) -> Grid:
    """Several grids with names, the nodes of one after those of another."""
    one = Grid.unstructured(
        np.concatenate([grid.latitudes for grid in grids.values()]),
        np.concatenate([grid.longitudes for grid in grids.values()]),
    )
    return replace(one, parts=tuple(GridPart(name, len(grid)) for name, grid in grids.items()))


@dataclass(frozen=True)
class Picture:
    """A graph, and what is drawn of it."""

    grid: Grid
    graph: str
    """As in a config."""
    nodes: Sequence[str] = ()
    edges: Sequence[str] = ("mesh/mesh",)
    colour: str = ""
    centre: str = ""


PICTURES = {
    "global": Picture(GLOBE, "{plugin: icosahedral, refinement: 3}"),
    "limited-area": Picture(EUROPE, "{plugin: limited-area, boundary: {nodes: 3}}", colour="boundary"),
    "stretched": Picture(
        GLOBE,
        """
        plugin: composed
        nodes:
          mesh:
            plugin: stretched
            refinement: 3
            finer:
              - {refinement: 4, area: {box: [75, -30, 25, 60]}}
              - {refinement: 5, area: {box: [65, -10, 40, 30]}}
        edges:
          - {from: grid, to: mesh, plugin: nearest, nearest: 3}
          - {from: grid, to: mesh, plugin: reversed-nearest}
          - {from: mesh, to: mesh, plugin: multi-scale, coarsest: 3}
          - {from: mesh, to: grid, plugin: nearest, nearest: 3}
        """,
        nodes=("mesh",),
        centre="45,12",
    ),
    "healpix": Picture(
        GLOBE,
        """
        plugin: composed
        nodes: {mesh: {plugin: healpix, nside: 8}}
        edges:
          - {from: grid, to: mesh, plugin: radius, factor: 0.9}
          - {from: mesh, to: mesh, plugin: healpix-neighbours}
          - {from: mesh, to: grid, plugin: nearest, nearest: 4}
        """,
    ),
    "levels": Picture(
        GLOBE,
        "{plugin: icosahedral, refinement: 3, hierarchy: 2}",
        nodes=("mesh", "mesh:1", "mesh:2"),
        edges=("mesh/mesh:1", "mesh:1/mesh:2"),
    ),
    "two-grids": Picture(
        side_by_side(globe=GLOBE, europe=EUROPE),
        "{plugin: icosahedral, refinement: 3}",
        edges=("data:globe/mesh", "data:europe/mesh"),
        centre="35,15",
    ),
}


EXPERIMENTS = Path(__file__).parent / "experiments" / "graphs"
DATA = Path(os.environ.get("WXML_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
TRAINED = {
    "global": {},
    "limited-area": {"colour": "boundary"},
    "stretched": {"centre": "50,15"},
    "healpix": {},
    "levels": {"nodes": ("mesh", "mesh:1", "mesh:2"), "edges": ("mesh/mesh:1", "mesh:1/mesh:2")},
    "two-grids": {"edges": ("data:globe/mesh", "data:region/mesh"), "centre": "45,15"},
}
"""How the graph of each experiment is drawn."""


def of_experiment(name: str) -> Picture:
    """The grid of the data of an experiment, and its graph; of the data nothing else is read."""
    ncep = [f"data.source.path={DATA / 'ncep-air-namerica' / 'air_temperature.zarr'}"] if name == "limited-area" else []
    config = load_config(EXPERIMENTS / f"{name}.yaml", ncep).config
    source, graph = config.data.source, config.graph
    grid = create("data-source", source.plugin, source.options).header.grid
    return Picture(grid, yaml.safe_dump({"plugin": graph.plugin, **graph.options}), **TRAINED[name])


def built(picture: Picture) -> Graph:
    """The graph of a picture."""
    config = yaml.safe_load(picture.graph)
    graph: Graph = create("graph-builder", config.pop("plugin"), config).build(picture.grid)
    return graph


def draw(name: str, picture: Picture, file: str) -> None:
    """Write the map of a graph into a file."""
    graph = built(picture)
    view = centred(seen_from(graph), picture.centre) if picture.centre else seen_from(graph)
    chosen = choose(graph, picture.nodes, picture.edges)
    figure = draw_map(graph, chosen, projection_of("auto", view), title=name, colour=picture.colour)
    figure.savefig(FOLDER / file, dpi=DOTS, metadata={"Software": None})


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
    for name, picture in PICTURES.items():
        draw(name, picture, f"graph-{name}.png")
    for name in TRAINED:
        draw(name, of_experiment(name), f"trained-{name}.png")
    if "--globe" in sys.argv:
        photograph(built(PICTURES["global"]))


if __name__ == "__main__":
    main()
