"""What errors of the graph builders propose, carried out: the graph is built."""

from typing import Any

import numpy as np
import pytest
from wxml import Graph, Grid
from wxml.errors import WxmlError
from wxml.plugins.create import create

carries_out = pytest.mark.carries_out
Choice = dict[str, Any]
"""The block `graph` of a config."""

GLOBE, ICOSAHEDRAL = Grid.octahedral(4), {"plugin": "icosahedral"}
REGION, LIMITED_AREA = Grid.regular(np.linspace(60, 40, 9), np.linspace(0, 20, 9)), {"plugin": "limited-area"}
PROJECTED = Grid.curvilinear(*np.meshgrid(np.linspace(60, 40, 9), np.linspace(0, 20, 9)))
SPARSE = LIMITED_AREA | {"mesh": "regular", "stride": 4}

CASES: list[tuple[pytest.MarkDecorator, Grid, Choice, list[Choice]]] = [
    (carries_out("write `graph: {plugin: limited-area}`"), REGION, ICOSAHEDRAL, [LIMITED_AREA]),
    (carries_out("write `graph: {plugin: icosahedral}`"), GLOBE, LIMITED_AREA, [ICOSAHEDRAL]),
    (
        carries_out("write `graph: {plugin: limited-area, mesh: regular}`"),
        REGION,
        {"plugin": "lat-lon"},
        [LIMITED_AREA | {"mesh": "regular"}],
    ),
    (
        carries_out("write `mesh: icosahedral`"),
        PROJECTED,
        LIMITED_AREA | {"mesh": "regular"},
        [LIMITED_AREA | {"mesh": "icosahedral"}],
    ),
    (
        carries_out("leave `{}` out, or write `mesh: {}`"),
        REGION,
        LIMITED_AREA | {"mesh": "regular", "refinement": 5},
        [LIMITED_AREA | {"mesh": "regular"}, LIMITED_AREA | {"mesh": "icosahedral", "refinement": 5}],
    ),
    (
        carries_out("leave `{}` out, or write `mesh: {}`"),
        REGION,
        LIMITED_AREA | {"stride": 3},
        [LIMITED_AREA, LIMITED_AREA | {"mesh": "regular", "stride": 3}],
    ),
    (
        carries_out("choose `coarsest` from 0 to {}, or a finer mesh"),
        GLOBE,
        ICOSAHEDRAL | {"refinement": 1, "coarsest": 2},
        [ICOSAHEDRAL | {"refinement": 1, "coarsest": 1}, ICOSAHEDRAL | {"refinement": 2, "coarsest": 2}],
    ),
    (
        carries_out("choose `coarsest` from 0 to {}, or a finer mesh"),
        REGION,
        LIMITED_AREA | {"coarsest": 6},
        [LIMITED_AREA | {"coarsest": 0}, LIMITED_AREA | {"coarsest": 6, "refinement": 6}],
    ),
    (
        carries_out("choose `coarsest` from 0 to {}, or a finer mesh"),
        REGION,
        SPARSE | {"coarsest": 2},
        [SPARSE | {"coarsest": 0}, SPARSE | {"coarsest": 2, "stride": 1}],
    ),
]


def build(choice: Choice, grid: Grid) -> Graph:
    options = {key: value for key, value in choice.items() if key != "plugin"}
    return create("graph-builder", choice["plugin"], options).build(grid)


@pytest.mark.parametrize(
    ("grid", "broken", "ways"),
    [pytest.param(grid, broken, ways, marks=fix, id=fix.args[0]) for fix, grid, broken, ways in CASES],
)
def test_the_fix_helps(grid: Grid, broken: Choice, ways: list[Choice]) -> None:
    with pytest.raises(WxmlError):
        build(broken, grid)
    for choice in ways:
        assert len(build(choice, grid).edges["mesh", "mesh"]) >= 12
