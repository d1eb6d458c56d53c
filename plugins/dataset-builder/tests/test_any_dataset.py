"""Laws of `copy` and `compare` for any dataset: a copy in any form is equal, and one change is found and named."""

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import xarray as xr
import zarr
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from wxml_dataset_builder.comparing.comparison import Comparison, compare
from wxml_dataset_builder.opening import open_any
from wxml_dataset_builder.validation import validate

pytestmark = pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning")
FIRST = np.datetime64("2000-01-01", "ns")
SIZES = {"dates": st.integers(1, 4), "variables": st.integers(1, 3), "ensembles": st.integers(1, 3)}
SIZES |= {"values": st.sampled_from([3, 5, "all"])}
LENGTHS = ("dates", "members", "rows", "columns")
SHAPES = st.fixed_dictionaries(
    {"dates": st.integers(4, 9), "members": st.integers(1, 3), "rows": st.integers(2, 4), "columns": st.integers(2, 5)}
)
OUTPUTS = st.fixed_dictionaries(
    {
        "format": st.sampled_from(["zarr2", "zarr3"]),
        "dtype": st.sampled_from(["float32", "float64"]),
        "compression": st.sampled_from(["zstd", "lz4", "none"]),
        "chunks": st.fixed_dictionaries({}, optional=SIZES | {"values": st.integers(1, 9)}),
    }
)
FORMS = st.fixed_dictionaries(
    {},
    optional={
        "--format": st.sampled_from(["zarr2", "zarr3"]),
        "--compression": st.sampled_from(["zstd", "lz4", "none"]),
        "--rechunk": st.dictionaries(st.sampled_from(sorted(SIZES)), st.sampled_from([1, 2, 3, "all"]), min_size=1),
    },
)
Change = Callable[[Path, st.DataObject], str]


def world(path: Path, shape: dict[str, int], names: list[str], data: st.DataObject) -> None:
    """Random fields with some NaN, and without some dates between the first and the last one."""
    seed = data.draw(st.integers(0, 2**16), label="seed")
    dropped = data.draw(st.sets(st.integers(1, shape["dates"] - 2), max_size=shape["dates"] - 3), label="missing dates")
    random = np.random.default_rng(seed)
    axes = {
        "time": FIRST + np.arange(shape["dates"]) * np.timedelta64(6, "h"),
        "number": np.arange(shape["members"]),
        "latitude": ("latitude", 60.0 - 20 * np.arange(shape["rows"]), {"units": "degrees_north"}),
        "longitude": ("longitude", 30.0 * np.arange(shape["columns"]), {"units": "degrees_east"}),
    }
    fields = {}
    for name in names:
        values = random.normal(280, 5, tuple(shape[name] for name in LENGTHS)).astype(np.float32)
        values[random.random(values.shape) < data.draw(st.sampled_from([0.0, 0.2]))] = np.nan
        fields[name] = (tuple(axes), values, {"units": "K"})
    kept = [date for date in range(shape["dates"]) if date not in dropped]
    xr.Dataset(fields, axes).isel(time=kept).to_netcdf(path)


def options_of(form: dict[str, Any]) -> list[str]:
    """The options of `copy`."""
    sizes = form.get("--rechunk", {})
    plain = [part for key, value in form.items() if key != "--rechunk" for part in (key, value)]
    return [*plain, *(part for name, size in sizes.items() for part in ("--rechunk", f"{name}={size}"))]


def found(store: Path, copy: Path) -> Comparison:
    return compare(open_any(store), open_any(copy))


def one_value(store: Path, data: st.DataObject) -> str:
    """Another number in float32, as which values are read, NaN in place of a number, or a number in place of NaN."""
    array, opened = zarr.open_array(store / "data", mode="r+"), open_any(store)
    assert opened.stored is not None
    date = data.draw(st.sampled_from(np.flatnonzero(~opened.stored.is_missing).tolist()))
    place = tuple(data.draw(st.integers(0, length - 1)) for length in array.shape[1:])
    old = np.float32(array[(date, *place)])
    next_one = np.nextafter(old, np.float32(np.inf))
    array[(date, *place)] = 1.0 if np.isnan(old) else data.draw(st.sampled_from([next_one, np.float32(np.nan)]))
    return f"{opened.stored.names[place[0]]} 1 {opened.stored.dates[date]}"


def one_unit(store: Path, data: st.DataObject) -> str:
    """Other units of one variable."""
    name = data.draw(st.sampled_from(open_any(store).source.header.names))

    def change(attributes: dict[str, Any]) -> None:
        attributes["variables_metadata"][name]["units"] = "Pa"
        attributes["variables_metadata"][name]["wxml"]["units"] = "Pa"

    change_attributes(store, change)
    return f"{name}: units K in A, Pa in B"


def one_date(store: Path, data: st.DataObject) -> str:
    """A date that is there is missing."""
    opened = open_any(store)
    assert opened.stored is not None
    date = data.draw(st.sampled_from(np.flatnonzero(~opened.stored.is_missing).tolist()))
    zarr.open_array(store / "data", mode="r+")[date] = np.nan
    text = str(opened.stored.dates[date])
    change_attributes(store, lambda attributes: attributes["missing_dates"].append(text))
    return f"of one alone, the first {text}"


def one_statistic(store: Path, data: st.DataObject) -> str:
    """Another mean of one variable."""
    names = open_any(store).source.header.names
    number = data.draw(st.integers(0, len(names) - 1))
    zarr.open_array(store / "mean", mode="r+")[number] = 1.5
    return f"{names[number]}: mean "


CHANGES: list[Change] = [one_value, one_unit, one_date, one_statistic]


def change_attributes(store: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change the attributes of the root, in all places where a format keeps them."""
    for name in ("zarr.json", ".zattrs", ".zmetadata"):
        if (store / name).exists():
            document = json.loads((store / name).read_text())
            inner = document["metadata"][".zattrs"] if name == ".zmetadata" else document
            change(inner.get("attributes", inner))
            (store / name).write_text(json.dumps(document))


def told(comparison: Comparison) -> list[str]:
    """The sentences of a comparison, and variable, count and first date of values that differ."""
    values = [f"{one.variable} {one.differing} {one.first}" for one in comparison.values or () if one.differing]
    return [*comparison.differences, *values]


@settings(max_examples=settings.default.max_examples // 10, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(
    shape=SHAPES,
    names=st.lists(st.sampled_from(["t", "q", "u"]), min_size=1, max_size=3, unique=True),
    output=OUTPUTS,
    form=FORMS,
    data=st.data(),
)
def test_a_copy_is_equal_and_one_change_is_found(
    lab: Any, shape: dict[str, int], names: list[str], output: dict[str, Any], form: dict[str, Any], data: st.DataObject
) -> None:
    with TemporaryDirectory() as folder:
        place = Path(folder)
        world(place / "world.nc", shape, names, data)
        recipe = lab.recipe(place / "recipe.yaml", place / "world.nc", output=output, dates={"missing": "any"})
        store, copy = place / "out.zarr", place / "copy.zarr"
        lab.run("build", recipe, store, "--workers", "1")
        lab.run("copy", store, copy, *options_of(form))
        assert told(found(store, copy)) == []
        assert found(store, copy).is_equal
        ours, theirs = (zarr.open_array(one / "data", mode="r")[...] for one in (copy, store))
        assert ours.tobytes() == theirs.tobytes()
        assert validate(copy, whole=True) == []
        change = data.draw(st.sampled_from(CHANGES), label="change")
        says = change(copy, data)
        comparison = found(store, copy)
        assert not comparison.is_equal
        assert [one for one in told(comparison) if says in one], (says, told(comparison))
        kinds = {one.partition(":")[0] for one in told(comparison)}
        assert len(told(comparison)) == (2 if change is one_date else 1), kinds
