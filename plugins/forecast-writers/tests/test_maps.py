"""Forecasts as maps: what is drawn, where, and in which colours."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.image import imread
from wxml import Grid
from wxml.errors import ArtefactError
from wxml_forecast_writers.maps_writer import MapsWriter


def names(path: str) -> list[str]:
    return sorted(one.relative_to(path).as_posix() for one in Path(path).rglob("*") if one.is_file())


def colours(path: Path) -> set[tuple[int, ...]]:
    """The colours of a picture, of 0 to 255."""
    return {tuple(pixel) for pixel in np.round(imread(path)[..., :3].reshape(-1, 3) * 255).astype(int).tolist()}


def colour(share: float) -> tuple[int, ...]:
    return tuple(round(255 * one) for one in colormaps["viridis"](share)[:3])


@pytest.mark.parametrize("grid", [None, Grid.healpix(2), Grid.regular([50, 51], [358, 359, 0, 1])])
def test_each_variable_and_step_has_a_map(tmp_path, make_header, write_forecast, grid) -> None:
    header = make_header(grid)
    steps = [(0, 1, np.arange(len(header.grid))), (1, 0, np.nan)]
    path = write_forecast(MapsWriter(str(tmp_path / "f.maps"), dots=30), header, steps)
    assert names(path) == [
        "2020-01-01T00/msl_12h.png", "2020-01-01T00/t_850_12h.png", "2020-01-01T12/msl_6h.png",
        "2020-01-01T12/t_850_6h.png", "wxml.json",
    ]  # fmt: skip
    assert MapsWriter.foreign_files(path) == []
    (Path(path) / "notes.txt").write_text("mine")
    assert MapsWriter.foreign_files(path) == ["notes.txt"]


def test_a_value_has_the_colour_that_its_place_between_the_limits_says(tmp_path, make_header, write_forecast) -> None:
    limits = {"t_850": (0.0, 10.0)}
    writer = MapsWriter(str(tmp_path / "f.maps"), limits=limits)
    path = write_forecast(writer, make_header(), [(0, 0, 5.0), (0, 1, 10.0)])
    middle, high = (colours(Path(path, f"2020-01-01T00/t_850_{hours}h.png")) for hours in (6, 12))
    bar = {colour(number / 255) for number in range(256)}
    assert colour(0.5) in middle
    assert {colour(1.0)} <= high
    field = [Path(path, f"2020-01-01T00/t_850_{hours}h.png") for hours in (6, 12)]
    centres = [tuple(np.round(imread(one)[200, 250, :3] * 255).astype(int).tolist()) for one in field]
    assert centres[0] in bar
    assert centres == [pytest.approx(colour(0.5), abs=2), pytest.approx(colour(1.0), abs=2)]


def test_members_and_svg(tmp_path, make_header, write_forecast) -> None:
    path = write_forecast(MapsWriter(str(tmp_path / "f.maps"), picture="svg"), make_header(members=2), [(0, 0, 1.0)])
    assert names(path)[:2] == ["2020-01-01T00/msl_6h_m0.svg", "2020-01-01T00/msl_6h_m1.svg"]


@pytest.mark.carries_out("name a folder of maps that `wxml forecast` wrote")
def test_another_folder_is_refused(tmp_path, make_header, write_forecast) -> None:
    with pytest.raises(ArtefactError, match="has no record of its maps"):
        MapsWriter.read_provenance(str(tmp_path))
    path = write_forecast(MapsWriter(str(tmp_path / "f.maps")), make_header(), [])
    assert MapsWriter.read_provenance(path) == make_header().provenance
