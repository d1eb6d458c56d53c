"""A dataset holds the values of its source, and the statistics of these."""

from pathlib import Path

import numpy as np
import pytest
import zarr
from click.testing import CliRunner
from wxml import DataSource, Moments, create
from wxml_dataset_builder import building
from wxml_dataset_builder.command import command
from wxml_dataset_builder.span import counted_alike
from wxml_dataset_sources.xarray_source import XarraySource

SOURCE = {"start": "2000-01-01", "end": "2000-01-06", "truncation": 5, "spin_up_days": 0}
RECIPE = """
source: {plugin: simulated-atmosphere, start: 2000-01-01, end: 2000-01-06, truncation: 5, spin_up_days: 0}
statistics: {tendencies: [24h]}
description: a small world
"""


def run(*arguments: object) -> str:
    result = CliRunner().invoke(command, [str(one) for one in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def source() -> DataSource:
    return create("data-source", "simulated-atmosphere", SOURCE)


@pytest.fixture(params=["zarr3", "zarr2"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    recipe, target = tmp_path / "recipe.yaml", tmp_path / "out.zarr"
    recipe.write_text(f"{RECIPE}output: {{format: {request.param}}}\n")
    run("build", recipe, target, "--workers", "2")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.zarr", "recipe.yaml"]
    return target


def test_the_values_come_back_bit_for_bit(store: Path, source: DataSource) -> None:
    built = create("data-source", "anemoi", {"path": str(store)})
    assert built.header.names == source.header.names
    assert np.array_equal(built.header.times, source.header.times)
    assert built.header.grid.identity == source.header.grid.identity
    times = source.header.times
    assert np.array_equal(built.read(times, built.header.names), source.read(times, source.header.names))


def test_a_build_has_its_source_forget_each_task(lab, tmp_path, monkeypatch):
    """So its memory does not grow with the number of dates."""
    tasks, forget = [], XarraySource.forget
    monkeypatch.setattr(XarraySource, "forget", lambda one: (tasks.append(1), forget(one)))
    monkeypatch.setattr(building, "TASK_DATES", 5)
    path = lab.world(tmp_path / "a.nc", 24)
    (tmp_path / "recipe.yaml").write_text(f"source: {{plugin: xarray, path: {path}}}\n")
    run("build", tmp_path / "recipe.yaml", tmp_path / "out.zarr", "--workers", "1")
    assert len(tasks) == 5
    built = create("data-source", "anemoi", {"path": str(tmp_path / "out.zarr")})
    source = create("data-source", "xarray", {"path": str(path)})
    times, names = source.header.times, source.header.names
    np.testing.assert_array_equal(built.read(times, names), source.read(times, names))


def test_statistics_are_those_of_the_period(store: Path, source: DataSource) -> None:
    group = zarr.open_group(store, mode="r")
    values = source.read(source.header.times, source.header.names).astype(np.float64)
    inside = values[: int(0.8 * len(values))]
    assert group.attrs["statistics_end_date"] == str(source.header.times[len(inside) - 1])
    for prefix, found in (("", inside), ("statistics_tendencies_1d_", inside[4:] - inside[:-4])):
        np.testing.assert_allclose(group[f"{prefix}mean"][:], found.mean((0, 1, 3)), rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(group[f"{prefix}stdev"][:], found.std((0, 1, 3)), rtol=1e-12)
        assert np.array_equal(group[f"{prefix}minimum"][:], found.min((0, 1, 3)))
        assert np.array_equal(group[f"{prefix}maximum"][:], found.max((0, 1, 3)))


@pytest.mark.parametrize("missing", [False, True])
def test_values_that_count_alike_have_the_moments_of_any_others(missing: bool) -> None:
    values = np.random.default_rng(0).normal(280, 5, (3, 4, 1000)).astype(np.float32)
    values[1, 2, 7] = np.nan if missing else 0
    ones = np.ones(1000)
    found = counted_alike(values, Moments.of(values, np.linspace(0, 1, 1000)), ones).arrays()
    for name, wanted in Moments.of(values, ones).arrays().items():
        assert np.array_equal(found[name], wanted), name
