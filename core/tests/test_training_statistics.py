"""Statistics are computed once: a second start reads nothing, and another source, period or option is another one."""

import logging
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from wxml import DataSource, Grid, Statistics
from wxml.config.data_schema import DataConfig
from wxml.data.source_fit import on_grid
from wxml.experiment.assembling import assemble
from wxml.plugins.options.choices import PluginChoice
from wxml.testing import TravellingWaves
from wxml.training_statistics import ARRAYS, TrainingStatistics

WAVES = TravellingWaves(days=4)
OWN = [{"kind": "data-source", "plugin": "acme:waves", "version": "1", "code": "sha256:0", "depends": []}]


class Counted(DataSource):
    """Waves, plus a number; counts its reads."""

    def __init__(self, fingerprint: str | None = "one", shift: float = 0.0) -> None:
        self.header = WAVES.header
        self.reads = 0
        self.told, self.shift = fingerprint, shift

    def _read(self, time_indices, variable_indices, out) -> None:  # type: ignore[no-untyped-def]
        self.reads += 1
        WAVES._read(time_indices, variable_indices, out)
        out += np.float32(self.shift)

    def provenance(self) -> dict[str, Any]:
        return {"source": "counted"}

    def fingerprint(self) -> str | None:
        return self.told


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WXML_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def config(**values: Any) -> DataConfig:
    split = {"training": ["2000-01-01", "2000-01-04"]}
    return DataConfig.model_validate({"source": {"plugin": "waves"}, "split": split, "timestep": "6h"} | values)


def statistics(source: DataSource, **changes: Any) -> TrainingStatistics:
    arguments = {
        "config": config(),
        "source": source,
        "variables": ("t", "q"),
        "times": source.header.times[:12],
        "plugins": OWN,
    }
    return TrainingStatistics(**(arguments | changes))


def same(first: Statistics, second: Statistics) -> bool:
    return first.variables == second.variables and all(
        getattr(first, name).tobytes() == getattr(second, name).tobytes() for name in ARRAYS
    )


def test_a_second_start_reads_nothing(cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "wxml")
    first, second = Counted(), Counted()
    computed = statistics(first)()
    assert first.reads > 0
    assert "read from the data" in caplog.text
    assert same(statistics(second)(), computed)
    assert second.reads == 0
    (file,) = cache.iterdir()
    assert f"2000-01-01T00 to 2000-01-03T18, computed by an earlier run ({file})" in caplog.text


@pytest.mark.parametrize(
    "changes",
    [
        {"variables": ("q", "t")},
        {"variables": ("t",)},
        {"times": WAVES.header.times[:11]},
        {"times": WAVES.header.times[1:13]},
        {"config": config(timestep="12h")},
        {"config": config(source={"plugin": "waves", "path": "other"})},
        {"plugins": [OWN[0] | {"version": "2"}]},
        {"plugins": [OWN[0] | {"code": "sha256:1"}]},
        {"plugins": [OWN[0] | {"depends": [{"version": "1", "code": "sha256:2"}]}]},
    ],
    ids="-".join,
)
def test_what_differs_is_computed(changes: dict[str, Any]) -> None:
    statistics(Counted())()
    other = Counted()
    found = statistics(other, **changes)()
    assert other.reads > 0
    assert same(found, statistics(Counted(None), **changes)())


def test_another_processor_is_no_reason_to_read() -> None:
    statistics(Counted())()
    again = Counted()
    statistics(again, plugins=[*OWN, OWN[0] | {"kind": "processor", "plugin": "acme:other"}])()
    assert again.reads == 0


def test_other_data_under_the_same_name() -> None:
    statistics(Counted())()
    changed = Counted("two", shift=10)
    assert statistics(changed)().mean[0] == pytest.approx(290, abs=0.01)


def test_other_areas_of_the_same_nodes() -> None:
    statistics(Counted())()
    grid = WAVES.header.grid
    skewed = Grid.unstructured(grid.latitudes, grid.longitudes, np.arange(1, len(grid) + 1))
    other = Counted()
    other.header = replace(WAVES.header, grid=replace(skewed, shape=grid.shape))
    assert other.header.grid.identity == grid.identity
    statistics(other)()
    assert other.reads > 0


def test_nodes_in_another_order_have_a_fingerprint_of_their_own() -> None:
    grid = WAVES.header.grid
    turned = on_grid(Counted(), Grid.unstructured(grid.latitudes[::-1], grid.longitudes[::-1]))
    assert turned.fingerprint() not in (None, "one")
    assert on_grid(Counted(None), turned.header.grid).fingerprint() is None


def test_a_source_that_cannot_tell_keeps_nothing(cache: Path) -> None:
    for _ in range(2):
        source = Counted(None)
        statistics(source)()
        assert source.reads > 0
    assert not cache.exists()


class Rewritten(Counted):
    """Data that somebody writes anew while they are read."""

    def _read(self, time_indices, variable_indices, out) -> None:  # type: ignore[no-untyped-def]
        super()._read(time_indices, variable_indices, out)
        self.told = "rewritten"


def test_data_that_change_while_they_are_read_are_not_kept(cache: Path) -> None:
    statistics(Rewritten())()
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("damage", ["cut", "changed", "foreign", "other arrays"])
def test_a_damaged_or_foreign_file_is_written_anew(cache: Path, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    computed = statistics(Counted())()
    (file,) = cache.iterdir()
    whole = file.read_bytes()
    if damage == "cut":
        file.write_bytes(whole[:-9])
    elif damage == "changed":
        file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    elif damage == "foreign":
        statistics(Counted("two", shift=5))()
        (other,) = set(cache.iterdir()) - {file}
        other.replace(file)
    else:
        save_file({"mean": load_file(file)["mean"]}, file)
    again = Counted()
    assert same(statistics(again)(), computed)
    assert again.reads > 0
    assert f"cache file {file} is damaged" in caplog.text
    assert file.read_bytes() == whole
    last = Counted()
    statistics(last)()
    assert last.reads == 0


def test_a_folder_that_refuses_gives_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("WXML_CACHE", str(tmp_path / "file" / "below"))
    found = statistics(Counted())()
    assert same(found, statistics(Counted(None))())
    assert "could not keep statistics in" in caplog.text


def test_mapped_values_are_kept_apart() -> None:
    def doubled(values: NDArray[np.float32], variables: tuple[str, ...]) -> NDArray[np.float32]:
        return 2 * values

    chain = [{"plugin": "normalise", "default": "std"}, {"plugin": "normalise", "default": "none"}]
    chosen = config(transforms=chain)
    plain = statistics(Counted(), config=chosen)()
    double = statistics(Counted(), config=chosen)(doubled, 1)
    np.testing.assert_allclose(double.mean, 2 * plain.mean)
    for count, other, reads in (
        (1, chosen, False),
        (2, chosen, True),
        (1, config(transforms=[chain[0] | {"default": "max"}, chain[1]]), True),
        (1, config(transforms=[chain[0], chain[1] | {"default": "max"}]), False),
    ):
        source = Counted()
        statistics(source, config=other)(doubled, count)
        assert (source.reads > 0) == reads


class Stamped(TravellingWaves):
    """Waves that say when they were written, so that core may keep what it computed of them."""

    def stamp(self) -> str:
        return "2000-01-01"


def test_assembling_twice_reads_once(tiny, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    """Also where transforms before the last one make core compute the statistics of what they give."""
    read, count = TravellingWaves._read, Counter[str]()

    def counted(self: TravellingWaves, *arguments: Any) -> None:
        count["reads"] += 1
        read(self, *arguments)

    monkeypatch.setattr(TravellingWaves, "_read", counted)
    monkeypatch.setattr(TravellingWaves, "stamp", Stamped.stamp)
    loaded = tiny({"data.transforms": [{"plugin": "log1p"}, {"plugin": "normalise"}]})
    reads, found = [], []
    for _ in range(2):
        count.clear()
        found.append(assemble(loaded))
        reads.append(count["reads"])
    assert reads[0] >= 2
    assert reads[1] == 0
    first, second = (experiment.preprocessing for experiment in found)
    assert same(first.transformed_statistics[-1], second.transformed_statistics[-1])
    assert same(found[0].statistics, found[1].statistics)


def test_the_options_of_a_source_are_kept_as_a_hash(cache: Path) -> None:
    choice = PluginChoice.model_validate({"plugin": "waves", "token": "s3cret-value"})
    statistics(Counted(), config=config().model_copy(update={"source": choice}))()
    (file,) = cache.iterdir()
    assert b"s3cret" not in file.read_bytes()


def test_the_default_fingerprint_needs_a_stamp() -> None:
    assert WAVES.fingerprint() is None
    assert Stamped().fingerprint() == Stamped().fingerprint()
    assert Stamped().fingerprint() is not None
    assert Stamped(days=4).fingerprint() != Stamped(days=5).fingerprint()


class Lacking(Counted):
    """t lacks its first 12 of 48 nodes."""

    def _read(self, time_indices, variable_indices, out) -> None:  # type: ignore[no-untyped-def]
        super()._read(time_indices, variable_indices, out)
        out[:, :, variable_indices == 0, :12] = np.nan


@pytest.mark.parametrize("is_other", [False, True], ids=["own statistics", "those of other data"])
def test_a_second_start_reads_no_gaps_again(is_other: bool) -> None:
    """Whoever has the statistics, the gaps are those of the data of the training."""
    found = []
    for _ in range(2):
        source = Lacking()
        if is_other:
            source.statistics_source = lambda: Counted("other")  # type: ignore[method-assign]
        compute = statistics(source)
        compute()
        found.append(compute.gaps())
    assert source.reads == 0
    for one in found:
        assert (one.variables, one.shares.tolist()) == (("t",), [0.25])
        np.testing.assert_array_equal([one.always[0], one.ever[0]], [np.arange(48) < 12] * 2)
