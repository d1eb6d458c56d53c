"""Draws the picture of `docs/sharp-forecasts.md` and prints its table.

    python docs/make_picture_of_spectra.py air_temperature.zarr squared=squared.nc amse=amse-0.nc,amse-1.nc

The first argument has the truth, each other one is a name and files of forecasts, over which is averaged.
"""

import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("agg")
import numpy as np
import torch
from matplotlib import pyplot as plt
from numpy.typing import NDArray
from wxml import DataSource, create, open_forecast
from wxml.data.plane import plane_of
from wxml_losses.spectral.planar import CosineSeries
from wxml_losses.spectral.transform import Transform

PICTURE = Path(__file__).parent / "pictures" / "sharp-forecasts.png"
COLOURS = {"truth": "black", "squared": "#c44e52", "squared 0.9 + amse 0.1": "#dd8452", "amse": "#4c72b0"}
BANDS = {"1 to 8": (1, 8), "9 to 20": (9, 20), "21 to 40": (21, 40)}
"""Half waves along the longer side."""
FINEST = 40
"""Half waves: what is finer has a thousandth of a K² at most."""
Fields = NDArray[np.float64]


def forecasts_and_truth(path: str, source: DataSource) -> tuple[Fields, Fields]:
    """The forecasts of the last lead time and the truth at their times; each `[case, node]`."""
    with open_forecast(path) as stored:
        header, name = stored.header, stored.header.variables[0].name
        valid = header.initial_times + header.lead_times[-1]
        made = np.stack([stored.read(case, name)[-1, 0] for case in range(len(valid))])
    is_known = np.isin(valid, source.header.times)
    real = source.read(valid[is_known], (name,))[:, 0, 0]
    return made[is_known].astype(float), real.astype(float)


def power(transform: Transform, fields: Fields) -> Fields:
    """The mean power of each wavenumber."""
    waves = transform(torch.from_numpy(fields).float())
    return np.asarray(transform.by_wavenumber(waves.square()).mean(0).numpy(), np.float64)


def draw(numbers: NDArray[np.int64], spectra: dict[str, Fields]) -> None:
    """Draw the spectra, and how much of the power of the truth each has."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for name, spectrum in spectra.items():
        left.loglog(numbers[1:], spectrum[1:], label=name, color=COLOURS.get(name))
        if name != "truth":
            right.semilogx(numbers[1:], (spectrum / spectra["truth"])[1:], label=name, color=COLOURS.get(name))
    right.axhline(1, color="black", linewidth=0.8)
    right.set(xlim=(1, FINEST), ylim=(0, 1.2))
    left.set_ylabel("power (K²)")
    right.set_ylabel("power over that of the truth")
    for axes in (left, right):
        axes.set_xlabel("half waves along the longer side")
        axes.grid(alpha=0.3)
    left.legend()
    figure.savefig(PICTURE, dpi=110)


def main(truth: str, files: dict[str, list[str]]) -> None:
    """Draw and print."""
    source: DataSource = create("data-source", "xarray", {"path": truth})
    plane = plane_of(source.header.grid)
    if plane is None:
        raise SystemExit("the data have no rows and columns")
    transform, area = CosineSeries(plane), source.header.grid.area_weights
    spectra: dict[str, Fields] = {}
    print(f"| loss | RMSE (K) | power at {' | '.join(BANDS)} half waves |")
    print(f"|{'---|' * (2 + len(BANDS))}")
    for name, paths in files.items():
        pairs = [forecasts_and_truth(path, source) for path in paths]
        spectra.setdefault("truth", power(transform, pairs[0][1]))
        spectra[name] = np.mean([power(transform, made) for made, _ in pairs], axis=0)
        rmse = np.mean([np.sqrt(np.mean((made - real) ** 2 @ area)) for made, real in pairs])
        shares = [f"{_share(transform, spectra[name], spectra['truth'], band):.0%}" for band in BANDS.values()]
        print(f"| {name} | {rmse:.2f} | {' | '.join(shares)} |")
    draw(transform.wavenumbers, spectra)


def _share(transform: Transform, spectrum: Fields, truth: Fields, band: tuple[int, int]) -> float:
    inside = (transform.wavenumbers >= band[0]) & (transform.wavenumbers <= band[1])
    return float(spectrum[inside].sum() / truth[inside].sum())


if __name__ == "__main__":
    named = [argument.split("=", 1) for argument in sys.argv[2:]]
    main(sys.argv[1], {name: paths.split(",") for name, paths in named})
