"""What errors of the parts of a graph propose, carried out: the graph is built."""

from typing import Any

import numpy as np
import pytest
from wxml import Grid
from wxml.errors import WxmlError
from wxml.plugins.create import create

carries_out = pytest.mark.carries_out
Choice = dict[str, Any]

GLOBE = Grid.octahedral(4)
REGION = Grid.regular(np.linspace(60, 40, 9), np.linspace(0, 20, 9))
READ = {"from": "grid", "to": "mesh", "plugin": "radius"}
MIX = {"from": "mesh", "to": "mesh", "plugin": "nearest", "nearest": 4}
CELLS = {"from": "mesh", "to": "mesh", "plugin": "healpix-neighbours"}
WRITE = {"from": "mesh", "to": "grid", "plugin": "nearest"}
TRIANGLES = {"plugin": "triangles", "refinement": 2}
FINER = {"plugin": "triangles", "refinement": 4}
BOX = {"box": [60, 0, 40, 20]}
NORTH = {"plugin": "in-area", "area": {"box": [90, 0, 45, 360]}}
NOWHERE = {"plugin": "in-area", "area": {"box": [-60, 0, -61, 1]}}


def graph(mesh: Choice = TRIANGLES, *edges: Choice, **nodes: Choice) -> Choice:
    """The options of `composed`: a mesh, its edges if they are not the usual ones, and node sets before it."""
    return {"nodes": {**nodes, "mesh": mesh}, "edges": list(edges or (READ, MIX, WRITE))}


def within(area: Choice, base: Choice = FINER, **nodes: Choice) -> Choice:
    return graph({"plugin": "limited", "base": base, "area": area}, **nodes)


def known(what: str, mesh: Choice = TRIANGLES, **others: Choice) -> Choice:
    return graph({**mesh, "attributes": {"known": {"plugin": what, **others}}})


def grid(**attributes: Choice) -> Choice:
    return {"plugin": "grid", "attributes": attributes}


def stretched(*finer: tuple[int, Choice]) -> Choice:
    levels = [{"refinement": refinement, "area": area} for refinement, area in finer]
    return graph({"plugin": "stretched", "refinement": 1, "finer": levels})


def all_pairs(maximum: int) -> Choice:
    return graph(TRIANGLES, READ, {"from": "mesh", "to": "mesh", "plugin": "all", "maximum": maximum}, WRITE)


CASES: list[tuple[pytest.MarkDecorator, Grid, Choice, list[Choice]]] = [
    (carries_out("give one of them"), REGION, within({"margin_km": 500}), [within({**BOX, "margin_km": 500})]),
    (carries_out("leave them out"), REGION, within({**BOX, "hull": True}), [within(BOX)]),
    (
        carries_out("give the node set such an attribute, or leave `mask` out"),
        REGION,
        within({"nodes": "grid", "mask": "north", "margin_km": 800}),
        [
            within({"nodes": "grid", "mask": "north", "margin_km": 800}, grid=grid(north=NORTH)),
            within({"nodes": "grid", "margin_km": 800}),
        ],
    ),
    (
        carries_out("write the northern latitude first and the southern one third"),
        REGION,
        within({"box": [40, 0, 60, 20]}),
        [within(BOX)],
    ),
    (
        carries_out("divide it into several, or use a `box`"),
        GLOBE,
        within({"polygon": [(0, 0), (0, 120), (0, 240)]}),
        [within({"polygon": [(0, 0), (0, 60), (60, 30)], "margin_km": 900}), within({"box": [90, 0, 0, 360]})],
    ),
    (
        carries_out("name a node set of the data, or one that stands further up in `nodes`"),
        REGION,
        within({"nodes": "gird", "margin_km": 800}),
        [within({"nodes": "grid", "margin_km": 800}), within({"nodes": "coarse", "margin_km": 80}, coarse=TRIANGLES)],
    ),
    (carries_out("join fewer nodes, or raise `maximum`"), GLOBE, all_pairs(100), [all_pairs(30_000)]),
    (
        carries_out("leave one of the two out"),
        GLOBE,
        graph(TRIANGLES, {**READ, "factor": 0.6, "km": 1000}, MIX, WRITE),
        [graph(TRIANGLES, {**READ, "factor": 0.6}, MIX, WRITE), graph(TRIANGLES, {**READ, "km": 1000}, MIX, WRITE)],
    ),
    (
        carries_out("leave one of the two out"),
        REGION,
        graph(TRIANGLES, grid=grid(boundary={"width_km": 300, "width_nodes": 2})),
        [
            graph(TRIANGLES, grid=grid(boundary={"width_km": 300})),
            graph(TRIANGLES, grid=grid(boundary={"width_nodes": 2})),
        ],
    ),
    (
        carries_out("write the same name in `from` and `to`, or join two sets by `nearest`"),
        GLOBE,
        graph(TRIANGLES, {**READ, "plugin": "multi-scale"}, MIX, WRITE),
        [
            graph(TRIANGLES, READ, {"from": "mesh", "to": "mesh", "plugin": "multi-scale"}, WRITE),
            graph(TRIANGLES, {**READ, "plugin": "nearest", "nearest": 30}, MIX, WRITE),
        ],
    ),
    (
        carries_out("join it by `nearest` or `radius`, or choose `triangles`, `healpix` or `stretched`"),
        GLOBE,
        graph(
            {"plugin": "reduced-gaussian", "grid": "o4"},
            READ,
            {"from": "mesh", "to": "mesh", "plugin": "multi-scale"},
            WRITE,
        ),
        [
            graph({"plugin": "reduced-gaussian", "grid": "o4"}),
            graph(
                {"plugin": "healpix", "nside": 2}, READ, {"from": "mesh", "to": "mesh", "plugin": "multi-scale"}, WRITE
            ),
        ],
    ),
    (
        carries_out("say the `nside` of the nodes, a power of two, or join them by `nearest`"),
        GLOBE,
        graph({"plugin": "healpix", "nside": 2}, READ, {**CELLS, "nside": 3}, WRITE),
        [
            graph({"plugin": "healpix", "nside": 2}, READ, {**CELLS, "nside": 2}, WRITE),
            graph({"plugin": "healpix", "nside": 2}),
        ],
    ),
    (
        carries_out("choose both from these levels, `finest` not below `coarsest`"),
        GLOBE,
        graph(TRIANGLES, READ, {"from": "mesh", "to": "mesh", "plugin": "multi-scale", "coarsest": 3}, WRITE),
        [graph(TRIANGLES, READ, {"from": "mesh", "to": "mesh", "plugin": "multi-scale", "coarsest": 2}, WRITE)],
    ),
    (
        carries_out("choose `nside: {}`"),
        GLOBE,
        graph({"plugin": "healpix", "nside": 3}),
        [graph({"plugin": "healpix", "nside": 2})],
    ),
    (
        carries_out("give one of them, such as `grid: o96`"),
        GLOBE,
        graph({"plugin": "reduced-gaussian"}),
        [
            graph({"plugin": "reduced-gaussian", "grid": "o4"}),
            graph({"plugin": "reduced-gaussian", "rows": [4, 8, 8, 4]}),
        ],
    ),
    (
        carries_out("give one of these, or its `rows`"),
        GLOBE,
        graph({"plugin": "reduced-gaussian", "grid": "n31"}),
        [
            graph({"plugin": "reduced-gaussian", "grid": "n32"}),
            graph({"plugin": "reduced-gaussian", "rows": [4, 8, 8, 4]}),
        ],
    ),
    (
        carries_out("choose a finer mesh, or a wider area by its `margin_km`"),
        REGION,
        within({"box": [41, 0, 40, 1]}, {"plugin": "hexagons", "divisions": 3}),
        [
            within({"box": [44, 0, 40, 4]}, {"plugin": "hexagons", "divisions": 80}),
            within({"box": [41, 0, 40, 1], "margin_km": 3000}, {"plugin": "hexagons", "divisions": 3}),
        ],
    ),
    (
        carries_out("choose `triangles`, `hexagons` or `stretched` as `base`, or leave `whole_triangles` out"),
        REGION,
        graph({"plugin": "limited", "base": {"plugin": "healpix", "nside": 32}, "whole_triangles": True}),
        [
            graph({"plugin": "limited", "base": {"plugin": "hexagons", "divisions": 20}, "whole_triangles": True}),
            graph({"plugin": "limited", "base": {"plugin": "healpix", "nside": 32}}),
        ],
    ),
    (
        carries_out("order `finer` from the widest area to the finest triangles"),
        GLOBE,
        stretched((4, {"box": [55, 5, 45, 15]}), (3, BOX)),
        [stretched((3, BOX), (4, {"box": [55, 5, 45, 15]}))],
    ),
    (
        carries_out("make the area of `finer[{}]` wider, for example by its `margin_km`"),
        GLOBE,
        stretched((3, BOX), (4, {**BOX, "margin_km": 900})),
        [stretched((3, {**BOX, "margin_km": 1000}), (4, {**BOX, "margin_km": 900}))],
    ),
    (
        carries_out("give these nodes the attribute, in `nodes.NAME.attributes.{}`"),
        GLOBE,
        graph(TRIANGLES, {**READ, "features": [{"plugin": "from-node", "attribute": "north"}]}, MIX, WRITE),
        [
            graph(
                TRIANGLES,
                {**READ, "features": [{"plugin": "from-node", "attribute": "north"}]},
                MIX,
                WRITE,
                grid=grid(north=NORTH),
            )
        ],
    ),
    (
        carries_out("leave the feature out, or join the nodes by `containing-triangle` alone"),
        GLOBE,
        graph(TRIANGLES, READ, MIX, {**WRITE, "nearest": 4, "features": [{"plugin": "barycentric"}]}),
        [
            graph(TRIANGLES, READ, MIX, {**WRITE, "nearest": 4}),
            graph(
                TRIANGLES,
                READ,
                MIX,
                {
                    "from": "mesh",
                    "to": "grid",
                    "plugin": "containing-triangle",
                    "features": [{"plugin": "barycentric"}],
                },
            ),
        ],
    ),
    (
        carries_out("leave the attribute out on a global grid"),
        GLOBE,
        graph(TRIANGLES, grid=grid(boundary={})),
        [graph()],
    ),
    (
        carries_out("give the nodes such an attribute, further up than it is used"),
        GLOBE,
        known("not", of="north"),
        [graph({**TRIANGLES, "attributes": {"north": NORTH, "known": {"plugin": "not", "of": "north"}}})],
    ),
    (
        carries_out("choose another `mask`, or leave it out"),
        GLOBE,
        graph({**TRIANGLES, "attributes": {"nowhere": NOWHERE, "area": {"mask": "nowhere"}}}),
        [
            graph({**TRIANGLES, "attributes": {"north": NORTH, "area": {"mask": "north"}}}),
            known("area"),
        ],
    ),
    (
        carries_out("choose another mask, or leave it out"),
        GLOBE,
        graph(TRIANGLES, READ, MIX, WRITE, {**WRITE, "target_mask": "nowhere"}, grid=grid(nowhere=NOWHERE)),
        [
            graph(TRIANGLES, READ, MIX, WRITE, {**WRITE, "target_mask": "north"}, grid=grid(north=NORTH)),
            graph(),
        ],
    ),
    (
        carries_out("write `unit: share`, or `method: spherical-voronoi`"),
        REGION,
        graph(TRIANGLES, grid=grid(area={"method": "equal", "unit": "m2"})),
        [
            graph(TRIANGLES, grid=grid(area={"method": "equal", "unit": "share"})),
            graph(TRIANGLES, grid=grid(area={"method": "spherical-voronoi", "unit": "m2"})),
        ],
    ),
    (
        carries_out("write `method: spherical-voronoi`"),
        GLOBE,
        known("area", method="exact"),
        [known("area", method="spherical-voronoi")],
    ),
    (
        carries_out("write `{}: {plugin: grid}`, or give the node set another name"),
        GLOBE,
        graph(grid=TRIANGLES),
        [graph(grid=grid()), graph(coarse=TRIANGLES)],
    ),
    (
        carries_out("add a rule for edges {} → {}, such as `plugin: {}`"),
        GLOBE,
        graph(TRIANGLES, {**READ, "plugin": "nearest", "nearest": 1}, MIX, WRITE),
        [graph(TRIANGLES, {**READ, "plugin": "nearest"}, {**READ, "plugin": "reversed-nearest"}, MIX, WRITE)],
    ),
    (
        carries_out("name them in one of the rules"),
        GLOBE,
        graph(
            TRIANGLES,
            {**READ, "features": [{"plugin": "length"}]},
            {**READ, "plugin": "nearest", "features": [{"plugin": "azimuth"}]},
            MIX,
            WRITE,
        ),
        [
            graph(
                TRIANGLES,
                {**READ, "features": [{"plugin": "length"}, {"plugin": "azimuth"}]},
                {**READ, "plugin": "nearest"},
                MIX,
                WRITE,
            )
        ],
    ),
    (
        carries_out("name a node set of `nodes`, or one of the data"),
        GLOBE,
        graph(TRIANGLES, READ, MIX, WRITE, {**READ, "to": "msh"}),
        [graph(TRIANGLES, READ, MIX, WRITE, {**READ, "plugin": "nearest"})],
    ),
    (
        carries_out("name a mesh; the nodes of the data stay as they are, and one without edges is an error"),
        GLOBE,
        {**graph(), "finish": {"remove_unconnected": ["grid"]}},
        [{**graph(), "finish": {"remove_unconnected": ["mesh"]}}],
    ),
    (
        carries_out("name a mesh; the nodes of the data stay as they are, and one without edges is an error"),
        GLOBE,
        {**graph(), "finish": {"order": {"grid": "space-filling"}}},
        [{**graph(), "finish": {"order": {"mesh": "space-filling"}}}],
    ),
]


@pytest.mark.parametrize(
    ("grid", "broken", "ways"),
    [pytest.param(grid, broken, ways, marks=fix, id=fix.args[0]) for fix, grid, broken, ways in CASES],
)
def test_the_fix_helps(grid: Grid, broken: Choice, ways: list[Choice]) -> None:
    assert ways
    with pytest.raises(WxmlError):
        create("graph-builder", "composed", broken).build(grid)
    for choice in ways:
        assert len(create("graph-builder", "composed", choice).build(grid).edges["mesh", "mesh"]) >= 4
