"""A dataset of several grids keeps their names, and what each lacks."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from wxml import GridPart, create
from wxml.errors import DataError

PARTS = (GridPart("globe", 16), GridPart("north", 8, ("q",)))


def several(world: Path, **options: Any) -> dict[str, Any]:
    """A source of two grids, of which the second one has `t` alone."""
    source = {"plugin": "xarray", "path": str(world)}
    north = {"plugin": "subset", "select": ["t"], "area": {"south": 0}, "source": source}
    return {"plugin": "grids", "names": ["globe", "north"], "areas": [3, 1], "sources": [source, north], **options}


@pytest.mark.parametrize("form", ["zarr2", "zarr3"])
def test_the_names_are_kept_and_copied(lab: Any, build: Callable[..., Path], tmp_path: Path, form: str) -> None:
    world = lab.world(tmp_path / "world.nc")
    source = several(world)
    store = build("store", world, source=source, output={"format": form})
    made = create("data-source", source.pop("plugin"), source)
    assert made.header.grid.parts == PARTS
    lab.run("copy", store, tmp_path / "copy.zarr")
    for path in (store, tmp_path / "copy.zarr"):
        stored = create("data-source", "anemoi", {"path": str(path)})
        assert stored.header.grid.parts == PARTS
        assert stored.header.grid.identity == made.header.grid.identity
        both = [one.read(made.header.times, ("t", "q")) for one in (made, stored)]
        np.testing.assert_array_equal(*both)
        assert np.isnan(both[1][:, :, 1, 16:]).all()
    assert lab.run("validate", store).exit_code == 0


def test_they_stay_when_dates_and_variables_are_added(lab: Any, build: Callable[..., Path], tmp_path: Path) -> None:
    world = lab.world(tmp_path / "world.nc")
    store = build("store", world, source=several(world), dates={"end": "2000-01-03T00"})
    lab.run("append", store, "dates.end=2000-01-04T00", "--workers", "1")
    assert create("data-source", "anemoi", {"path": str(store)}).header.grid.parts == PARTS
    more = lab.world(tmp_path / "more.nc", names=("u", "v"))
    whole, north = ({"plugin": "xarray", "path": str(more)} for _ in range(2))
    north = {"plugin": "subset", "select": ["u"], "area": {"south": 0}, "source": north}
    new = {"plugin": "grids", "names": ["globe", "north"], "areas": [3, 1], "sources": [whole, north]}
    recipe = lab.recipe(tmp_path / "more.yaml", more, source=new)
    lab.run("add-variables", store, recipe, "--workers", "1")
    stored = create("data-source", "anemoi", {"path": str(store)})
    assert stored.header.names == ("t", "q", "u", "v")
    assert stored.header.grid.parts == (GridPart("globe", 16), GridPart("north", 8, ("q", "v")))
    other = {**new, "names": ["earth", "north"], "sources": [dict(one) for one in new["sources"]]}
    third = lab.world(tmp_path / "third.nc", names=("w", "x"))
    for one, path in ((other["sources"][0], third), (other["sources"][1]["source"], third)):
        one["path"] = str(path)
    other["sources"][1]["select"] = ["w"]
    with pytest.raises(DataError, match="the grids differ"):
        lab.run("add-variables", store, lab.recipe(tmp_path / "third.yaml", third, source=other), "--workers", "1")
