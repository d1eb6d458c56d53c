"""Which part of a source a read asks for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wxml.data import source as source_module
from wxml.data.read_request import ReadRequest, checked_positions, picked, run
from wxml.errors import DataError
from wxml.testing import TravellingWaves

places = st.lists(st.integers(0, 9), max_size=9).map(lambda found: np.array(found, np.intp))


@given(places)
def test_a_run_is_the_same_positions(positions):
    found = run(positions)
    axis = np.arange(10)
    np.testing.assert_array_equal(axis[found], axis[positions])
    follows = len(positions) == 0 or np.array_equal(positions, positions[0] + np.arange(len(positions)))
    assert isinstance(found, slice) == bool(follows)


@given(places, st.data())
def test_positions_among_positions(chosen, data):
    axis = np.arange(10, 20)
    among = st.integers(0, max(len(chosen) - 1, 0))
    wanted = np.array(data.draw(st.lists(among, max_size=5 * bool(len(chosen)))), np.intp)
    np.testing.assert_array_equal(axis[picked(run(chosen), run(wanted))], axis[chosen][wanted])


@given(places)
def test_a_slice_of_a_caller_is_as_in_numpy(positions):
    axis = np.arange(10)
    for chosen in (slice(None), slice(2, None), slice(-3, None), slice(9, 2, -2), slice(4, 4)):
        np.testing.assert_array_equal(axis[checked_positions(chosen, 10, "nodes")], axis[chosen])
    np.testing.assert_array_equal(axis[checked_positions(positions.tolist(), 10, "nodes")], axis[positions])


def read(**options):
    source = TravellingWaves(days=1, members=3)
    return source.read(source.header.times[:2], ["q", "t"], **options)


@pytest.mark.carries_out("choose among 0 to {}")
@pytest.mark.parametrize("members", [3, [0, -1], slice(0, 4), slice(-4, None), [7]])
def test_a_member_that_is_not_there_is_refused(members):
    with pytest.raises(DataError, match=r"`members` has the position .* and the source has 3 members"):
        read(members=members)
    np.testing.assert_array_equal(read(members=[2, 0]), read()[:, [2, 0]])


@pytest.mark.carries_out("choose among 0 to {}")
def test_a_node_that_is_not_there_is_refused():
    with pytest.raises(DataError, match="`nodes` has the position 48, and the source has 48 nodes"):
        read(nodes=[1, 48])
    np.testing.assert_array_equal(read(nodes=[1, 47]), read()[..., [1, 47]])


@pytest.mark.carries_out("give whole numbers from 0 to {}")
@pytest.mark.parametrize("members", [[0.5], [True, False, True], "0"])
def test_positions_are_whole_numbers(members):
    with pytest.raises(DataError, match="`members` must be positions, got values of type"):
        read(members=members)
    assert read(members=[0]).shape == (2, 1, 2, 48)


@pytest.mark.carries_out("leave `out` out, or give an array of this shape and type")
@pytest.mark.parametrize("out", [np.empty((2, 3, 2, 47), "f4"), np.empty((2, 3, 2, 48), "f8")])
def test_another_array_is_refused(out):
    with pytest.raises(DataError, match=r"what is read has \(2, 3, 2, 48\) and float32"):
        read(out=out)
    right = np.empty((2, 3, 2, 48), "f4")
    assert read(out=right) is right
    np.testing.assert_array_equal(right, read())


def test_nothing_may_be_asked_for():
    assert read(members=[]).shape == (2, 0, 2, 48)
    assert read(nodes=slice(5, 5)).shape == (2, 3, 2, 0)


@pytest.mark.parametrize("fields", [1, 2, 3, 5, 100])
def test_a_source_that_reads_all_does_it_in_blocks(fields, monkeypatch):
    source = TravellingWaves(days=2, members=3)
    whole = source.read(source.header.times, ["q", "t"])
    monkeypatch.setattr(source_module, "READ_AT_ONCE", fields * 4 * 3 * 48)
    asked = []
    inner = TravellingWaves._read
    monkeypatch.setattr(
        TravellingWaves,
        "_read",
        lambda self, times, names, out: (asked.append(out.size), inner(self, times, names, out)),
    )
    part = source.read(source.header.times, ["q", "t"], members=[2], nodes=[3, 1])
    np.testing.assert_array_equal(part, whole[:, [2]][..., [3, 1]])
    assert max(asked) <= fields * 3 * 48
    assert sum(asked) == whole.size


def test_blocks_cover_all_once():
    request = ReadRequest(np.arange(5), np.arange(3), slice(0, 1), slice(0, 1))
    for fields in range(1, 20):
        seen = np.zeros((5, 3), int)
        for times, variables in request.blocks(fields):
            seen[times, variables] += 1
        assert (seen == 1).all()
