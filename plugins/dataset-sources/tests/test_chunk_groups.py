"""Samples leave out the variables that nobody needs at a time, where they lie in chunks of their own."""

from collections import Counter

import numpy as np
import pytest
import xarray as xr
from wxml import PluginChoice, VariableRoles
from wxml.data.preprocessing import Preprocessing
from wxml.data.samples import SampleSet
from wxml.data.statistics import Statistics
from wxml.data.window import Window
from wxml_dataset_sources.combining.combination import opened
from wxml_dataset_sources.combining.statistics_of import StatisticsOf
from wxml_dataset_sources.xarray_reading.arrays import ArrayReader
from wxml_dataset_sources.xarray_source import XarraySource

HOUR = np.timedelta64(1, "h")
TIMES = np.datetime64("2000-01-01", "ns") + 6 * HOUR * np.arange(6)
GRID = {"latitude": ("latitude", [50.0, 45.0], {"units": "degrees_north"}), "longitude": ("longitude", [0.0, 5.0])}


@pytest.fixture
def levels(tmp_path):
    """A store with `t` on four levels, two of them in a chunk, and two variables without levels."""
    random = np.random.default_rng(0)
    places, axes = {"longitude": ("longitude", [0.0, 5.0], {"units": "degrees_east"})}, ("latitude", "longitude")
    variables = {
        "t": (("time", "level", *axes), random.normal(size=(6, 4, 2, 2)).astype("f4"), {"units": "K"}),
        "tp": (("time", *axes), random.random((6, 2, 2)).astype("f4"), {"units": "m"}),
        "swh": (("time", *axes), random.random((6, 2, 2)).astype("f4"), {"units": "m"}),
    }
    level = ("level", [1000.0, 850.0, 700.0, 500.0], {"units": "hPa"})
    dataset = xr.Dataset(variables, GRID | places | {"time": TIMES, "level": level})
    dataset.to_zarr(tmp_path / "a.zarr", zarr_format=2, consolidated=False, encoding={"t": {"chunks": (1, 2, 2, 2)}})
    dataset.to_netcdf(tmp_path / "a.nc")
    return tmp_path


def together(source):
    """The variables that have one number, as a set of sets."""
    groups = source.chunk_groups()
    return {frozenset(np.array(source.header.names)[groups == group].tolist()) for group in groups}


def source_of(choice):
    return opened(PluginChoice.model_validate(choice)).source


def test_levels_of_one_chunk_are_together_and_parameters_apart(levels):
    pairs = {frozenset({"t_1000", "t_850"}), frozenset({"t_700", "t_500"})}
    others = {frozenset({"tp"}), frozenset({"swh"})}
    assert together(XarraySource(path=str(levels / "a.zarr"))) == pairs | others
    assert together(XarraySource(path=str(levels / "a.zarr"), levels=[850, 700])) == {
        frozenset({"t_850"}), frozenset({"t_700"}), *others
    }  # fmt: skip


def one(world, **options):
    return {"plugin": "xarray", **world.choice.options, **options}


def test_sources_that_are_made_of_others_say_what_these_say(levels, world):
    store = {"plugin": "xarray", "path": str(levels / "a.zarr")}
    own = together(source_of(store))
    same = [
        {"plugin": "rescale", "source": store, "variables": {"tp": {"scale": 1000, "units": "mm"}}},
        {"plugin": "convert", "source": store, "units": {"tp": "mm"}},
        {"plugin": "interpolate-times", "source": store, "frequency": "3h"},
        {"plugin": "missing", "source": store, "policy": "interpolate"},
        {"plugin": "missing", "source": store, "values": "nearest-node"},
        {"plugin": "rolling", "source": store, "window": "12h"},
        {"plugin": "accumulate", "source": store, "variables": ["tp"], "start": "2000-01-01", "assume": True},
        {"plugin": "regrid", "source": store, "to": {"octahedral": 4}, "method": "nearest"},
        {"plugin": "ensemble", "sources": [store, store]},
        {"plugin": "concat", "sources": [
            {"plugin": "subset", "source": store, "end": "2000-01-01T12"},
            {"plugin": "subset", "source": store, "start": "2000-01-01T18"},
        ]},
    ]  # fmt: skip
    for choice in same:
        assert together(source_of(choice)) == own, choice["plugin"]
    whole = PluginChoice.model_validate(store)
    assert together(StatisticsOf(source=whole, of=whole)) == own
    chosen = source_of({"plugin": "subset", "source": store, "select": ["swh", "t_500", "t_700", "t_850"]})
    assert together(chosen) == {frozenset({"swh"}), frozenset({"t_500", "t_700"}), frozenset({"t_850"})}
    renamed = source_of({"plugin": "rename", "source": store, "names": {"t": "q"}})
    pairs = {frozenset({"q_1000", "q_850"}), frozenset({"q_700", "q_500"})}
    assert together(renamed) == pairs | {frozenset({"tp"}), frozenset({"swh"})}


def test_what_lies_apart_in_one_source_and_together_in_another_is_apart(world, everything):
    """Of two sources after each other; of two beside each other, those of each are their own."""
    apart = one(world("a b"))
    later = one(world("b a", "2000-01-02"))
    assert together(source_of({"plugin": "concat", "sources": [apart, later]})) == {frozenset("a"), frozenset("b")}
    other = one(world("c"))
    assert together(source_of({"plugin": "join", "sources": [apart, other]})) == set(map(frozenset, "abc"))
    derived = {
        "plugin": "derive",
        "source": one(world({"u10": "m s-1", "v10": "m s-1"})),
        "variables": {"ws": {"formula": "wind-speed", "of": ["u10", "v10"]}},
    }
    assert len(set(source_of(derived).chunk_groups().tolist())) == len(source_of(derived).header.names)


@pytest.mark.parametrize("inputs", [1, 2])
def test_a_sample_of_files_reads_no_field_that_nobody_needs(world, monkeypatch, inputs):
    """And the values are those that are needed of a sample of which all is read."""
    monkeypatch.setattr("wxml_dataset_sources.xarray_source.KEPT_IN_MEMORY", 0)  # as of a large archive
    source = XarraySource(path=world("t tp lsm", count=8).choice.options["path"])
    names, nodes = source.header.names, len(source.header.grid)
    statistics = Statistics(names, *(np.full(3, number, float) for number in (0, 1, -9, 9, 1)))
    roles = VariableRoles(("t",), ("lsm",), ("tp",))
    preprocessing = Preprocessing(source, roles, (), statistics)
    window = Window(inputs, 1, np.timedelta64(6, "h").astype("m8[s]"))
    samples = SampleSet(preprocessing, window, (source.header.times[0], source.header.times[-1]))
    read, fields = ArrayReader.read, Counter()

    def counted(reader, times, members, levels):
        fields.update((reader.name, time) for time in times.tolist())
        return read(reader, times, members, levels)

    monkeypatch.setattr(ArrayReader, "read", counted)
    batch = samples.batch([3])
    inside = range(3, 3 + inputs + 1)
    expected = [("t", time) for time in inside] + [("lsm", time) for time in inside[:-1]] + [("tp", inside[-1])]
    assert fields == Counter(expected)
    whole = source.read(source.header.times[3 : 4 + inputs], ["t", "tp", "lsm"])[:, 0]
    empty = np.zeros((inputs + 1, 3, nodes), bool)
    empty[:-1, 1], empty[-1, 2] = True, True
    np.testing.assert_array_equal(batch.values[0], np.where(empty, np.nan, whole))
