"""What a recipe or a place cannot do is refused with a sentence, and its advice helps."""

import errno
import json
import sys
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from wxml.data.times import parse_time
from wxml.errors import ArtefactError, ConfigError, DataError
from wxml.files.lock import locked
from wxml_dataset_builder import span
from wxml_dataset_builder.date_axis import make_axis, statistics_period, tendency_steps
from wxml_dataset_builder.geometry import make_geometry
from wxml_dataset_builder.part import parse_part
from wxml_dataset_builder.recipe import Chunks, Dates, Output, StatisticsPeriod, read_recipe

TIMES = np.datetime64("2000-01-01T00:00:00", "s") + np.arange(8) * np.timedelta64(6, "h")
GAPPY = np.delete(TIMES, 3)


def dates(text: str, times: Any = TIMES, **wanted: Any) -> list[str]:
    axis = make_axis(times, Dates(**wanted))
    return [str(date)[8:13] for date in axis.dates[axis.is_missing if text == "missing" else slice(None)]]


def test_the_axis_is_that_of_the_source_or_of_the_recipe() -> None:
    assert dates("") == ["01T00", "01T06", "01T12", "01T18", "02T00", "02T06", "02T12", "02T18"]
    assert dates("", start="2000-01-01T06", end="2000-01-01") == ["01T06", "01T12", "01T18"]
    assert dates("", frequency="12h") == ["01T00", "01T12", "02T00", "02T12"]
    assert dates("missing", GAPPY, missing=["2000-01-01T18"]) == dates("missing", GAPPY, missing="any") == ["01T18"]
    assert dates("missing", missing=["2000-01-01T06"]) == ["01T06"], "what is named is missing, also if it is there"
    assert dates("missing", start="1999-12-31T12", missing="any") == ["31T12", "31T18"]
    assert dates("missing", end="2000-01-03T06", missing="any") == ["03T00", "03T06"]


@pytest.mark.carries_out("choose `dates` that the source has")
def test_dates_that_the_source_lacks_altogether() -> None:
    with pytest.raises(DataError, match=r"no time from 2001 to its end \(`dates`\), it has 8 from 2000-01-01T00 to"):
        dates("", start="2001")
    with pytest.raises(DataError, match="all 8 dates are missing"):
        dates("", missing=[str(time) for time in TIMES])
    assert dates("", start="2000-01-02T18", frequency="6h") == ["02T18"]


@pytest.mark.carries_out("write `dates.frequency`, such as 6h")
def test_a_frequency_that_nobody_can_know() -> None:
    for times in (TIMES[:1], np.sort(np.append(TIMES, TIMES[3] + np.timedelta64(1, "s")))):
        with pytest.raises(DataError, match=r"frequency of the single date|are irregular"):
            dates("", times)
        assert dates("", times, frequency="6h")[0] == "01T00"


@pytest.mark.carries_out("name them in `dates.missing`, or write `dates.missing: any`")
def test_a_gap_is_not_filled_unasked() -> None:
    with pytest.raises(DataError, match="the source lacks 1 of the 8 dates: 2000-01-01T18"):
        dates("", GAPPY)
    for missing in (["2000-01-01T18"], "any"):
        assert len(dates("", GAPPY, missing=missing)) == 8


@pytest.mark.carries_out("take it out of `dates.missing`")
def test_a_missing_date_that_is_none() -> None:
    with pytest.raises(DataError, match="names 2000-01-01T18:30:00, which is no date"):
        dates("", GAPPY, missing=["2000-01-01T18", "2000-01-01T18:30"])
    dates("", GAPPY, missing=["2000-01-01T18"])


@pytest.mark.carries_out("choose `statistics.start` and `statistics.end` among the dates of the dataset")
def test_a_period_without_dates() -> None:
    with pytest.raises(DataError, match="no date lies in the period of `statistics`"):
        statistics_period(TIMES, StatisticsPeriod(start="2000-01-03"))
    first, last = statistics_period(TIMES, StatisticsPeriod(start="2000-01-01T05", end="2000-01-01"))
    assert (str(first), str(last)) == ("2000-01-01T06:00:00", "2000-01-01T18:00:00")


@pytest.mark.parametrize(
    ("end", "last"),
    [
        ("2004-12-31", "2003-12-31"),
        ("2014-12-31", "2013-12-31"),
        ("2029-12-31", "2026-12-31"),
        ("2000-01-05", "2000-01-04"),
    ],
)
def test_the_last_dates_are_kept_apart(end: str, last: str) -> None:
    """A fifth of 1827 days is 366 of them; then one year, three years; and a fifth of five days."""
    days = np.arange(parse_time("2000-01-01"), parse_time(end) + np.timedelta64(1, "s"), np.timedelta64(1, "D"))
    assert str(statistics_period(days, StatisticsPeriod())[1])[:10] == last


@pytest.mark.carries_out("take it out of `statistics.tendencies`")
def test_a_tendency_between_two_dates() -> None:
    step = np.timedelta64(6, "h")
    with pytest.raises(DataError, match="must be multiples of the frequency 6h, got '9h'"):
        tendency_steps(step, ["12h", "9h"])
    assert tendency_steps(step, ["12h", "24h"]) == {"6h": 1, "12h": 2, "1d": 4}


@pytest.mark.carries_out("write less `values` or `dates` into `output.chunks`", "take out `output.shards`")
def test_chunks_that_cannot_be() -> None:
    shape = (10, 100, 1, 6_000_000)
    with pytest.raises(DataError, match="chunks of 2400000000 bytes, and Blosc packs 2147483647 at most"):
        make_geometry(shape, Output(chunks=Chunks(values=6_000_000)))
    assert make_geometry(shape, Output(chunks=Chunks(values=3_000_000))).chunks == (1, 100, 1, 3_000_000)
    assert make_geometry(shape, Output()).chunks == (1, 100, 1, 1_500_000), "a quarter of the grid"
    assert make_geometry((10, 100, 1, 80_000), Output()).chunks == (1, 100, 1, 80_000), "less than 32 MiB"
    for wrong in ({"format": "zarr2", "shards": 4}, {"shards": 3, "chunks": Chunks(dates=2)}):
        with pytest.raises(DataError, match=r"`output.shards` must be a multiple"):
            make_geometry(shape, Output(**wrong))
        make_geometry(shape, Output(**{**wrong, "shards": None}))


@pytest.mark.carries_out("write it like --part 3/16")
def test_a_part_that_is_none() -> None:
    for text in ("4/3", "0/3", "three"):
        with pytest.raises(DataError, match="`--part` must be I/N"):
            parse_part(text)
    for count in (1, 3, 7, 20):
        units = [unit for number in range(count) for unit in parse_part(f"{number + 1}/{count}").units(11)]
        assert units == list(range(11)), "every unit belongs to one part"


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"sorce": 1}, "unknown key `sorce`: did you mean 'source'?"),
        ({"dates": {"frequncy": "6h"}}, "unknown key `frequncy`: did you mean 'frequency'?"),
        ({"output": {"chunks": {"dats": 1}}}, "unknown key `dats`: did you mean 'dates'?"),
        ({"output": {"format": "zarr4"}}, "`format` must be 'zarr3' or 'zarr2', got 'zarr4'"),
        ({"dates": {"start": "yesterday"}}, "a time must be an ISO date or date-time, got 'yesterday'"),
    ],
)
def test_every_key_is_checked(tmp_path: Path, lab: Any, keys: dict[str, Any], sentence: str) -> None:
    recipe = lab.recipe(tmp_path / "recipe.yaml", Path("world.nc"), **keys)
    with pytest.raises(ConfigError) as caught:
        read_recipe(recipe)
    assert sentence in str(caught.value)
    assert "recipe.yaml:1" in str(caught.value)
    assert caught.value.fix == "see the keys of a recipe: wxml dataset build --help"


@pytest.mark.carries_out("build it first: wxml dataset build", "begin it: wxml dataset build RECIPE.yaml {}")
def test_a_dataset_that_is_not_there(tmp_path: Path, lab: Any, build: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match=r"there is no dataset `.*out.zarr`"):
        lab.run("append", tmp_path / "out.zarr")
    with pytest.raises(ArtefactError, match=r"no build of `.*out.zarr` has begun"):
        lab.run("finalise", tmp_path / "out.zarr")
    lab.run("append", build("out", lab.world(tmp_path / "world.nc", 4)))


@pytest.mark.carries_out("build a dataset from it: `source: {plugin: anemoi, path: …}`")
def test_a_dataset_of_others_is_not_appended_to(tmp_path: Path, lab: Any, build: Callable[..., Path]) -> None:
    theirs = build("theirs", lab.world(tmp_path / "world.nc", 4))
    metadata = json.loads((theirs / "zarr.json").read_text())
    del metadata["attributes"]["builder"]
    (theirs / "zarr.json").write_text(json.dumps(metadata))
    with pytest.raises(DataError, match="was not built by wxml"):
        lab.run("append", theirs)
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(f"source: {{plugin: anemoi, path: {theirs}}}")
    lab.run("build", recipe, tmp_path / "ours.zarr")
    lab.run("append", tmp_path / "ours.zarr")


@pytest.mark.carries_out("finish it with its own recipe, or begin anew with --restart")
def test_another_recipe_in_the_same_place(tmp_path: Path, lab: Any) -> None:
    recipe = lab.recipe(tmp_path / "recipe.yaml", lab.world(tmp_path / "world.nc", 4))
    target = tmp_path / "out.zarr"
    lab.run("build", recipe, target, "--part", "1/2")
    with pytest.raises(ArtefactError, match="another dataset is being built"):
        lab.run("build", recipe, target, "output.compression=lz4")
    lab.run("build", recipe, target, "output.compression=lz4", "--restart")
    lab.run("build", recipe, target, "--overwrite")


@pytest.mark.carries_out("make room, {}")
def test_a_full_disk_is_told_and_the_build_goes_on(
    tmp_path: Path, lab: Any, monkeypatch: pytest.MonkeyPatch, build: Callable[..., Path]
) -> None:
    world = lab.world(tmp_path / "world.nc", 6)
    whole, write, written = build("whole", world), span.write_record, []

    def full(folder: Path, unit: int, record: Any) -> None:
        if len(written) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(unit)
        write(folder, unit, record)

    with monkeypatch.context() as patch:
        patch.setattr(span, "write_record", full)
        with pytest.raises(ArtefactError, match=r"the disk is full: .*out.zarr"):
            build("out", world)
    assert not (tmp_path / "out.zarr").exists()
    written.append("a fourth")

    def counted(folder: Path, unit: int, record: Any) -> None:
        written.append(unit)
        write(folder, unit, record)

    monkeypatch.setattr(span, "write_record", counted)
    assert lab.contents(build("out", world)) == lab.contents(whole)
    assert written[:7] == [0, 1, 2, "a fourth", 3, 4, 5], "what was done is not done again"
    assert written[7:] == [3], "the change from the date before, which another run has written"


def test_two_processes_do_not_build_one_part(tmp_path: Path, lab: Any, build: Callable[..., Path]) -> None:
    with (
        locked(tmp_path / ".out.zarr.part-1-of-1.lock", seconds=0),
        pytest.raises(ArtefactError, match=r"`.*out.zarr` is in use by another process"),
    ):
        build("out", lab.world(tmp_path / "world.nc", 4))
    build("out", tmp_path / "world.nc")


def test_a_dataset_is_not_replaced_unasked(tmp_path: Path, lab: Any, build: Callable[..., Path]) -> None:
    store = build("out", lab.world(tmp_path / "world.nc", 4))
    before = lab.contents(store)
    with pytest.raises(ArtefactError, match="exists already"):
        build("out", tmp_path / "world.nc", "dates.end=2000-01-01T12")
    assert lab.contents(store) == before
    build("out", tmp_path / "world.nc", "dates.end=2000-01-01T12", "--overwrite")
    assert lab.contents(store) != before


@pytest.mark.carries_out(
    "move them elsewhere, or choose another path",
    "choose another path",
)
def test_only_a_dataset_that_is_not_read_is_replaced(tmp_path: Path, lab: Any, build: Callable[..., Path]) -> None:
    store = build("out", lab.world(tmp_path / "world.nc", 4))
    (store / "notes.txt").write_text("mine")
    with pytest.raises(ArtefactError, match=r"holds files that wxml did not write: notes.txt"):
        build("out", tmp_path / "world.nc", "--overwrite")
    (store / "notes.txt").unlink()
    build("out", tmp_path / "world.nc", "--overwrite")
    recipe = tmp_path / "again.yaml"
    recipe.write_text(f"source: {{plugin: anemoi, path: {store}}}")
    with pytest.raises(ArtefactError, match="would replace the input"):
        lab.run("build", recipe, store, "--overwrite")
    (tmp_path / "link.zarr").symlink_to(store)
    with pytest.raises(ArtefactError, match="is no dataset, so it is not replaced"):
        build("link", tmp_path / "world.nc", "--overwrite")
    (tmp_path / "other.zarr").mkdir()
    build("other", tmp_path / "world.nc", "--overwrite")
    (tmp_path / "other.zarr" / "zarr.json").unlink()
    with pytest.raises(ArtefactError, match="is no dataset, so it is not replaced"):
        build("other", tmp_path / "world.nc", "--overwrite")
    lab.run("build", recipe, tmp_path / "third.zarr")


def test_a_damaged_record_or_chunk_is_built_again(tmp_path: Path, lab: Any, build: Callable[..., Path]) -> None:
    world = lab.world(tmp_path / "world.nc", 6)
    whole = build("whole", world)
    recipe = lab.recipe(tmp_path / "recipe.yaml", world)
    lab.run("build", recipe, tmp_path / "out.zarr", "--part", "1/2")
    building = tmp_path / ".out.zarr.building"
    record = building / "records" / "00000001.record"
    record.write_bytes(record.read_bytes()[:-1] + b"x")
    (building / "store" / "data" / "c" / "2" / "0" / "0" / "0").write_bytes(b"cut")
    lab.run("build", recipe, tmp_path / "out.zarr")
    assert lab.contents(tmp_path / "out.zarr") == lab.contents(whole)


@pytest.mark.carries_out("see whether memory ran out, {}")
def test_a_worker_that_dies_is_told(
    tmp_path: Path, lab: Any, monkeypatch: pytest.MonkeyPatch, build: Callable[..., Path]
) -> None:
    def dies(*_: object, **__: object) -> None:
        raise BrokenProcessPool

    world = lab.world(tmp_path / "world.nc", 4)
    with monkeypatch.context() as patch:
        patch.setattr("dask.base.compute", dies)
        with pytest.raises(ArtefactError, match="a worker process has died"):
            build("out", world, "--workers", "2")
    build("out", world, "--workers", "2")


@pytest.mark.carries_out("see whether it runs, {}", "python -m pip install '{}'")
def test_a_cluster_builds_the_same_bytes(
    tmp_path: Path, lab: Any, monkeypatch: pytest.MonkeyPatch, build: Callable[..., Path]
) -> None:
    distributed, dask = pytest.importorskip("distributed"), pytest.importorskip("dask")
    world = lab.world(tmp_path / "world.nc", 6)
    here = build("here", world)
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "distributed", None)
        with pytest.raises(ArtefactError, match="`--scheduler` needs the package distributed"):
            build("there", world, "--scheduler", "tcp://127.0.0.1:9")
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "100ms", "distributed.comm.retry.count": 0}),
        pytest.raises(ArtefactError, match=r"the cluster at tcp://127.0.0.1:9 did not finish the work"),
    ):
        build("there", world, "--scheduler", "tcp://127.0.0.1:9")
    with distributed.LocalCluster(n_workers=1, processes=False, dashboard_address=":0", protocol="tcp") as cluster:
        there = build("there", world, "--scheduler", cluster.scheduler_address)
    assert lab.contents(here) == lab.contents(there)
