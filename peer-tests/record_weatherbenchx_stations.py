"""Record what WeatherBench-X interpolates to stations, for a test of wxml-verification.

    python peer-tests/record_weatherbenchx_stations.py

in an environment with WeatherBench-X at 2047a84. A global grid of 15 degrees, 40 stations, two lead times.
"""

import json
from pathlib import Path

import numpy as np
import xarray as xr
from weatherbenchX.interpolations import GridToSparseWithAltitudeAdjustment

RECORDED = Path(__file__).parents[1] / "plugins" / "verification" / "tests" / "weatherbenchx_stations.json"
NAMES = {"t2m": "2m_temperature", "si10": "10m_wind_speed"}


def main() -> None:
    """Write inputs and results."""
    rng = np.random.default_rng(5)
    latitudes, longitudes = np.arange(-90.0, 91.0, 15.0), np.arange(0.0, 360.0, 15.0)
    shape = (2, len(latitudes), len(longitudes))
    fields = {"t2m": rng.normal(280, 10, shape).round(3), "si10": rng.gamma(2.0, 3.0, shape).round(3)}
    ground = rng.uniform(0, 1500, shape[1:]).round(1)
    places = {
        "latitude": np.r_[rng.uniform(-85, 85, 38), 45.0, -30.0].round(3),
        "longitude": np.r_[rng.uniform(0, 360, 37), 359.9, 30.0, 0.0].round(3),
        "elevation": rng.uniform(0, 3500, 40).round(1),
    }
    axes = {"latitude": latitudes, "longitude": longitudes}
    reference = xr.DataArray(np.zeros(40), dims="index", coords={name: ("index", one) for name, one in places.items()})
    elevation = xr.DataArray(ground, dims=("latitude", "longitude"), coords=axes)
    found = {}
    for method in ("linear", "nearest"):
        moved = GridToSparseWithAltitudeAdjustment(
            method, elevation, dims=["latitude", "longitude"], wrap_longitude=False, extrapolate_out_of_bounds=True
        )
        found[method] = {}
        for name, values in fields.items():
            whole = xr.DataArray(values, dims=("lead", "latitude", "longitude"), coords=axes, name=NAMES[name])
            found[method][name] = wrapped(moved, whole, elevation, reference).values.tolist()
    inputs = {name: values.tolist() for name, values in {**fields, "ground": ground, **axes}.items()}
    stations = {name: values.tolist() for name, values in places.items()}
    RECORDED.write_text(json.dumps({"inputs": inputs, "stations": stations, "found": found}), encoding="utf-8")


def wrapped(
    moved: GridToSparseWithAltitudeAdjustment, whole: xr.DataArray, elevation: xr.DataArray, reference: xr.DataArray
) -> xr.DataArray:
    """Interpolate with the first column again at 360 degrees: the option for it forgets the heights of the ground."""
    around = [
        xr.concat([one, one.isel(longitude=[0]).assign_coords(longitude=[360.0])], "longitude")
        for one in (whole, elevation)
    ]
    moved._grid_elevation = around[1]
    found: xr.DataArray = moved.interpolate_data_array(around[0].rename(whole.name), reference)
    return found


if __name__ == "__main__":
    main()
