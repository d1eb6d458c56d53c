"""Losses of spectra on fields of files, whose places are rounded."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from wxml import Grid, LossWeights, create
from wxml.testing import tiny_loss_space

FILES = {
    "echam5-global-6h/tsurf.nc": (95, "tsurf"),  # T63, Gaussian
    "era5-ens-global/era5-levels-members.grib": (30, "z_500"),  # 3°, with the poles
    "gfs-1deg-wind/gfs.t00z.pgrb2.1p00.f000.2018100700": (90, "u10"),  # 1°, with the poles
}
REGION = "ncep-air-namerica/air_temperature.zarr"


def fields(path: Path, name: str, count: int) -> tuple[Grid, torch.Tensor]:
    """The first fields of a file over their standard deviation, shape `[time, node]`."""
    if not path.exists():
        pytest.skip(f"no data in {path}")
    source = create("data-source", "xarray", {"path": str(path)})
    values = torch.from_numpy(source.read(source.header.times[:count], (name,))[:, 0, 0].copy())
    return source.header.grid, (values - values.mean()) / values.std()


def loss_of(name: str, grid: Grid):
    """A loss of one variable on a grid, whose nodes count by their area if they count at all."""
    space = replace(tiny_loss_space(1), grid=grid, is_forecast=np.ones(len(grid), bool)).select(("t_850",))
    area = (grid.area_weights[None, :, None],) if name == "squared" else ()
    return create("loss", name, {}, space, LossWeights(area))


def value(loss, forecast: torch.Tensor, truth: torch.Tensor) -> float:
    return float(loss.value(loss(forecast[None, None, None, :, None], truth[None, None, :, None])))


@pytest.mark.parametrize("file", FILES)
def test_spherical_harmonics_have_the_variance_of_a_field(file, shared_data):
    truncation, name = FILES[file]
    grid, values = fields(shared_data / file, name, 1)
    transform = loss_of("amse", grid).transform
    assert transform.truncation == truncation
    power = transform.by_wavenumber(transform(values[0]).square()).numpy()
    mean_square = values[0].numpy().astype(float) ** 2 @ grid.area_weights
    assert 0.96 * mean_square < power.sum() < mean_square
    assert power[:12].sum() > 10 * power[12:].sum() or name == "u10"


def test_amse_of_a_field_six_hours_ago_is_somewhat_more_than_its_squared_error(shared_data):
    """On Gaussian rows the squared error is that of all waves; a cosine series counts each node alike."""
    grid, values = fields(shared_data / "echam5-global-6h/tsurf.nc", "tsurf", 2)
    squared = value(loss_of("squared", grid), values[0], values[1])
    assert 0.98 * squared < value(loss_of("amse", grid), values[0], values[1]) < 1.5 * squared
    grid, values = fields(shared_data / REGION, "air", 2)
    squared = float((values[0] - values[1]).square().mean())
    assert squared < value(loss_of("amse", grid), values[0], values[1]) < 1.5 * squared
