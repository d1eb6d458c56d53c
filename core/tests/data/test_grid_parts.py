"""Several grids as the parts of one: ranges, names, identity."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wxml import DataError, Grid
from wxml.data.grid_part import GridPart

GRID = Grid.unstructured([10.0, 20.0, 30.0, 40.0, 50.0], [1.0, 2.0, 3.0, 4.0, 5.0], [1, 1, 2, 1, 3])
PARTS = (GridPart("a", 2), GridPart("b", 3, ("t",)))


def test_a_part_is_a_grid_of_its_own() -> None:
    grid = replace(GRID, parts=PARTS)
    assert grid.ranges == {"a": slice(0, 2), "b": slice(2, 5)}
    part = grid.part("b")
    assert part.latitudes.tolist() == [30, 40, 50]
    np.testing.assert_allclose(part.area_weights, [1 / 3, 1 / 6, 1 / 2])
    assert (part.shape, part.parts) == ((3,), ())
    assert GRID.ranges == {}


def test_the_identity_tells_parts_apart_and_stays_that_of_one_grid_without() -> None:
    assert GRID.identity == "db43e1c12f7beb9e"  # as before grids had parts
    others = [PARTS, (GridPart("a", 3), GridPart("b", 2)), (GridPart("b", 2), GridPart("a", 3)), (GridPart("a", 5),)]
    assert len({GRID.identity, *(replace(GRID, parts=parts).identity for parts in others)}) == 5
    same = (GridPart("a", 2), GridPart("b", 3))  # what is lacking is no matter of places
    assert replace(GRID, parts=same).identity == replace(GRID, parts=PARTS).identity


@pytest.mark.carries_out(
    "give the number of nodes of each part, in the order of the nodes", "choose a name such as `region`"
)
def test_parts_that_are_no_parts_are_refused() -> None:
    for counts in ((2, 2), (5, 1), (0, 5), (-1, 6)):
        with pytest.raises(DataError, match=rf"the parts of a grid must have its 5 nodes, got \[{counts[0]}"):
            replace(GRID, parts=tuple(GridPart(name, count) for name, count in zip("ab", counts, strict=True)))
    with pytest.raises(DataError, match=r"must have names of their own, got \['a', 'a'\]"):
        replace(GRID, parts=(GridPart("a", 2), GridPart("a", 3)))
    for name in ("", "a b", "a/b", "a:b", "-a", "a.b"):
        with pytest.raises(DataError, match="must have letters, digits"):
            GridPart(name, 2)
    assert GridPart("region", 2).name == "region"
    with pytest.raises(DataError, match="the grid has no part 'c'"):
        replace(GRID, parts=PARTS).part("c")


NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,8}", fullmatch=True)


@given(st.builds(GridPart, NAMES, st.integers(1, 10**9), st.lists(st.text(), max_size=3).map(tuple)))
def test_a_part_is_made_again_of_its_record(part: GridPart) -> None:
    assert GridPart.of_record(json.loads(json.dumps(part.record()))) == part
    assert GridPart.of_record({**part.record(), "of a later version": 1}) == part


@pytest.mark.carries_out("write the file again")
@pytest.mark.parametrize(
    "record",
    [None, [], "a", {}, {"name": "a"}, {"count": 2}, {"name": 1, "count": 2}, {"name": "a", "count": "2"},
     {"name": "a", "count": True}, {"name": "a", "count": 2, "lacks": "t"}, {"name": "a", "count": 2, "lacks": [1]}],
)  # fmt: skip
def test_what_is_no_record_of_a_part_is_refused(record: object) -> None:
    with pytest.raises(DataError, match="the record of a part of a grid must have"):
        GridPart.of_record(record)
    assert GridPart.of_record({"name": "a", "count": 2}) == GridPart("a", 2)
