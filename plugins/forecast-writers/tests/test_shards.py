"""Zarr of format 3: many steps in a file, each there as soon as it is written."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr
from wxml_forecast_writers.shards import ShardFolder, shard_counts
from wxml_forecast_writers.zarr_writer import ZarrWriter


def files(path: str | Path) -> list[Path]:
    return [one for one in Path(path).rglob("*") if one.is_file()]


def steps_of(header, count=None):
    """`(time, lead, values)`, with values that tell the step."""
    places = [(t, s) for t in range(len(header.initial_times)) for s in range(len(header.lead_times))]
    return [(t, s, 100.0 * t + s) for t, s in places[:count]]


def test_a_long_forecast_is_a_few_files_and_reads_back_through_zarr_and_xarray(
    tmp_path, make_header, write_forecast
) -> None:
    times = np.datetime64("2020-01-01", "s") + np.arange(300) * np.timedelta64(86400, "s")
    leads = np.arange(1, 13) * np.timedelta64(21600, "s")
    header = make_header(initial_times=times, lead_times=leads)
    path = write_forecast(ZarrWriter(str(tmp_path / "a.zarr")), header, steps_of(header))
    shards = [one for one in files(path) if "c" in one.parts and one.parent.parent.name != "c" and "msl" in one.parts]
    assert len(shards) == 15  # 21 initial times of 12 steps each
    assert len(files(path)) < 60
    expected = 100.0 * np.arange(300)[:, None] + np.arange(12)
    with xr.open_dataset(path) as dataset:
        np.testing.assert_array_equal(dataset.msl.values, np.broadcast_to(expected[..., None, None], (300, 12, 3, 4)))
    np.testing.assert_array_equal(zarr.open_group(path, mode="r")["t_850"][17, :, 2, 3], expected[17])


@pytest.mark.parametrize(
    ("chunks", "shape", "counts"),
    [
        ((1, 1, 3, 4), (2, 3, 3, 4), (85, 3, 1, 1)),
        ((1, 1, 3, 4), (1, 1000, 3, 4), (1, 255, 1, 1)),
        ((1, 1, 2, 3, 4), (5, 40, 7, 3, 4), (1, 40, 4, 1, 1)),
        ((1, 1, 721, 1440), (9, 40, 721, 1440), (1, 40, 1, 1)),  # 64 of 4 MiB
        ((1, 1, 721, 1440), (9, 100, 721, 1440), (1, 64, 1, 1)),
        ((1, 1, 90_000_000), (9, 100, 90_000_000), (1, 1, 1)),  # larger than a shard
        ((1, 1, 1, 9), (2, 2, 1000, 9), (1, 1, 255, 1)),
    ],
)
def test_a_shard_has_255_chunks_or_256_mebibytes_at_most(chunks, shape, counts) -> None:
    assert shard_counts(chunks, shape) == counts


def test_members_that_are_split_read_back(tmp_path, make_header, write_forecast, monkeypatch) -> None:
    monkeypatch.setattr("wxml.forecasting.layout._CHUNK_BYTES", 4 * 12 * 2)  # two members of 12 nodes
    header = make_header(members=5)
    values = np.arange(5 * 2 * 12).reshape(5, 2, 12)
    path = write_forecast(ZarrWriter(str(tmp_path / "a.zarr")), header, [(1, 2, values)])
    with xr.open_dataset(path) as dataset:
        np.testing.assert_array_equal(dataset.msl[1, 2].values.reshape(5, 12), values[:, 1])
        assert np.isnan(dataset.msl[0]).all()


def test_a_step_that_is_written_can_be_read_while_the_writer_is_open(tmp_path, make_header, make_fields) -> None:
    header, writer = make_header(), ZarrWriter(str(tmp_path / "a.zarr"))
    writer.open(header)
    for time_number, lead, value in steps_of(header):
        writer.write(make_fields(header, time_number, lead, value), header.lead_times[lead])
        found = zarr.open_group(tmp_path / "a.zarr", mode="r")["msl"][:, :, 0, 0]
        assert found[time_number, lead] == value
        assert np.isnan(found).sum() == 5 - (3 * time_number + lead)
    writer.close()


def sharded(path, compressors=None):
    return zarr.create_array(
        str(path), shape=(2, 3, 2), chunks=(1, 1, 2), dtype="f4", compressors=compressors, fill_value=np.nan,
        shards={"shape": (2, 3, 2), "index_location": "start"},
    )  # fmt: skip


def test_a_chunk_that_comes_twice_replaces_the_first_and_a_folder_may_be_taken_up_again(tmp_path) -> None:
    array = sharded(tmp_path / "a.zarr")
    for value in (1, 2):
        folder = ShardFolder(tmp_path / "a.zarr", array)
        folder.put((1, 2, 0), np.full(2, value, "f4"))
    folder.put((0, 1, 0), np.full(2, 3, "f4"))
    np.testing.assert_array_equal(array[:, :, 0], [[np.nan, 3, np.nan], [np.nan, np.nan, 2]])


def test_a_shard_that_another_store_shares_is_copied_before_it_is_changed(tmp_path) -> None:
    array = sharded(tmp_path / "a.zarr", zarr.codecs.BloscCodec(cname="lz4"))
    ShardFolder(tmp_path / "a.zarr", array).put((0, 0, 0), np.ones(2, "f4"))
    shutil.copytree(tmp_path / "a.zarr", tmp_path / "b.zarr", copy_function=os.link)
    other = zarr.open_array(tmp_path / "b.zarr", mode="r+")
    ShardFolder(tmp_path / "b.zarr", other).put((1, 2, 0), np.full(2, 2, "f4"))
    np.testing.assert_array_equal(array[:, :, 0], [[1, np.nan, np.nan], [np.nan] * 3])
    np.testing.assert_array_equal(other[:, :, 0], [[1, np.nan, np.nan], [np.nan, np.nan, 2]])


KILLED = """
import sys
import numpy as np
from wxml import Fields, Grid, Variable
from wxml.forecasting.layout import ForecastHeader
from wxml_forecast_writers.zarr_writer import ZarrWriter
grid = Grid.unstructured(np.linspace(-80, 80, 2000), np.zeros(2000))
start, leads = np.array(["2020-01-01"], "datetime64[s]"), np.arange(1, 100_000) * np.timedelta64(3600, "s")
writer = ZarrWriter(sys.argv[1])
writer.open(ForecastHeader(grid, (Variable("t"),), start, leads, 1, {}))
for number, lead in enumerate(leads):
    writer.write(Fields(start[0] + lead, ("t",), np.full((1, 1, 2000), number, np.float32)), lead)
    print(number, flush=True)
"""


def test_what_was_written_before_a_kill_is_there(tmp_path) -> None:
    """Killed at three random moments: each step that was told is whole, and every step is whole or not there."""
    for seed in range(3):
        path = tmp_path / f"{seed}.zarr"
        with subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "0\n"
            time.sleep(np.random.default_rng(seed).uniform(0.05, 0.4))
            process.kill()
            told = max((int(line) for line in process.stdout if line.strip().isdigit()), default=0)
        array = zarr.open_group(path, mode="r")["t"]
        found = array[0, : told + 300]
        numbers = np.arange(len(found))[:, None]
        assert ((found == numbers) | np.isnan(found)).all()
        assert (found[: told + 1] == numbers[: told + 1]).all()
        assert ZarrWriter.foreign_files(str(path)) == []
