"""`wxml dataset inspect`: the facts of a dataset, of a recipe, and the page with pictures."""

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from wxml import Grid, Variable
from wxml.errors import ArtefactError
from wxml_dataset_builder.describing import page as drawing
from wxml_dataset_builder.describing import summary as summarising
from wxml_dataset_builder.describing.pictures import draw
from wxml_dataset_builder.describing.summary import SHOWN, Summary, summarise, with_gaps
from wxml_dataset_builder.opening import open_any

Run = Callable[..., Any]


def test_the_facts_are_those_of_the_store(built: Path, dataset: Run) -> None:
    facts = json.loads(dataset("inspect", built, "--json").stdout)
    assert facts["grid"] | {"identity": ""} == {
        "kind": "regular", "nodes": 48, "shape": [6, 8], "is_global": True, "south": -75.0, "north": 75.0,
        "west": 0.0, "east": 315.0, "identity": "",
    }  # fmt: skip
    assert facts["axis"] == {"count": 24, "first": "2000-01-01T00", "last": "2000-01-06T18"}
    assert facts["missing_dates"] == ["2000-01-02T06"]
    gap = {"after": "2000-01-02T00", "before": "2000-01-02T12"}
    assert facts["dates"] == {
        "count": 23, "first": "2000-01-01T00", "last": "2000-01-06T18",
        "step": "6h", "gaps": [gap], "number_of_gaps": 1,
    }  # fmt: skip
    assert [(one["name"], one["level"], one["units"]) for one in facts["variables"]] == [
        ("t_500", 500, "K"),
        ("t_850", 850, "K"),
        ("sst", None, "K"),
    ]
    store = facts["store"]
    assert store["format"] == ("zarr 2" if built.parent.name.startswith("zarr2") else "zarr 3")
    assert (store["shape"], store["chunks"], store["shards"]) == ([24, 3, 1, 48], [2, 3, 1, 48], None)
    assert store["compression"] == "blosc zstd level 1"
    files = [path for path in built.rglob("*") if path.is_file()]
    assert (store["files"], store["bytes"]) == (len(files), sum(path.stat().st_size for path in files))
    assert store["bytes_of_values"] == 24 * 3 * 48 * 4
    opened = open_any(built)
    assert opened.stored is not None
    assert facts["statistics"]["t_850"]["mean"] == opened.stored.statistics()["mean"][1]
    assert sorted(facts["tendencies"]) == sorted(opened.stored.tendencies())
    assert [one["action"] for one in facts["history"]] == ["build"]


@pytest.mark.parametrize("built", ["zarr3"], indirect=True, scope="session")
def test_a_reader_is_told_the_same_in_lines(built: Path, dataset: Run) -> None:
    text = dataset("inspect", built).stdout
    for line in (
        "grid           regular, 6 × 8 = 48 nodes, global, 75°S to 75°N",
        "dates          24 from 2000-01-01T00 to 2000-01-06T18 every 6h",
        "missing dates  1: 2000-01-02T06",
        "store          zarr 3, float32, blosc zstd level 1, with checksums",
        "description    a small world",
    ):
        assert line in text.splitlines()
    assert re.search(r"^t_850 +850 hPa +K .*[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.]+$", text, re.MULTILINE)


@pytest.mark.parametrize("built", ["zarr3"], indirect=True, scope="session")
def test_a_recipe_is_its_source(built: Path, dataset: Run) -> None:
    text = dataset("inspect", built.with_name("recipe.yaml")).stdout
    assert "dates  23 from 2000-01-01T00 to 2000-01-06T18 every 6h" in text
    assert "gaps   1: 2000-01-02T00 to 2000-01-02T12" in text
    facts = json.loads(dataset("inspect", built.with_name("recipe.yaml"), "source.variables=[sst]", "--json").stdout)
    assert [one["name"] for one in facts["variables"]] == ["sst"]
    assert "store" not in facts


@pytest.mark.parametrize("built", ["zarr3"], indirect=True, scope="session")
def test_the_page_needs_nothing_else_and_shows_every_variable(built: Path, tmp_path: Path, dataset: Run) -> None:
    page = tmp_path / "page.html"
    assert dataset("inspect", built, "--html", page).stdout == f"{page}\n"
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"https?:|<script|<link|url\(", text)
    pictures = [base64.b64decode(found) for found in re.findall(r'src="data:image/png;base64,([^"]+)"', text)]
    assert len(pictures) == 3
    assert len(set(pictures)) == 3
    assert all(picture.startswith(b"\x89PNG") for picture in pictures)
    assert all(f"<h3>{name}" in text for name in ("t_500", "t_850", "sst"))
    assert "at 23 of 23 dates" in text
    with pytest.raises(ArtefactError, match="exists already"):
        dataset("inspect", built, "--html", page)


@pytest.mark.parametrize("built", ["zarr3"], indirect=True, scope="session")
def test_what_a_dataset_says_is_text_on_the_page(store, tmp_path, dataset: Run, monkeypatch) -> None:
    monkeypatch.setattr(drawing, "draw", lambda *_: "data:,")
    document = json.loads((store / "zarr.json").read_text())
    document["attributes"]["description"] = "<script>alert(1)</script>\x1b[2J"
    (store / "zarr.json").write_text(json.dumps(document))
    (tmp_path / "page.html").write_text("an older page")
    dataset("inspect", store, "--html", tmp_path / "page.html", "--overwrite")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\\x1b[2J" in text
    assert "<script" not in text


@pytest.mark.parametrize("built", ["zarr3"], indirect=True, scope="session")
def test_series_are_means_by_area_and_ranges(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = open_any(built).source
    found = summarise(source)
    values, areas = source.read(source.header.times, source.header.names)[:, 0], source.header.grid.area_weights
    there = ~np.isnan(values[0, 2])
    np.testing.assert_allclose(found.means[:, 0], values[:, 0].astype(float) @ areas, rtol=1e-9)
    expected = values[:, 2][:, there].astype(float) @ areas[there] / areas[there].sum()
    np.testing.assert_allclose(found.means[:, 2], expected, rtol=1e-9)
    assert np.array_equal(found.lowest, np.nanmin(values, axis=2))
    assert np.array_equal(found.fields, values[-1], equal_nan=True)
    monkeypatch.setattr(summarising, "SHOWN", 4)
    assert summarise(source).dates.tolist() == source.header.times[[0, 7, 14, 22]].tolist()


GRIDS = {
    "regular": Grid.regular([60.0, 50.0, 40.0], [0.0, 10.0, 20.0, 30.0]),
    "over the date line": Grid.regular([60.0, 50.0, 40.0], [170.0, 180.0, 190.0, 200.0]),
    "reduced": Grid.octahedral(4),
    "plane": Grid.curvilinear(*np.meshgrid([50.0, 51.0, 52.0], [4.0, 5.0], indexing="ij")),
    "points": Grid.unstructured([50.0, 51.0], [4.0, 5.0]),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("kind", "case"),
    [
        *((kind, "some missing") for kind in GRIDS),
        *(("reduced", case) for case in ("all missing", "constant", "one date")),
        ("regular", "all missing"),
    ],
)
def test_any_grid_and_any_values_are_drawn(kind: str, case: str) -> None:
    grid = GRIDS[kind]
    field = np.linspace(-3, 5, len(grid)).astype("f4")[None]
    field = {"constant": np.full_like(field, 7), "all missing": field * np.nan}.get(case, field)
    if case == "some missing":
        field[0, 0] = np.nan
    dates = np.datetime64("2000-01-01", "s") + np.arange(1 if case == "one date" else 3) * np.timedelta64(6, "h")
    means = np.full((len(dates), 1), np.nan if case == "all missing" else 1.0)
    summary = Summary(dates[-1], field, dates, means, means.astype("f4") - 1, means.astype("f4") + 1)
    assert draw(grid, Variable("t", units="$K"), 0, summary).startswith("data:image/png;base64,iVBOR")


def test_a_series_has_a_gap_where_a_date_is_missing() -> None:
    dates = np.datetime64("2000-01-01", "s") + 6 * np.array([0, 1, 3, 4, 8]) * np.timedelta64(1, "h")
    shown, values = with_gaps(dates, np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    np.testing.assert_array_equal(values, [1, 2, np.nan, 3, 4, np.nan, 5])
    assert (shown[2], shown[5]) == (np.datetime64("2000-01-01T12"), np.datetime64("2000-01-02T06"))
    whole = np.datetime64("2000-01-01", "s") + np.linspace(0, 299, SHOWN).astype(int) * np.timedelta64(1, "h")
    assert len(with_gaps(whole, np.zeros(SHOWN))[0]) == SHOWN, "a part of the dates has uneven steps, and no gap"
    assert len(with_gaps(dates[:1], np.zeros(1))[0]) == 1
