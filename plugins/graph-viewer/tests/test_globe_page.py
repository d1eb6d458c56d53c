"""The page of a graph, read as a browser reads it but without one: its arrays, its rules, its size."""

import gzip
import hashlib
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from hypothesis import given
from hypothesis import strategies as st
from wxml import EdgeSet, Graph, NodeSet
from wxml.graphs.files import save_graph
from wxml_graph_viewer.globe.packed import Packed
from wxml_graph_viewer.globe.thinning import thinned

Run = Callable[..., Result]


class Page(HTMLParser):
    """The scripts, styles and rules of a page."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: dict[str, str] = {}
        self.rules, self.title, self.tags, self._open = "", "", list[str](), ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append(tag)
        self._open = str(found.get("id") or tag)
        if found.get("http-equiv") == "Content-Security-Policy":
            self.rules = str(found["content"])

    def handle_data(self, data: str) -> None:
        self.parts[self._open] = self.parts.get(self._open, "") + data

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    @property
    def told(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.parts["told"])
        return told

    def array(self, place: dict[str, Any]) -> np.ndarray:
        """What `globe/src/arrays.js` makes of an array."""
        return unpacked(gzip.decompress(b64decode(self.parts["arrays"])), place)


def unpacked(whole: bytes, place: dict[str, Any]) -> np.ndarray:
    width = {"steps": 4, "level": 2}[place["kind"]]
    planes = np.frombuffer(whole, np.uint8, width * place["length"], place["start"]).reshape(width, -1)
    values = (planes.astype(np.int64) << 8 * np.arange(width)[:, None]).sum(axis=0)
    if place["kind"] == "steps":
        return np.cumsum(values.astype(np.uint32).view(np.int32).astype(np.int64))
    return np.asarray(place["low"] + (place["high"] - place["low"]) * values / 65535)


@given(st.lists(st.integers(0, 2**31 - 1)), st.lists(st.floats(-1e30, 1e30)))
def test_arrays_come_back(numbers: list[int], values: list[float]) -> None:
    packed = Packed()
    places = [packed.steps(np.array(numbers, np.int64)), packed.levels(np.array(values))]
    whole = gzip.decompress(b64decode(packed.text()))
    assert unpacked(whole, places[0]).tolist() == numbers
    reach = max(values, default=0) - min(values, default=0)
    assert unpacked(whole, places[1]) == pytest.approx(np.array(values), abs=reach / 65535 + 1e-300, rel=1e-12)


@pytest.fixture
def page(run: Run, tmp_path: Path) -> Callable[[Graph], Page]:
    """Write the page of a graph and read it."""

    def make(graph: Graph, name: str = "graph", *options: str) -> Page:
        save_graph(tmp_path / f"{name}.safetensors", graph, {})
        run("plot", tmp_path / f"{name}.safetensors", "--html", tmp_path / "page.html", *options)
        return Page((tmp_path / "page.html").read_text(encoding="utf-8"))

    return make


def test_the_page_holds_the_graph(page: Callable[..., Page], lab: Any) -> None:
    grid, (mesh, pairs) = lab.lattice(6, 12, east=350)[0], lab.lattice(4, 8)
    heights = np.linspace(-400, 8000, len(grid))
    plain = lab.joined(grid, mesh, pairs)
    graph = Graph({**plain.nodes, "grid": grid.with_attributes(height=heights)}, plain.edges)
    found = page(graph)
    for told in found.told["nodes"]:
        nodes = graph.nodes[told["name"]]
        assert told["count"] == told["shown"] == len(nodes)
        assert found.array(told["north"]) / 1e5 == pytest.approx(nodes.latitudes, abs=6e-6)
        east = (found.array(told["east"]) / 1e5 - nodes.longitudes + 180) % 360 - 180
        assert east == pytest.approx(np.zeros(len(nodes)), abs=6e-6)
    values = {one["name"]: found.array(one["array"]) for one in found.told["nodes"][0]["values"]}
    assert values["height"] == pytest.approx(heights, abs=8400 / 65535)
    assert np.rint(values["edges in"]).tolist() == [1] * 72
    for told in found.told["edges"]:
        edges = graph.edges[tuple(told["name"].split(" → "))]
        assert found.array(told["sources"]).tolist() == edges.source.tolist()
        assert found.array(told["targets"]).tolist() == edges.target.tolist()
    assert [one["name"] for one in found.told["edges"] if one["visible"]] == ["mesh → mesh"]


def test_what_is_chosen_is_seen_at_first_and_the_rest_can_be_switched_on(page: Callable[..., Page], lab: Any) -> None:
    told = page(lab.octahedron(), "graph", "--nodes", "grid", "--edges", "none").told
    assert [(one["name"], one["visible"]) for one in told["nodes"]] == [("grid", True), ("mesh", False)]
    assert [one["visible"] for one in told["edges"]] == [False] * 3


def test_only_the_scripts_and_styles_of_the_page_may_run(page: Callable[..., Page], lab: Any) -> None:
    found = page(lab.octahedron())
    rules = dict(rule.strip().partition(" ")[::2] for rule in found.rules.split(";"))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    for kind, part in (("script", found.parts["script"]), ("style", found.parts["style"])):
        digest = b64encode(hashlib.sha256(part.encode()).digest()).decode()
        assert rules[f"{kind}-src"] == f"'sha256-{digest}'"
    assert not {"link", "img", "iframe", "object"} & set(found.tags)


def test_names_are_text(page: Callable[..., Page], lab: Any) -> None:
    name = "<script>alert(1)< &amp; \N{RIGHT-TO-LEFT OVERRIDE}"
    found = page(lab.octahedron(), name)
    shown = name.replace("\N{RIGHT-TO-LEFT OVERRIDE}", "\\u202e")
    assert found.parts["title"] == found.parts["h1"] == shown
    assert found.tags.count("script") == 3
    assert "<" not in found.parts["told"]


def test_the_licences_of_what_is_bundled_are_in_the_page(page: Callable[..., Page], lab: Any) -> None:
    text = page(lab.octahedron()).parts["pre"]
    assert re.search(r"three \d.*The MIT License.*three\.js authors", text, re.DOTALL)
    assert re.search(r"world-atlas \d.*Michael Bostock", text, re.DOTALL)


def large(count: int) -> Graph:
    """A spiral of `count` grid nodes, and of a quarter as many mesh nodes; about 8 edges for each grid node."""

    def spiral(number: int) -> NodeSet:
        steps = np.arange(number) + 0.5
        return NodeSet(np.degrees(np.arcsin(1 - 2 * steps / number)), np.mod(steps * 137.50776, 360))

    grid, mesh = spiral(count), spiral(count // 4)
    numbers, inner = np.arange(count), np.arange(len(mesh))
    below = np.minimum(numbers // 4, len(mesh) - 1)
    around = [(inner + step) % len(mesh) for step in (1, 2, 3, 5, 8, 13, 21, 34)]
    edges = {
        ("grid", "mesh"): EdgeSet.between(grid, mesh, numbers, below),
        ("mesh", "mesh"): EdgeSet.between(mesh, mesh, np.tile(inner, 8), np.concatenate(around)),
        ("mesh", "grid"): EdgeSet.between(
            mesh, grid, np.concatenate([(below + step) % len(mesh) for step in range(3)]), np.tile(numbers, 3)
        ),
    }
    return Graph({"grid": grid, "mesh": mesh}, edges)


def test_a_hundred_thousand_nodes_take_less_than_ten_megabytes(page: Callable[..., Page], tmp_path: Path) -> None:
    graph = large(100_000)
    told = page(graph).told
    assert [one["shown"] for one in told["nodes"]] == [100_000, 25_000]
    assert sorted(one["shown"] for one in told["edges"]) == [100_000, 200_000, 300_000]
    assert (tmp_path / "page.html").stat().st_size < 10e6


def test_of_a_larger_graph_an_even_part_is_kept_with_whole_neighbourhoods() -> None:
    graph = large(4000)
    kept = thinned(graph, nodes=500, edges=2000)
    for (source, target), numbers in kept.edges.items():
        edges = graph.edges[source, target]
        targets = np.unique(edges.target[numbers])
        assert len(numbers) == np.sum(np.diff(edges.pointers)[targets])
        assert np.isin(edges.source[numbers], kept.nodes[source]).all()
        assert np.isin(targets, kept.nodes[target]).all()
    assert 500 <= sum(map(len, kept.nodes.values())) < 2700
    assert 1500 < sum(map(len, kept.edges.values())) <= 2300
