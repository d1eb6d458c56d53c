"""Which node each pixel of a map shows, and in which colour."""

import numpy as np
import pytest
from wxml.data.grid import Grid
from wxml_verification.palettes import error_palette, field_palette, rmse_palette
from wxml_verification.plane import Plane


def shown(plane, values, latitude, longitude):
    """The value that the map shows at a place."""
    rows, columns = plane.nodes.shape
    row = int((plane.north - latitude) / (plane.north - plane.south) * rows)
    column = int((longitude - plane.west) / (plane.east - plane.west) * columns)
    return plane.pixels(np.asarray(values, np.float32))[row, column]


@pytest.mark.parametrize(
    "grid",
    [
        Grid.regular(np.linspace(85, -85, 18), np.arange(0.0, 360.0, 10.0)),
        Grid.regular(np.linspace(-85, 85, 18), np.arange(-180.0, 180.0, 10.0)),
        Grid.octahedral(8),
        Grid.healpix(4),
    ],
    ids=["regular", "south-to-north-from-180W", "octahedral", "healpix"],
)
def test_globes_show_each_node_at_its_place(grid) -> None:
    plane = Plane.of(grid)
    for node in range(0, len(grid), 7):
        assert shown(plane, np.arange(len(grid)), grid.latitudes[node], grid.longitudes[node] + 1e-3) == node
    assert plane.nodes.min() >= 0  # no holes, at the poles and at the seam neither


def test_an_area_across_greenwich_is_drawn_in_one_piece() -> None:
    latitudes, longitudes = np.meshgrid(np.linspace(40, 50, 11), np.linspace(355, 365, 11), indexing="ij")
    for grid in (Grid.regular(latitudes[:, 0], longitudes[0]), Grid.curvilinear(latitudes, longitudes)):
        plane = Plane.of(grid)
        assert plane.east - plane.west < 12
        assert shown(plane, np.arange(121), 45.0, 0.01) == 60


def test_places_far_from_all_nodes_stay_empty() -> None:
    along = np.linspace(0, 20, 41)  # a diagonal of nodes: the upper left corner of the map is far away
    plane = Plane.of(Grid.unstructured(40 + along, along))
    assert np.isnan(shown(plane, np.zeros(41), 59.5, 0.5))
    assert shown(plane, np.zeros(41), 50.0, 10.0) == 0


def test_a_missing_value_is_transparent_and_ends_take_what_lies_beyond() -> None:
    palette = rmse_palette(np.linspace(0, 1, 1001, dtype=np.float32))
    colours = palette.colours(np.array([[np.nan, 0.0, 1.0, 50.0]], np.float32))[0]
    assert colours[:, 3].tolist() == [0, 255, 255, 255]
    assert colours[2].tolist() == colours[3].tolist()
    assert colours[1, :3].sum() > colours[2, :3].sum()  # the darker the larger


def test_winds_and_fields_of_both_signs_part_at_zero() -> None:
    jet = np.linspace(1, 40, 100, dtype=np.float32)
    for palette in (field_palette(jet, "u_250"), field_palette(jet - 20, "vo_500"), error_palette(jet)):
        assert palette.name == "RdBu_r"
        assert palette.lower == -palette.upper
    temperature = field_palette(jet + 260, "t_850")
    assert (temperature.name, temperature.lower > 260) == ("viridis", True)


def test_a_field_without_spread_or_values_can_be_drawn() -> None:
    for values in (np.full(4, np.nan), np.zeros(4), np.full(4, 7.0)):
        palette = field_palette(values.astype(np.float32), "t")
        assert palette.upper > palette.lower
        assert palette.colours(values.astype(np.float32)).shape == (4, 4)
