"""Boxes of latitudes and longitudes: against whole degrees counted one by one, in any turn and precision."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wxml.data.box import LatLonBox

DEGREES = np.arange(360)


@given(
    west=st.integers(-360, 360), width=st.integers(0, 359), turn=st.sampled_from([-360, 0, 360]), single=st.booleans()
)
def test_the_longitudes_are_those_passed_on_the_way_east(west: int, width: int, turn: int, single: bool) -> None:
    box = LatLonBox(west=west, east=west + width)
    longitudes = (DEGREES + turn).astype("f4" if single else "f8")
    passed = {(west + step) % 360 for step in range(width + 1)}
    assert set(DEGREES[box.holds(np.zeros(360), longitudes)]) == passed


@given(south=st.integers(-900, 900), north=st.integers(-900, 900), west=st.floats(-360, 360), turns=st.integers(1, 2))
def test_rows_on_an_edge_are_in_whatever_the_precision_and_a_full_circle_holds_all(
    south: int, north: int, west: float, turns: int
) -> None:
    rows = np.arange(-900, 901)
    box = LatLonBox(north=north / 10, south=south / 10, west=west, east=west + 360 * turns)
    found = box.holds((rows / 10).astype("f4").astype("f8"), np.full(len(rows), 123.4))
    assert found.tolist() == [south <= row <= north for row in rows]


@pytest.mark.parametrize(("west", "east", "inside"), [(350, 10, [0, 355]), (170, -170, [180, 185]), (20, 20, [20])])
def test_across_greenwich_across_the_date_line_and_one_meridian(west: float, east: float, inside: list[int]) -> None:
    longitudes = np.array([0.0, 20.0, 90.0, 180.0, 185.0, 355.0])
    assert longitudes[LatLonBox(west=west, east=east).holds(np.zeros(6), longitudes)].tolist() == inside
