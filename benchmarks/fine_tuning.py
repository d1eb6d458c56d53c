"""Trains a model of a few days from fresh weights and from those of another model, at equal steps, and compares both.

    python benchmarks/fine_tuning.py DATA PARENT [--steps 60] [--seeds 0 1 2]

DATA is the folder of `ncep-storm-1996`, PARENT a checkpoint or a run of docs/experiments/ncep-north-america.yaml. The
new data have one variable more and one less, another grid, another period and other statistics
(docs/experiments/ncep-storm-1996.yaml).
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import xarray as xr
from bench.skill import errors

ROOT = Path(__file__).resolve().parents[1]
EXPERIMENT = ROOT / "docs" / "experiments" / "ncep-storm-1996.yaml"
WXML = Path(sys.executable).with_name("wxml")
FILL = -9000.0
LEADS = (6, 12, 24)
FORK = ("training.from.match=by-name", "training.from.renamed={t: air}")


def write_storm(folder: Path, target: Path) -> None:
    """Join temperature (K) and sea-level pressure (Pa) in one file with times; missing values are NaN."""
    fields, start = {}, np.datetime64("1996-01-05T00", "ns")
    for name, units in (("t", "K"), ("p", "Pa")):
        with xr.open_dataset(folder / f"{name.upper()}storm.cdf", decode_times=False) as data:
            values = data[name].where(data[name] > FILL).transpose("timestep", "lat", "lon")
            times = start + (data["timestep"].values * 3600).astype("timedelta64[s]")
            fields[name] = (("time", "lat", "lon"), values.values.astype(np.float32), {"units": units})
            units_of = {"lat": "degrees_north", "lon": "degrees_east"}
            places = {axis: (axis, data[axis].values, {"units": unit}) for axis, unit in units_of.items()}
    xr.Dataset(fields, {"time": times, **places}).to_netcdf(target)


def trained(storm: Path, run_dir: Path, steps: int, seed: int, more: tuple[str, ...]) -> Path:
    """Train, and return the checkpoint."""
    options = (f"data.source.path={storm}", f"training.max_steps={steps}", f"seed={seed}", "training.threads=1")
    command = [str(WXML), "train", str(EXPERIMENT), *options, "--run-dir", str(run_dir), *more]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return run_dir / "checkpoint.safetensors"


def main() -> None:
    """Print a table, and as JSON below it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("parent", type=Path)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        storm = Path(folder, "storm.nc")
        write_storm(given.data, storm)
        fork = ("--from", str(given.parent), *FORK)
        starts = {
            "fresh weights": (),
            "fork": fork,
            "fork, processor frozen": (*fork, "training.from.freeze=[processor]"),
        }
        found = {
            f"{name}, seed {seed}": errors(
                trained(storm, Path(folder, f"{seed}-{number}"), given.steps, seed, more), "test", LEADS
            )
            for seed in given.seeds
            for number, (name, more) in enumerate(starts.items())
        }
    keys = list(next(iter(found.values())))
    print("| RMSE after", given.steps, "steps |", " | ".join(keys), "|")
    for name, row in found.items():
        print("|", name, "|", " | ".join(f"{row[key]:.4g}" for key in keys), "|")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
