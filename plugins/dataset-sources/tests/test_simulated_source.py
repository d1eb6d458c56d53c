"""The data source: reading, reproducibility, the cache, and what it refuses."""

import logging
import subprocess
import sys
from multiprocessing.reduction import ForkingPickler

import numpy as np
import pytest
from wxml.errors import DataError
from wxml_dataset_sources.simulated_atmosphere import SimulatedAtmosphere

SHORT = {"truncation": 5, "end": "2000-01-05", "spin_up_days": 5}
NAMES = ("u", "v", "z", "t", "q", "tp", "orog", "lsm")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache of its own for every test."""
    monkeypatch.setenv("WXML_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def no_simulation(monkeypatch):
    """A function from whose call on nothing may be simulated any more."""

    def refuse(*_):
        raise AssertionError("simulated again")

    return lambda: monkeypatch.setattr(SimulatedAtmosphere, "_simulate", refuse)


def everything(source):
    return source.read(source.header.times, source.header.names)


def test_the_default_header_describes_two_years_without_simulating(no_simulation) -> None:
    no_simulation()
    header = SimulatedAtmosphere().header
    assert header.names == NAMES
    assert header.grid.shape == (32, 64)
    assert str(header.times[0]) == "2000-01-01T00:00:00"
    assert str(header.times[-1]) == "2001-12-31T18:00:00"
    assert len(header.times) == (366 + 365) * 4
    assert all(variable.units for variable in header.variables)


def test_area_weights_are_the_gaussian_ones() -> None:
    grid = SimulatedAtmosphere(**SHORT).header.grid
    sine = np.sin(np.radians(grid.latitudes))
    assert np.sum(grid.area_weights * sine**2) == pytest.approx(1 / 3, rel=1e-12)
    assert grid.latitudes[0] > 0 > grid.latitudes[-1]


@pytest.mark.parametrize(
    ("end", "last"),
    [("2000-01-03", "2000-01-03T18"), ("2000-01-03T06", "2000-01-03T06"), ("2000-01-03T11", "2000-01-03T06")],
)
def test_an_end_without_an_hour_is_the_whole_day(end, last) -> None:
    times = SimulatedAtmosphere(truncation=5, end=end).header.times
    assert times[-1] == np.datetime64(last, "s")


def test_the_same_options_give_the_same_bits_and_another_seed_another_world(monkeypatch, tmp_path) -> None:
    first = everything(SimulatedAtmosphere(**SHORT))
    monkeypatch.setenv("WXML_CACHE", str(tmp_path / "other"))
    again = everything(SimulatedAtmosphere(**SHORT))
    assert first.tobytes() == again.tobytes()
    other = everything(SimulatedAtmosphere(**SHORT, seed=1))
    for index, name in enumerate(NAMES):
        assert not np.allclose(first[:, :, index], other[:, :, index]), name


def test_a_longer_run_begins_like_a_shorter_one() -> None:
    short = everything(SimulatedAtmosphere(**SHORT))
    long = everything(SimulatedAtmosphere(**{**SHORT, "end": "2000-01-07"}))
    np.testing.assert_array_equal(short, long[: len(short)])


def test_reads_in_any_order_are_slices_of_everything() -> None:
    source = SimulatedAtmosphere(**SHORT)
    whole = everything(source)
    picked = source.read(source.header.times[[5, 2, 5]], ["lsm", "t", "u"])
    np.testing.assert_array_equal(picked, whole[[5, 2, 5]][:, :, [7, 3, 0]])
    assert picked.dtype == np.float32
    assert np.isfinite(whole).all()


def test_the_ground_does_not_change_and_the_air_does() -> None:
    values = everything(SimulatedAtmosphere(**SHORT))[:, 0]
    assert np.all(values[:, 6:] == values[0, 6:])
    assert np.all(np.abs(np.diff(values[:, :5], axis=0)).max(axis=-1) > 0)
    assert values[:, 4:6].min() >= 0


def test_a_time_after_the_end_is_refused() -> None:
    source = SimulatedAtmosphere(**SHORT)
    with pytest.raises(DataError, match="no data for 2000-01-06T00"):
        source.read(["2000-01-06"], ["t"])


SWAP, TRY = pytest.mark.carries_out("swap the two"), pytest.mark.carries_out("try 21")
CHOOSE = pytest.mark.carries_out("choose 0 or more")
ISO = pytest.mark.carries_out("write it like '2000-01-01T06', in UTC")


@pytest.mark.parametrize(
    ("options", "message", "mended"),
    [
        pytest.param(
            {"start": "2000-02-01", "end": "2000-01-01"},
            "`end` must not be before `start`",
            {"start": "2000-01-01", "end": "2000-02-01"},
            marks=SWAP,
        ),
        pytest.param({"truncation": 2}, "`truncation` must be from 5 to 106, got 2", {"truncation": 21}, marks=TRY),
        pytest.param({"truncation": 500}, "`truncation` must be from 5 to 106, got 500", {"truncation": 21}, marks=TRY),
        pytest.param({"seed": -1}, "`seed` must not be negative, got -1", {"seed": 0}, marks=CHOOSE),
        pytest.param(
            {"spin_up_days": -3}, "`spin_up_days` must not be negative, got -3", {"spin_up_days": 0}, marks=CHOOSE
        ),
        pytest.param({"start": "yesterday"}, "'yesterday'", {"start": "2000-01-01T06"}, marks=ISO),
    ],
)
def test_senseless_options_are_refused_with_a_fix_that_helps(options, message, mended) -> None:
    with pytest.raises(DataError, match=message):
        SimulatedAtmosphere(**options)
    header = SimulatedAtmosphere(**mended).header
    assert header.grid.shape == (32, 64)
    assert header.times[0] == np.datetime64(mended.get("start", "2000-01-01"))


def test_a_second_source_takes_the_fields_from_the_cache(cache, no_simulation) -> None:
    first = everything(SimulatedAtmosphere(**SHORT))
    assert len(list(cache.iterdir())) == 1, "one file, nothing left beside it"
    no_simulation()
    np.testing.assert_array_equal(everything(SimulatedAtmosphere(**SHORT)), first)
    with pytest.raises(AssertionError, match="simulated again"):
        everything(SimulatedAtmosphere(**SHORT, seed=2))


def cut_in_half(content):
    return content[: len(content) // 2]


def flip_a_bit(content):
    return content[:5000] + bytes([content[5000] ^ 1]) + content[5001:]


@pytest.mark.parametrize(
    "damage", [cut_in_half, flip_a_bit, lambda _: b"", lambda _: b"not an array", lambda _: b"PK\x03\x04"]
)
def test_a_damaged_cache_file_is_made_anew(cache, damage, no_simulation, caplog) -> None:
    first = everything(SimulatedAtmosphere(**SHORT))
    file = next(cache.iterdir())
    file.write_bytes(damage(file.read_bytes()))
    with caplog.at_level(logging.WARNING, logger="wxml"):
        np.testing.assert_array_equal(everything(SimulatedAtmosphere(**SHORT)), first)
    assert "made anew" in caplog.text
    no_simulation()
    np.testing.assert_array_equal(everything(SimulatedAtmosphere(**SHORT)), first)


def test_a_cache_that_cannot_be_written_costs_a_warning_only(tmp_path, monkeypatch, caplog) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("WXML_CACHE", str(tmp_path / "file" / "cache"))
    with caplog.at_level(logging.WARNING, logger="wxml"):
        values = everything(SimulatedAtmosphere(**SHORT))
    assert np.isfinite(values).all()
    assert "could not keep" in caplog.text


def test_a_full_disk_costs_a_warning_only_and_leaves_nothing(cache, monkeypatch, caplog) -> None:
    def full(file, *_, **__):
        file.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with caplog.at_level(logging.WARNING, logger="wxml"):
        values = everything(SimulatedAtmosphere(**SHORT))
    assert np.isfinite(values).all()
    assert "No space left" in caplog.text
    assert not list(cache.iterdir())


def test_pickling_leaves_the_fields_behind_and_the_copy_reads_the_same(no_simulation) -> None:
    source = SimulatedAtmosphere(**SHORT)
    before = len(ForkingPickler.dumps(source))
    whole = everything(source)
    packed = ForkingPickler.dumps(source)
    assert len(packed) < before + whole.nbytes / 100  # the positions of a few names, no field
    no_simulation()
    np.testing.assert_array_equal(everything(ForkingPickler.loads(packed)), whole)


def test_two_processes_at_once_leave_one_good_file(cache, no_simulation) -> None:
    program = (
        "from wxml_dataset_sources.simulated_atmosphere import SimulatedAtmosphere as S;"
        f"s = S(**{SHORT!r}); print(s.read(s.header.times, s.header.names).tobytes().hex()[-4000:])"
    )
    running = [subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) for _ in range(2)]
    outputs = [process.communicate(timeout=600)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0]
    assert outputs[0] == outputs[1]
    no_simulation()
    assert everything(SimulatedAtmosphere(**SHORT)).tobytes().hex()[-4000:].encode() == outputs[0].strip()
    assert len(list(cache.iterdir())) == 1


def test_progress_is_told_every_tenth(caplog) -> None:
    with caplog.at_level(logging.INFO, logger="wxml"):
        everything(SimulatedAtmosphere(**SHORT))
    told = [record.message for record in caplog.records if "%" in record.message]
    assert len(told) == 10
    assert told[-1].endswith("(100 %)")


def test_provenance_is_the_options_and_a_hash_that_follows_them() -> None:
    first, again, other = (SimulatedAtmosphere(**SHORT, seed=seed).provenance() for seed in (0, 0, 1))
    assert first == again
    assert first["options"]["truncation"] == 5
    assert first["content_hash"] != other["content_hash"]
