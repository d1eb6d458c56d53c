"""The page of a graph in a real browser: Chromium without a screen, by `nox -s browser` or where both are installed."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread
from wxml import EdgeSet, Graph, NodeSet, create
from wxml import Grid as GridOfData
from wxml_graph_viewer.chosen import choose
from wxml_graph_viewer.drawing.view import View
from wxml_graph_viewer.globe.page import write_page
from wxml_graph_viewer.opening import Opened

CHROMIUM = os.environ.get("WXML_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
WIDTH, HEIGHT, SIDE = 900, 700, 266
"""The window in pixels, and how much of its width the panel takes."""
DRAWN = "document.documentElement.dataset"
SEEN = np.array([15.0, 0.0]), 3.2
"""Where the page looks at a globe from: degrees, and radii."""

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed here")


class Window:
    """One page in the browser, and what it asked for and complained of."""

    def __init__(self, page: Any, folder: Path) -> None:
        self.page, self.folder = page, folder
        self.complaints, self.requests = list[str](), list[str]()
        page.set_default_timeout(180_000)  # it is drawn by the processor, which may have other work
        page.on("console", lambda one: self.complaints.append(one.text))
        page.on("pageerror", lambda one: self.complaints.append(str(one)))
        page.on("request", lambda one: self.requests.append(one.url))

    def show(self, graph: Graph, name: str = "graph") -> None:
        """Open the page of a graph, seen from above 15°N 0°E, and wait until it is drawn."""
        file = self.folder / "page.html"
        write_page(Opened(Path(f"{name}.yaml"), graph, {}), choose(graph), View(*SEEN[0], np.pi), file, overwrite=True)
        self.page.goto(file.as_uri())
        self.page.wait_for_selector("html[data-state]", state="attached")
        assert self.page.evaluate(f"{DRAWN}.state") == "drawn", self.page.inner_text("#failure")

    def drawn(self, what: str = "points") -> int:
        """How many the renderer has drawn in the last frame."""
        return int(self.page.evaluate(f"new Promise(then => setTimeout(() => then({DRAWN}.{what}), 300))"))

    def picture(self) -> np.ndarray:
        """The pixels of a screenshot, shape `[y, x, 3]`, 0 to 255."""
        self.page.screenshot(path=self.folder / "page.png")
        return np.rint(imread(self.folder / "page.png")[..., :3] * 255).astype(int)

    def point_at(self, north: float, east: float) -> str:
        """Move the pointer to a place on the globe, and read what is told of it."""
        x, y = map(round, pixel(north, east))
        self.page.mouse.move(x, y)
        self.page.wait_for_function(f"{DRAWN}.pointer === '{x},{y}'")
        return str(self.page.inner_text("#tip")) if self.page.is_visible("#tip") else ""


def pixel(north: float, east: float) -> tuple[float, float]:
    """Where a place is drawn at first: a perspective of 40° in what the panel leaves free, by its own formula."""
    (phi, lam), (phi0, lam0) = np.radians([north, east]), np.radians(SEEN[0])
    x = np.cos(phi) * np.sin(lam - lam0)
    y = np.cos(phi0) * np.sin(phi) - np.sin(phi0) * np.cos(phi) * np.cos(lam - lam0)
    z = np.sin(phi0) * np.sin(phi) + np.cos(phi0) * np.cos(phi) * np.cos(lam - lam0)
    scale = min(WIDTH - SIDE, HEIGHT) / 2 / np.tan(np.radians(20)) / (SEEN[1] - z)
    return (WIDTH + SIDE) / 2 + scale * x, HEIGHT / 2 - scale * y


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A browser that draws by the processor, so that every machine can."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed here")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def window(browser: Any, tmp_path: Path) -> Iterator[Window]:
    page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
    opened = Window(page, tmp_path)
    yield opened
    page.close()
    assert opened.complaints == []
    assert all(url.startswith(f"file://{tmp_path}/page.html") for url in opened.requests), opened.requests


@pytest.fixture(scope="module")
def global_graph() -> Graph:
    graph: Graph = create("graph-builder", "icosahedral", {"refinement": 3}).build(GridOfData.octahedral(16))
    return graph


def places(*found: tuple[float, float]) -> Graph:
    """A graph of some places, each of them a grid node and a mesh node that nobody sees behind it."""
    north, east = np.transpose(found)
    around = NodeSet(np.array([-60.0, 60, 0, 0]), np.array([180.0, 180, 180, 170]))  # on the far side
    nodes = NodeSet(np.append(north, around.latitudes), np.append(east, around.longitudes))
    mesh, numbers = NodeSet(around.latitudes, around.longitudes), np.arange(len(nodes))
    edges = {
        ("grid", "mesh"): EdgeSet.between(nodes, mesh, numbers[-4:], np.arange(4)),
        ("mesh", "mesh"): EdgeSet.between(mesh, mesh, np.arange(4), np.roll(np.arange(4), 1)),
        ("mesh", "grid"): EdgeSet.between(mesh, nodes, np.arange(4), numbers[-4:]),
    }
    return Graph({"grid": nodes, "mesh": mesh}, edges)


def test_every_node_of_the_graph_is_drawn(window: Window, global_graph: Graph) -> None:
    window.show(global_graph)
    assert window.drawn() == sum(map(len, global_graph.nodes.values()))
    assert window.drawn("lines") >= len(global_graph.edges["mesh", "mesh"])
    picture = window.picture()
    orange, blue = (np.abs(picture - colour).max(axis=-1) < 25 for colour in ([255, 180, 84], [89, 194, 255]))
    assert min(orange.sum(), blue.sum()) > 2000
    globe, half = orange[:, SIDE:], (WIDTH - SIDE) // 2
    assert globe[:, half:].sum() == pytest.approx(globe[:, :half].sum(), rel=0.1)


@pytest.mark.parametrize("size", [(900, 560), (900, 700), (1600, 500), (420, 800)])
def test_the_panel_hides_nothing_of_the_globe(window: Window, global_graph: Graph, size: tuple[int, int]) -> None:
    window.page.set_viewport_size({"width": size[0], "height": size[1]})
    window.show(global_graph)
    window.drawn()
    canvas, panel = (window.page.locator(name).bounding_box() for name in ("#globe", "#panel"))
    right, below = (panel[at] >= canvas[at] + canvas[side] for at, side in (("x", "width"), ("y", "height")))
    assert canvas["x"] >= panel["x"] + panel["width"] or right or below
    x, y, width, height = (round(canvas[key]) for key in ("x", "y", "width", "height"))
    bright = window.picture()[y : y + height, x : x + width].max(axis=-1) > 60
    rows, columns = (np.flatnonzero(bright.any(axis=axis)) for axis in (1, 0))
    for found, length in ((rows, height), (columns, width)):
        assert found[0] > 2
        assert found[0] == pytest.approx(length - 1 - found[-1], abs=8)  # all of it, in the middle
    assert max(np.ptp(rows) / height, np.ptp(columns) / width) > 0.8


def test_sets_are_switched_off_and_on(window: Window, global_graph: Graph) -> None:
    window.show(global_graph)
    sizes = {name: len(nodes) for name, nodes in global_graph.nodes.items()}
    window.page.uncheck("#nodes li:nth-child(1) input")
    assert window.drawn() == sizes["mesh"]
    lines = window.drawn("lines")
    window.page.check("#edges li:nth-child(1) input")
    assert window.drawn("lines") >= lines + len(global_graph.edges["grid", "mesh"])
    for number in (1, 2):
        window.page.uncheck(f"#edges li:nth-child({number}) input")
    assert window.drawn("lines") == 0
    window.page.check("#nodes li:nth-child(1) input")
    assert window.drawn() == sum(sizes.values())


def test_nodes_and_edges_are_coloured_by_their_values(window: Window, global_graph: Graph) -> None:
    window.show(global_graph)
    before = window.picture()
    window.page.select_option("#nodes li:nth-child(2) select", "edges in")
    window.page.select_option("#edges li:nth-child(2) select", "length (km)")
    window.drawn()
    low, high = (window.page.inner_text(f"#nodes li:nth-child(2) .scale span:nth-of-type({n})") for n in (1, 2))
    degrees = sum(np.diff(edges.pointers) for (_, to), edges in global_graph.edges.items() if to == "mesh")
    assert (float(low), float(high)) == (degrees.min(), degrees.max())
    after = window.picture()
    assert (np.abs(after - before).max(axis=-1) > 40).sum() > 2000
    assert window.page.is_hidden("#nodes li:nth-child(1) .scale")


def test_east_is_to_the_right_north_is_up_and_greenwich_in_the_middle(window: Window) -> None:
    spots = [(15.0, 0.0), (15.0, 40.0), (55.0, 0.0), (-30.0, -5.0), (51.478, 0.0)]
    window.show(places(*spots))
    assert window.drawn() == len(spots) + 8
    for number, (north, east) in enumerate(spots):
        first, second, *_ = window.point_at(north, east).splitlines()
        side = "S" if north < 0 else "N"
        assert first == f"grid {number}"
        assert second == f"{abs(north):.3f}°{side} {abs(east):.3f}°{'W' if east < 0 else 'E'}"
    assert window.point_at(-15, 30) == ""


def test_the_far_side_is_hidden(window: Window) -> None:
    window.show(places((-15.0, 180.0)))  # straight behind the middle
    assert window.drawn() == 9
    globe = window.picture()[:, SIDE:]
    for colour in ([255, 180, 84], [89, 194, 255], [210, 166, 255]):
        assert (np.abs(globe - colour).max(axis=-1) < 40).sum() == 0
    assert window.point_at(15, 0) == ""


def test_the_globe_turns_and_comes_nearer(window: Window) -> None:
    window.show(places((15.0, 0.0)))
    before = window.picture()
    window.page.mouse.move(580, 350)
    window.page.mouse.down()
    window.page.mouse.move(720, 350, steps=4)
    window.page.mouse.up()
    window.drawn()
    assert window.point_at(15, 0) == ""  # it has gone to the right
    turned = window.picture()
    assert np.abs(turned - before).max() > 100
    window.page.mouse.wheel(0, -600)
    window.drawn()
    assert (window.picture()[5:40, 450:] > 20).any()  # the globe fills the window
    window.page.locator("#globe").press("ArrowLeft")
    window.drawn()


def test_a_name_is_no_markup(window: Window, global_graph: Graph) -> None:
    window.show(global_graph, "<img src=x onerror=alert(1)>")
    assert window.page.inner_text("h1") == "<img src=x onerror=alert(1)>"
    assert window.page.locator("img").count() == 0
