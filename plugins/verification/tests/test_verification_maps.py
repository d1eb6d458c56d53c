"""The node that each pixel of a map shows, and the palettes."""

import numpy as np
import pytest
from wxml import Grid
from wxml_verification.map_raster import MapRaster
from wxml_verification.maps import error_palette, field_palette, rmse_palette


def shown(raster, values, latitude, longitude):
    """The value that the map shows at a place."""
    rows, columns = raster.nodes.shape
    row = int((raster.north - latitude) / (raster.north - raster.south) * rows)
    column = int((longitude - raster.west) / (raster.east - raster.west) * columns)
    return raster.pixels(np.asarray(values, np.float32))[row, column]


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
    raster = MapRaster.of(grid)
    for node in range(0, len(grid), 7):
        assert shown(raster, np.arange(len(grid)), grid.latitudes[node], grid.longitudes[node] + 1e-3) == node
    assert raster.nodes.min() >= 0  # no holes, at the poles and at the seam neither


@pytest.mark.parametrize(("nodes", "pixels"), [(1440, 480), (721, 480), (480, 480), (241, 241), (240, 480), (144, 432)])
def test_a_fine_grid_has_no_more_pixels_than_a_picture_needs(nodes, pixels) -> None:
    """Of more columns than pixels each pixel shows the node that it lies in, at its place."""
    grid = Grid.regular(np.linspace(80, -80, 5), np.arange(nodes) * 360.0 / nodes)
    raster = MapRaster.of(grid)
    assert raster.nodes.shape == (480, pixels)
    centres = raster.west + (np.arange(pixels) + 0.5) / pixels * 360
    away = (grid.longitudes[raster.nodes[0]] - centres + 180) % 360 - 180
    assert np.abs(away).max() <= 180 / nodes + 1e-9


def test_an_area_across_greenwich_is_drawn_in_one_piece() -> None:
    latitudes, longitudes = np.meshgrid(np.linspace(40, 50, 11), np.linspace(355, 365, 11), indexing="ij")
    for grid in (Grid.regular(latitudes[:, 0], longitudes[0]), Grid.curvilinear(latitudes, longitudes)):
        raster = MapRaster.of(grid)
        assert raster.east - raster.west < 12
        assert shown(raster, np.arange(121), 45.0, 0.01) == 60


def test_places_far_from_all_nodes_stay_empty() -> None:
    along = np.linspace(0, 20, 41)  # a diagonal of nodes: the upper left corner of the map is far away
    raster = MapRaster.of(Grid.unstructured(40 + along, along))
    assert np.isnan(shown(raster, np.zeros(41), 59.5, 0.5))
    assert shown(raster, np.zeros(41), 50.0, 10.0) == 0


def test_an_rmse_starts_at_zero_and_ends_where_all_but_a_few_nodes_are() -> None:
    palette = rmse_palette(np.linspace(0, 1, 1001, dtype=np.float32))
    assert (palette.lower, palette.upper) == (0.0, pytest.approx(0.995))


def test_winds_and_fields_of_both_signs_part_at_zero() -> None:
    jet = np.linspace(1, 40, 100, dtype=np.float32)
    for palette in (field_palette(jet, "u_250"), field_palette(jet - 20, "vo_500"), error_palette(jet)):
        assert palette.name == "RdBu_r"
        assert palette.lower == -palette.upper
    temperature = field_palette(jet + 260, "t_850")
    assert (temperature.name, temperature.lower > 260) == ("viridis", True)


def test_the_palette_of_a_field_without_spread_or_values_has_two_ends() -> None:
    for values in (np.full(4, np.nan), np.zeros(4), np.full(4, 7.0)):
        palette = field_palette(values.astype(np.float32), "t")
        assert palette.upper > palette.lower
