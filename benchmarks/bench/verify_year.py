"""A whole verification of ten-day forecasts at 0.25°, for `verify_pass.py`: prints its memory in JSON.

python verify_year.py CASES HOURS_BETWEEN_CASES HOURS_BETWEEN_LEAD_TIMES
"""

__all__ = ["main"]

import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from wxml import DataSource, Grid, SourceHeader, Variable, VerificationTask
from wxml_verification.scorecard import Scorecard

ROWS, COLUMNS = 721, 1440
LAST = 240  # hours
START, STEP = np.datetime64("2001-01-01", "s"), np.timedelta64(6, "h")
LATITUDES, LONGITUDES = np.linspace(90, -90, ROWS), np.arange(COLUMNS) * 0.25
TIMES = START + STEP * np.arange(4 * 380)
PAST = TIMES[:240]  # the climatology is of sixty days, so that it is read in good time
RECORD = {"artefact": "scores", "parents": [{"artefact": "forecast"}]}


def field(hours: float) -> NDArray[np.float32]:
    """Waves that travel, `[row, column]`; they compress well, so that the disk does not fill."""
    wave = np.round(8 * np.cos(np.radians(3 * LONGITUDES + 15 * hours / 6))) / 8
    return np.outer(np.round(8 * np.cos(np.radians(LATITUDES))) / 8, wave).astype(np.float32)


class Waves(DataSource):
    """The truth at any time of the year."""

    def __init__(self) -> None:
        grid = Grid.regular(LATITUDES, LONGITUDES)
        self.header = SourceHeader(grid, (Variable("t", units="K"),), TIMES)

    def _read(
        self, time_indices: NDArray[np.intp], variable_indices: NDArray[np.intp], out: NDArray[np.float32]
    ) -> None:
        for place, step in enumerate(time_indices):
            out[place, 0, :] = field(6.0 * step).ravel()

    def provenance(self) -> dict[str, Any]:
        """Nothing that lasts."""
        return {"source": "waves"}


def write_forecasts(path: Path, starts: NDArray[np.int64], leads: NDArray[np.int64]) -> None:
    """A file as `wxml forecast` writes it, of forecasts that are 1 K off; starts and leads in hours."""
    group = zarr.open_group(str(path), mode="w", zarr_format=2)
    group.attrs["wxml_provenance"] = json.dumps({"artefact": "forecast"})
    seconds = {"time": starts * 3600, "prediction_timedelta": leads * 3600}
    about = {
        "time": {"units": "seconds since 2001-01-01", "calendar": "proleptic_gregorian"},
        "prediction_timedelta": {"units": "seconds"},
    }
    for name, values in {**seconds, "latitude": LATITUDES, "longitude": LONGITUDES}.items():
        array = group.create_array(name, shape=values.shape, dtype=values.dtype, fill_value=None)
        array[...] = values
        array.attrs.update({"_ARRAY_DIMENSIONS": [name], **about.get(name, {})})
    shape = (len(starts), len(leads), ROWS, COLUMNS)
    array = group.create_array("t", shape=shape, chunks=(1, 1, ROWS, COLUMNS), dtype="f4", fill_value=np.nan)
    axes = ["time", "prediction_timedelta", "latitude", "longitude"]
    array.attrs.update({"_ARRAY_DIMENSIONS": axes, "units": "K"})
    for case, start in enumerate(starts):
        for place, lead in enumerate(leads):
            array[case, place] = field(float(start + lead)) + np.float32(1)
    zarr.consolidate_metadata(str(path), zarr_format=2)


def main() -> int:
    """Print the peak of this process, which does nothing else, and the size of the statistics."""
    cases, between, apart = (int(one) for one in sys.argv[1:])
    starts, leads = between * np.arange(cases), np.arange(apart, LAST + 1, apart)
    with tempfile.TemporaryDirectory() as folder:
        path, output = Path(folder) / "forecast.zarr", Path(folder) / "scores"
        write_forecasts(path, starts, leads)
        output.mkdir()
        begin = time.process_time()
        scores = Scorecard(maps=1).verify(VerificationTask(path, Waves(), PAST, output, RECORD))
        spent = time.process_time() - begin
        group = zarr.open_group(str(output / "statistics.zarr"), mode="r")
        kept = sum(8 * int(np.prod(array.shape)) for _, array in group.arrays()) / 2**20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found = {"cases": cases, "between_h": between, "lead_times": len(leads)}
    found |= {"peak_mib": peak, "cpu_s": spent, "statistics_mib": kept}
    rmse = float(np.nanmax(np.abs(scores.get("rmse", "forecast", "t") - 1)))
    sys.stdout.write(json.dumps({**found, "rmse_is_off_by": rmse}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
