"""A forecast whose initial conditions are at an address is the forecast from the same data on this machine."""

from pathlib import Path

import xarray as xr
from wxml.testing.file_server import FileServer


def test_initial_conditions_at_an_address(trained: Path, forecast_file: Path, tmp_path: Path, quick_wxml) -> None:
    """As a store and as a file; of the store only the chunks of the initial times are fetched; no secret is kept."""
    served = tmp_path / "served"
    served.mkdir()
    with xr.open_dataset(trained / "world.nc") as world:
        names = [str(name) for name in world.data_vars]
        chunks = {name: {"chunks": (1, *world[name].shape[1:])} for name in names}
        world.drop_encoding().to_zarr(served / "world.zarr", zarr_format=2, consolidated=True, encoding=chunks)
        world.to_netcdf(served / "world.nc")
        count = world.sizes["time"]
    with xr.open_dataset(forecast_file, decode_timedelta=False) as expected, FileServer(served) as server:
        for name in ("world.zarr", "world.nc"):
            server.requests.clear()
            address = f"{server.url.replace('://', '://me:passw0rd-x@')}/{name}"
            command = [str(trained / "run" / "checkpoint.safetensors"), f"data.source.path={address}"]
            quick_wxml("forecast", *command, "-o", f"{name}-forecast.nc", folder=tmp_path)
            with xr.open_dataset(tmp_path / f"{name}-forecast.nc", decode_timedelta=False) as found:
                xr.testing.assert_identical(found.drop_attrs(), expected.drop_attrs())
            said = quick_wxml("inspect", f"{name}-forecast.nc", folder=tmp_path).stdout
            assert f"/{name}" in said
            assert "passw0rd-x" not in said + (tmp_path / f"{name}-forecast.nc").read_bytes().decode("latin-1")
            fetched = {request.path for request in server.requests if f"/{names[0]}/" in request.path}
            whole = {request.path for request in server.requests if "Range" not in request.headers}
            assert name == "world.nc" or 0 < len(fetched & whole) < count / 2
