"""`wxml dataset compare`: equal ones are equal, and what differs is told with its size and its first date."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from wxml.errors import ArtefactError
from wxml_dataset_builder.comparing import values as comparing
from wxml_dataset_builder.comparing.comparison import compare
from wxml_dataset_builder.opening import open_any

carries_out = pytest.mark.carries_out
pytestmark = [
    pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning"),
    pytest.mark.parametrize("built", ["zarr3"], indirect=True, scope="session"),
]


@pytest.fixture
def other(built: Path, tmp_path: Path) -> Path:
    """A second copy, to differ."""
    return Path(shutil.copytree(built, tmp_path / "other.zarr"))


def array(store: Path, name: str) -> Any:
    return zarr.open_array(store / name, mode="r+")


def change_attributes(store: Path, change: Callable[[dict[str, Any]], None]) -> None:
    document = json.loads((store / "zarr.json").read_text())
    change(document["attributes"])
    (store / "zarr.json").write_text(json.dumps(document))


def test_a_dataset_equals_itself_and_the_files_that_it_was_built_from(built: Path, dataset: Callable[..., Any]) -> None:
    for other in (built, built.with_name("recipe.yaml")):
        done = dataset("compare", built, other)
        assert (done.exit_code, done.stdout) == (0, "nothing differs\n")


def test_values_that_differ_are_measured(built: Path, other: Path) -> None:
    data = array(other, "data")
    data[3, 1, 0, 5] += np.float32(0.5)
    data[8, 1, 0, 7] -= np.float32(2.0)
    data[9, 0, 0, 7] = np.nan
    found = compare(open_any(built), open_any(other))
    assert found.values is not None
    t500, t850, sst = found.values
    count = 23 * 48
    assert (t850.differing, t850.compared, t850.one_missing) == (2, count, 0)
    assert t850.largest == pytest.approx(2.0, abs=1e-5)
    assert t850.root_mean_square == pytest.approx(np.sqrt((0.25 + 4) / count), rel=1e-5)
    assert str(t850.first) == "2000-01-01T18:00:00"
    assert (t500.differing, t500.one_missing, t500.largest, str(t500.first)) == (1, 1, 0.0, "2000-01-03T06:00:00")
    assert (sst.differing, sst.largest, sst.first) == (0, 0.0, None)
    assert sst.compared == count - 23 * 4
    assert not found.is_equal


@pytest.mark.parametrize(("tolerance", "is_equal"), [((0, 0.5), True), ((0, 0.4), False), ((0.01, 0), True)])
def test_a_tolerance_is_absolute_or_relative(built, other, tolerance, is_equal) -> None:
    array(other, "data")[:, 1] += np.float32(0.45)
    relative, absolute = tolerance
    assert compare(open_any(built), open_any(other), relative=relative, absolute=absolute).is_equal == is_equal


def test_blocks_of_any_size_have_the_same_result(built, other, monkeypatch: pytest.MonkeyPatch) -> None:
    array(other, "data")[::3, 1] += np.float32(0.45)
    whole = compare(open_any(built), open_any(other)).values
    for size in (1, 4 * 48, 4 * 48 * 3, 4 * 48 * 3 * 7):
        monkeypatch.setattr(comparing, "BLOCK_BYTES", size)
        assert compare(open_any(built), open_any(other)).values == whole


def test_statistics_units_and_dates_are_compared(built: Path, other: Path) -> None:
    array(other, "stdev")[1] = 7.5
    array(other, "data")[6] = np.nan

    def change(said: dict[str, Any]) -> None:
        said["missing_dates"].append("2000-01-02T12:00:00")
        said["variables_metadata"]["sst"]["units"] = "degC"
        said["variables_metadata"]["sst"].get("wxml", {}).update(units="degC")

    change_attributes(other, change)
    told = compare(open_any(built), open_any(other)).differences
    assert "sst: units K in A, degC in B" in told
    assert "dates: 1 of 23 are in A alone, the first of them 2000-01-02T12" in told
    assert "missing dates: 1 in A, 2 in B, 1 of one alone, the first 2000-01-02T12:00:00" in told
    assert any(one.startswith("t_850: stdev ") and one.endswith(" in A, 7.5 in B") for one in told)
    assert len(told) == 4


def test_nodes_in_another_order_are_put_in_order(built: Path, other: Path) -> None:
    order = np.arange(48).reshape(6, 8)[::-1].ravel()
    for name in ("latitudes", "longitudes", "area_weights"):
        if (other / name).exists():
            places = array(other, name)
            places[:] = places[:][order]
    data = array(other, "data")
    data[:] = data[:][..., order]
    found = compare(open_any(built), open_any(other))
    assert found.differences == ("grid: the nodes have other places or another order",)
    assert found.values is not None
    assert not any(one.differing for one in found.values)


def test_other_nodes_are_not_compared(built: Path, other: Path) -> None:
    longitudes = array(other, "longitudes")
    longitudes[:] = longitudes[:] + 1
    found = compare(open_any(built), open_any(other))
    assert found.values is None
    assert found.lines()[-1] == "  values: not compared, since the nodes are others"
    assert not found.is_equal


def test_the_command_lists_what_differs_and_ends_with_1(built, other, dataset) -> None:
    array(other, "data")[8, 1, 0, 7] -= np.float32(2.0)
    done = dataset("compare", built, other)
    assert done.exit_code == 1
    head, names, row = done.stdout.splitlines()
    assert head == "A and B differ:"
    assert names.split() == [
        "variable",
        "values",
        "that",
        "differ",
        "largest",
        "root",
        "mean",
        "square",
        "first",
        "date",
    ]
    assert row.split()[:4] == ["t_850", "1", "of", "1104"]
    assert row.split()[-1] == "2000-01-03T00:00:00"
    told = json.loads(dataset("compare", built, other, "--json").stdout)
    assert told["equal"] is False
    assert [one["differing"] for one in told["values"]] == [0, 1, 0]


@carries_out("name the folder of a dataset, or a recipe or experiment (.yaml)", "name the recipe, or take it out")
def test_what_is_neither_dataset_nor_recipe_is_refused(built: Path, world_file: Path, tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="is neither a dataset nor a recipe"):
        open_any(world_file)
    with pytest.raises(ArtefactError, match="does not exist"):
        open_any(tmp_path / "nothing.zarr")
    with pytest.raises(ArtefactError, match=r"is a dataset, and 'source.path=x' changes a recipe"):
        open_any(built, ["source.path=x"])
    assert open_any(built).stored is not None
    assert open_any(built.with_name("recipe.yaml"), ["description=other"]).stored is None
