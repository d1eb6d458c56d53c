"""The attribute `resolution` of a dataset: the name or the step of its grid, in any order of the nodes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from wxml import Grid
from wxml_dataset_builder.resolution import resolution_of

REDUCED = [20, 27, 36, 40, 45, 50, 60, 64]
"""The first rows of a reduced Gaussian grid that is not octahedral."""
NAMED = {
    "o16": Grid.octahedral(16),
    "n8": Grid.reduced_gaussian(REDUCED + REDUCED[::-1]),
    "f16": Grid.reduced_gaussian([64] * 32),
    "h8": Grid.healpix(8),
}


def reordered(grid: Grid, seed: int) -> Grid:
    """The same nodes in another order, rounded as files of text and single precision do."""
    order = np.random.default_rng(seed).permutation(len(grid))
    north, east = (np.round(axis[order], 4) for axis in (grid.latitudes, grid.longitudes))
    return Grid.unstructured(north, east)


@pytest.mark.parametrize("name", NAMED)
def test_a_named_grid_is_found_in_any_order(name: str) -> None:
    grid = NAMED[name]
    assert resolution_of(grid) == name
    assert resolution_of(reordered(grid, 1)) == name
    some = Grid.unstructured(grid.latitudes[1:], grid.longitudes[1:])
    assert resolution_of(some) is None, "a grid without one of its nodes is another one"
    moved = grid.longitudes.copy()
    moved[7] += 0.1
    assert resolution_of(Grid.unstructured(grid.latitudes, moved)) is None


def test_a_full_gaussian_grid_is_found_by_its_axes() -> None:
    full = NAMED["f16"]
    north, east = full.latitudes.reshape(32, 64)[:, 0], full.longitudes.reshape(32, 64)[0]
    assert resolution_of(Grid.regular(north[::-1], east - 180)) == "f16"
    assert resolution_of(Grid.regular(north[:9], east)) is None, "the rows of a part are no even steps"


STEPS = st.sampled_from([0.1, 0.25, 1 / 3, 0.5, 1.0, 1.25, 2.5])


@settings(max_examples=30, deadline=None)
@example(step=0.1, other=0.1, rows=2, columns=2, west=0.0, is_single=True)
@given(
    step=STEPS,
    other=STEPS,
    rows=st.integers(2, 12),
    columns=st.integers(2, 12),
    west=st.floats(-180, 180),
    is_single=st.booleans(),
)
def test_steps_in_degrees(step: float, other: float, rows: int, columns: int, west: float, is_single: bool) -> None:
    north, east = 50 - np.arange(rows) * step, west + np.arange(columns) * other
    north, east = (axis.astype("f4") if is_single else axis for axis in (north, east))
    found = resolution_of(Grid.regular(north, east))
    if step == other:
        assert found == pytest.approx(step, rel=1e-4)
    else:
        assert isinstance(found, str)
        assert [float(part) for part in found.split("x")] == pytest.approx([step, other], rel=1e-4)


def test_other_grids_have_none() -> None:
    north, east = np.meshgrid(np.linspace(40, 50, 5), np.linspace(0, 10, 6), indexing="ij")
    assert resolution_of(Grid.curvilinear(north + 0.1 * east, east)) is None
    assert resolution_of(Grid.regular([10.0, 11.0, 13.0], [0.0, 1.0, 2.0])) is None
    assert resolution_of(Grid.unstructured([1.0], [2.0])) is None


def test_a_dataset_says_it(tmp_path: Path, lab: Any, build: Callable[..., Path]) -> None:
    store = build("out", lab.world(tmp_path / "world.nc", 4))
    attributes = json.loads((store / "zarr.json").read_text())["attributes"]
    assert attributes["resolution"] == "40x90"
