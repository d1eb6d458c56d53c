"""Weather data: a simulated atmosphere, and NetCDF, GRIB and zarr through xarray."""
