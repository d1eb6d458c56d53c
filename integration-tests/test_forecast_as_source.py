"""A forecast that wxml wrote opens as a source: its values, and what its variables state, in every format."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from wxml import Fields, Grid, GridPart, Variable
from wxml.forecasting.layout import ForecastHeader
from wxml_dataset_sources.xarray_source import XarraySource
from wxml_forecast_writers.netcdf_writer import NetcdfWriter
from wxml_forecast_writers.zarr_writer import ZarrWriter

HOUR = np.timedelta64(3600, "s")
VARIABLES = (
    Variable(
        "t_850",
        "t",
        850.0,
        "K",
        "instant",
        level_units="hPa",
        standard_name="air_temperature",
        level_type="isobaric",
        grib="paramId=130",
    ),
    Variable("tp", units="m", step_type="accum", period="6h", standard_name="lwe_thickness_of_precipitation_amount"),
    Variable("t2m", units="K", step_type="instant", height="2 m", standard_name="air_temperature"),
)
GRIDS = {
    "regular": Grid.regular([60, 0, -60], [0, 90, 180, 270]),
    "across Greenwich": Grid.regular([50, 45], [350, 355, 0, 5]),
    "curvilinear": Grid.curvilinear([[1.0, 1.1], [0.0, 0.1]], [[0.0, 1.0], [0.1, 1.1]]),
    "reduced": Grid.octahedral(2),
    "several": replace(Grid.healpix(1), parts=(GridPart("one", 5), GridPart("other", 7))),
}


def written(folder: Path, suffix: str, grid: Grid, members: int) -> tuple[str, np.ndarray]:
    """A forecast of two starts and two lead times, and its values `[start, lead, member, variable, node]`."""
    starts = np.array(["2020-01-01T00", "2020-01-01T12"], "M8[s]")
    leads = np.array([6, 12]) * HOUR
    values = np.random.default_rng(0).normal(280, 9, (2, 2, members, 3, len(grid))).astype("f4")
    writer = {
        "nc": NetcdfWriter,
        "zarr": ZarrWriter,
        "zarr3": lambda path: ZarrWriter(path, zarr_format=3),
    }[suffix](str(folder / f"forecast.{suffix.rstrip('3')}"))
    given = np.arange(len(grid)) < 2
    writer.open(ForecastHeader(grid, VARIABLES, starts, leads, members, {"checkpoint": "abc"}, given))
    names = tuple(variable.name for variable in VARIABLES)
    for start, lead in np.ndindex(2, 2):
        writer.write(Fields(starts[start] + leads[lead], names, values[start, lead]), leads[lead])
    writer.close()
    return str(writer.target), values


@pytest.mark.parametrize("suffix", ["nc", "zarr", "zarr3"])
@pytest.mark.parametrize(("grid", "members"), [*((grid, 1) for grid in GRIDS), ("regular", 2)])
def test_a_forecast_opens_at_a_lead_time_and_from_a_start(tmp_path, suffix, grid, members):
    path, values = written(tmp_path, suffix, GRIDS[grid], members)
    source = XarraySource(path=path, lead_time="12h")
    assert source.header.grid.identity == replace(GRIDS[grid], parts=()).identity  # names are not read
    assert source.header.times.astype(str).tolist() == ["2020-01-01T12:00:00", "2020-01-02T00:00:00"]
    names = [variable.name for variable in VARIABLES]
    assert np.array_equal(source.read(source.header.times, names), values[:, 1])
    one = XarraySource(path=path, initial_time="2020-01-01T12")
    assert np.array_equal(one.read(one.header.times, names), values[1])


@pytest.mark.parametrize("suffix", ["nc", "zarr", "zarr3"])
@pytest.mark.parametrize("grid", GRIDS)
def test_its_variables_are_those_that_were_written(tmp_path, suffix, grid):
    """Area weights, numbers of grids and the mask of the boundary are none, on any grid."""
    path, _ = written(tmp_path, suffix, GRIDS[grid], 1)
    header = XarraySource(path=path, lead_time="6h").header
    assert {variable.name: variable for variable in header.variables} == {v.name: v for v in VARIABLES}
    assert XarraySource(path=path, lead_time="6h", variables=["t"]).header.names == ("t_850",)
    assert XarraySource(path=path, lead_time="6h", levels=[850.0], variables=["t"]).header.names == ("t_850",)
