"""However a dataset came to be, in parts, by appending, by adding variables: its bytes are those of one build."""

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from wxml import create
from wxml.errors import ArtefactError, DataError

DATES = 14
CUTS = st.lists(st.integers(1, DATES - 1), min_size=1, max_size=2, unique=True).map(sorted)
FORMS = st.fixed_dictionaries(
    {
        "format": st.sampled_from(["zarr3", "zarr2"]),
        "compression": st.sampled_from(["zstd", "none"]),
        "chunks": st.fixed_dictionaries({"dates": st.integers(1, 3), "values": st.sampled_from([None, 5])}),
    }
)


@settings(max_examples=settings.default.max_examples // 15, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(
    output=FORMS,
    cuts=st.lists(st.integers(1, DATES - 1), min_size=1, max_size=2, unique=True).map(sorted),
    data=st.data(),
)
def test_appended_or_in_parts_or_at_once(
    lab: Any, output: dict[str, Any], cuts: list[int], data: st.DataObject
) -> None:
    with TemporaryDirectory() as folder:
        place = Path(folder)
        drop = tuple(date for date in (3, 9) if date not in (0, DATES - 1, *(cut - 1 for cut in cuts)))
        world = lab.world(place / "world.nc", DATES, drop=drop)
        keys = {
            "output": output,
            "statistics": {"tendencies": ["12h", "24h"]},
            "dates": {"missing": "any", "frequency": "6h"},
        }
        recipe = lab.recipe(place / "recipe.yaml", world, **keys)
        lab.run("build", recipe, place / "once.zarr", "--workers", "1")
        wanted = lab.contents(place / "once.zarr")
        ends = [str(np.datetime64("2000-01-01T00") + np.timedelta64(6 * (cut - 1), "h")) for cut in cuts]
        lab.run("build", recipe, place / "grown.zarr", f"dates.end={ends[0]}", "--workers", "1")
        for end in ends[1:]:
            lab.run("append", place / "grown.zarr", f"dates.end={end}", "--workers", "1")
        lab.run("append", place / "grown.zarr", recipe, "--workers", "1")
        assert lab.contents(place / "grown.zarr") == wanted
        count = data.draw(st.integers(1, 4))
        for part in data.draw(st.permutations(range(1, count + 1))):
            lab.run("build", recipe, place / "parts.zarr", "--part", f"{part}/{count}", "--workers", "1")
        lab.run("finalise", place / "parts.zarr")
        assert lab.contents(place / "parts.zarr") == wanted


def test_shards_are_appended_too(lab: Any, tmp_path: Path) -> None:
    world = lab.world(tmp_path / "world.nc", DATES)
    recipe = lab.recipe(tmp_path / "recipe.yaml", world, output={"shards": 4})
    lab.run("build", recipe, tmp_path / "once.zarr")
    lab.run("build", recipe, tmp_path / "grown.zarr", "dates.end=2000-01-02T00")
    lab.run("append", tmp_path / "grown.zarr", recipe)
    assert lab.contents(tmp_path / "grown.zarr") == lab.contents(tmp_path / "once.zarr")
    assert len(list((tmp_path / "once.zarr" / "data").rglob("c/*/*/*/*"))) == 4


def test_processes_write_the_same_bytes_as_threads(lab: Any, tmp_path: Path) -> None:
    recipe = lab.recipe(tmp_path / "recipe.yaml", lab.world(tmp_path / "world.nc", DATES))
    for name, options in {"one": ["--workers", "1"], "two": ["--workers", "2", "--processes"]}.items():
        lab.run("build", recipe, tmp_path / f"{name}.zarr", *options)
    assert lab.contents(tmp_path / "one.zarr") == lab.contents(tmp_path / "two.zarr")


def test_the_files_of_the_old_dates_are_the_same_ones(lab: Any, tmp_path: Path, build: Callable[..., Path]) -> None:
    store = build("out", lab.world(tmp_path / "world.nc", 8))
    before = os.stat(store / "data" / "c" / "0" / "0" / "0" / "0").st_ino
    lab.world(tmp_path / "world.nc", 12)
    lab.run("append", store)
    assert os.stat(store / "data" / "c" / "0" / "0" / "0" / "0").st_ino == before
    assert len(create("data-source", "anemoi", {"path": str(store)}).header.times) == 12


def test_nothing_to_append_changes_nothing(lab: Any, tmp_path: Path, build: Callable[..., Path]) -> None:
    store = build("out", lab.world(tmp_path / "world.nc", 8))
    before = lab.contents(store)
    assert "nothing to append" in lab.run("append", store).output
    assert lab.contents(store) == before


def test_variables_are_added_as_if_they_had_been_joined(lab: Any, tmp_path: Path, build: Callable[..., Path]) -> None:
    world, more = lab.world(tmp_path / "world.nc", drop=(5,)), lab.world(tmp_path / "more.nc", names=("z", "u"))
    keys = {"dates": {"missing": "any"}, "statistics": {"tendencies": ["24h"]}}
    grown = build("grown", world, **keys)
    lab.run("add-variables", grown, lab.recipe(tmp_path / "soil.yaml", more))
    sources = [{"plugin": "xarray", "path": str(path)} for path in (world, more)]
    sources[1] = {"plugin": "subset", "source": sources[1], "start": "2000-01-01"}
    built = create("data-source", "anemoi", {"path": str(grown), "missing_dates": "skip"})
    assert built.header.names == ("t", "q", "z", "u")
    times = built.header.times
    for path, names in ((world, ["t", "q"]), (more, ["z", "u"])):
        source = create("data-source", "xarray", {"path": str(path)})
        assert np.array_equal(built.read(times, names), source.read(times, names), equal_nan=True)


@pytest.mark.carries_out("leave it out of the source, or rename it: `plugin: rename`")
def test_a_variable_that_is_there_is_refused(lab: Any, tmp_path: Path, build: Callable[..., Path]) -> None:
    world = lab.world(tmp_path / "world.nc", 8)
    store, recipe = build("out", world), lab.recipe(tmp_path / "more.yaml", world)
    with pytest.raises(DataError, match="has the variable 'q' already"):
        lab.run("add-variables", store, recipe)
    recipe.write_text(f"source: {{plugin: rename, names: {{t: t2, q: q2}}, source: {{plugin: xarray, path: {world}}}}}")
    lab.run("add-variables", store, recipe)
    assert create("data-source", "anemoi", {"path": str(store)}).header.names == ("t", "q", "t2", "q2")


@pytest.mark.carries_out("choose a source that has the dates of the dataset")
def test_a_source_that_lacks_dates_is_refused(lab: Any, tmp_path: Path, build: Callable[..., Path]) -> None:
    store = build("out", lab.world(tmp_path / "world.nc", 8))
    recipe = lab.recipe(tmp_path / "more.yaml", lab.world(tmp_path / "more.nc", 8, drop=(2,), names=("z",)))
    with pytest.raises(DataError, match=r"lacks 1 of the 8 dates of `out.zarr`, the first of them 2000-01-01T12"):
        lab.run("add-variables", store, recipe)
    lab.world(tmp_path / "more.nc", 8, names=("z",))
    lab.run("add-variables", store, recipe)


@pytest.mark.carries_out("go on with the recipe that the dataset was built with")
def test_another_recipe_is_not_appended(lab: Any, tmp_path: Path, build: Callable[..., Path]) -> None:
    store = build("out", lab.world(tmp_path / "world.nc", 8))
    lab.world(tmp_path / "world.nc", 10)
    with pytest.raises(DataError, match=r"the members, values and chunks differ"):
        lab.run("append", store, "output.compression=none")
    lab.run("append", store)


@pytest.mark.carries_out("build the parts that are missing, then finalise again")
def test_a_dataset_without_all_parts_is_not_finished(lab: Any, tmp_path: Path) -> None:
    recipe = lab.recipe(tmp_path / "recipe.yaml", lab.world(tmp_path / "world.nc", 8))
    lab.run("build", recipe, tmp_path / "out.zarr", "--part", "2/2")
    with pytest.raises(ArtefactError, match=r"4 of the 8 parts of .* are not written, the first of them part 0"):
        lab.run("finalise", tmp_path / "out.zarr")
    lab.run("build", recipe, tmp_path / "out.zarr", "--part", "1/2")
    lab.run("finalise", tmp_path / "out.zarr")
