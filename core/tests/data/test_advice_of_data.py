"""What errors of grids, times and sources propose, carried out."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from wxml import Grid, SourceHeader, Variable
from wxml.data.fields import Fields
from wxml.data.file_names import check_file_names
from wxml.data.forcings import compute_forcings
from wxml.data.variables import assign_roles
from wxml.errors import WxmlError

carries_out = pytest.mark.carries_out
Way = Callable[[], object]

LATITUDES, LONGITUDES = np.array([20.0, 10.0, 0.0]), np.array([0.0, 10.0, 20.0])
GRID = Grid.regular(LATITUDES, LONGITUDES)
TIMES = np.array(["2020-01-01T00", "2020-01-01T06", "2020-01-01T12"], "M8[s]")


def header(*names: str, times: Any = TIMES) -> SourceHeader:
    return SourceHeader(GRID, tuple(Variable(name) for name in names), times)


CASES = [
    (
        carries_out("give one entry per node"),
        lambda: replace(GRID, latitudes=GRID.latitudes[1:]),
        [lambda: replace(GRID, latitudes=GRID.latitudes)],
    ),
    (
        carries_out("check the unit"),
        lambda: Grid.unstructured(np.array([9e4, 0.0]), np.array([0.0, 1.0])),
        [lambda: Grid.unstructured(np.array([90.0, 0.0]), np.array([0.0, 1.0]))],
    ),
    (
        carries_out("use Grid.unstructured for a list of points"),
        lambda: Grid.curvilinear(LATITUDES, LONGITUDES),
        [lambda: Grid.unstructured(LATITUDES, LONGITUDES)],
    ),
    (
        carries_out("sort them"),
        lambda: header("t", times=TIMES[::-1]),
        [lambda: header("t", times=np.sort(TIMES[::-1]))],
    ),
    (carries_out("rename one"), lambda: header("t", "t"), [lambda: header("t", "u")]),
    (carries_out("name the variable"), lambda: Variable(""), [lambda: Variable("t")]),
    (
        carries_out("it has {} times from {} to {}; choose among these"),
        lambda: header("t").time_indices(np.array(["2021-01-01"], "M8[s]")),
        [lambda: header("t").time_indices(TIMES[[0, -1]])],
    ),
    (
        carries_out("it has no times at all: choose other data"),
        lambda: header("t", times=TIMES[:0]).time_indices(TIMES[:1]),
        [lambda: header("t").time_indices(TIMES[:1])],
    ),
    (
        carries_out("{}known: {}"),
        lambda: header("temperature").variable_indices(["temprature"]),
        [lambda: header("temperature").variable_indices(["temperature"])],
    ),
    (
        carries_out("{}known: {}"),
        lambda: compute_forcings(["insulation"], GRID, TIMES),
        [lambda: compute_forcings(["insolation"], GRID, TIMES)],
    ),
    (
        carries_out("{}known: {}"),
        lambda: assign_roles(["t", "q"], prognostic=None, forcing=["cos_latitud"], diagnostic=["q"]),
        [lambda: assign_roles(["t", "q"], prognostic=None, forcing=["cos_latitude"], diagnostic=["q"])],
    ),
    (
        carries_out("add the missing axis or name every variable"),
        lambda: Fields(TIMES[0], ("t",), np.ones((2, 9), "f4")),
        [
            lambda: Fields(TIMES[0], ("t",), np.ones((2, 9), "f4")[:, None]),
            lambda: Fields(TIMES[0], ("t", "q"), np.ones((2, 9), "f4")[None]),
        ],
    ),
    (
        carries_out("rename one of each pair"),
        lambda: check_file_names(["t", "t"], ["latitude"]),
        [lambda: check_file_names(["t", "t_2"], ["latitude"])],
    ),
    (
        carries_out("rename the variable"),
        lambda: check_file_names(["latitude"], ["latitude"]),
        [lambda: check_file_names(["latitude_2"], ["latitude"])],
    ),
]


@pytest.mark.parametrize(
    ("broken", "ways"), [pytest.param(broken, ways, marks=fix, id=fix.args[0]) for fix, broken, ways in CASES]
)
def test_the_fix_helps(broken: Way, ways: list[Way]) -> None:
    with pytest.raises(WxmlError):
        broken()
    for way in ways:
        way()
