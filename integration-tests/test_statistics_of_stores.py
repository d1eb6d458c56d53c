"""A dataset that wxml built has its statistics with it: a training reads nothing for them, and gets the same bits."""

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from click.testing import CliRunner
from wxml import DataError, DataSource, create
from wxml.config.data_schema import DataConfig
from wxml.data.statistics import Statistics, compute_statistics, own_statistics
from wxml.testing import DataSourceContract
from wxml.training_statistics import TrainingStatistics
from wxml_dataset_builder.command import command
from wxml_dataset_sources.anemoi_source import AnemoiSource

SOURCE = {"start": "2000-01-01", "end": "2000-01-06", "truncation": 5, "spin_up_days": 0}
RECIPE = """
source: {plugin: simulated-atmosphere, start: 2000-01-01, end: 2000-01-06, truncation: 5, spin_up_days: 0}
statistics: {tendencies: [24h]}
"""
HOUR = np.timedelta64(3600, "s")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    (folder / "recipe.yaml").write_text(RECIPE)
    arguments = ["build", str(folder / "recipe.yaml"), str(folder / "out.zarr")]
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return folder / "out.zarr"


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    count: Counter[str] = Counter()
    read = AnemoiSource._read_part

    def counted(self: AnemoiSource, *arguments: Any) -> None:
        count["all"] += 1
        read(self, *arguments)

    monkeypatch.setattr(AnemoiSource, "_read_part", counted)
    return count


def same(first: Statistics, second: Statistics) -> bool:
    names = ("mean", "std", "minimum", "maximum", "tendency_std")
    return all(getattr(first, name).tobytes() == getattr(second, name).tobytes() for name in names)


@pytest.mark.parametrize("hours", [6, 24])
@pytest.mark.parametrize("period", [slice(None), slice(3, 17), slice(5, 6), slice(0, None, 2)])
def test_they_are_those_of_the_values(store: Path, reads: Counter[str], hours: int, period: slice) -> None:
    built, source = AnemoiSource(path=str(store)), create("data-source", "simulated-atmosphere", SOURCE)
    times, names = source.header.times[period], source.header.names[::-1][:4]
    found = own_statistics(built, names, times, hours * HOUR)
    assert reads["all"] == 0
    assert found is not None
    assert same(found, compute_statistics(source, names, times, hours * HOUR))


def test_a_time_step_that_nobody_asked_for_is_computed_once(
    store: Path, reads: Counter[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WXML_CACHE", str(tmp_path / "cache"))
    built = AnemoiSource(path=str(store))
    assert built.moments(built.header.times, built.header.names, 12 * HOUR) is None
    data = {"source": {"plugin": "anemoi", "path": str(store)}, "split": {"training": ["2000-01-01", "2000-01-06"]}}
    counts, origins = [], []
    for timestep in ("6h", "12h", "12h"):
        config = DataConfig.model_validate(data | {"timestep": timestep})
        reads.clear()
        compute = TrainingStatistics(config, built, built.header.names[:2], built.header.times, [])
        compute()
        counts.append(reads["all"])
        origins.append(compute.origin.partition(", ")[2])
    assert origins == ["stored with the data", "computed from the data", "computed from the data"]
    assert (counts[0], counts[1] > 0, counts[2]) == (0, True, 0)


@pytest.mark.parametrize("size", [0, 10, -1])
def test_damaged_moments_are_refused(store: Path, tmp_path: Path, size: int) -> None:
    copy = shutil.copytree(store, tmp_path / "copy.zarr")
    (chunk,) = [
        path for path in (copy / "_build/moments/area/mean").rglob("*") if path.is_file() and "zarr" not in path.name
    ]
    chunk.write_bytes(chunk.read_bytes()[:size])
    built = AnemoiSource(path=str(copy))
    with pytest.raises(DataError, match="cannot be read"):
        built.moments(built.header.times, built.header.names)


def test_moments_with_other_weights_do_not_count(store: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(store, tmp_path / "copy.zarr")
    weights = zarr.open_group(copy, mode="r+", use_consolidated=False)["area_weights"]
    assert isinstance(weights, zarr.Array)
    weights[:] = np.full(weights.shape, 0.5)
    changed: DataSource = AnemoiSource(path=str(copy))
    assert changed.moments(changed.header.times, changed.header.names) is None


def test_the_kit_compares_them(store: Path) -> None:
    class Kit(DataSourceContract):
        plugin = AnemoiSource

    class Wrong(AnemoiSource):
        def moments(self, *arguments: Any) -> Any:
            found = super().moments(*arguments)
            return found and found + found

    Kit.options = {"path": str(store)}
    Kit().test_moments_are_those_of_the_values()
    Kit.plugin = Wrong
    with pytest.raises(AssertionError, match="`moments` has another weight of values than are read"):
        Kit().test_moments_are_those_of_the_values()
