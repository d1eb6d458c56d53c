"""What the parts of `examples/acme-training` and those of wxml make of a run's last validation, worked out in NumPy.

Takes the folder of a run and a file with the forecasts of all samples of its validation period, and prints JSON.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from wxml import Experiment, assemble, load_config, open_forecast

Array = NDArray[np.float64]
Forecasts = dict[str, tuple[Array, Array]]
"""Variable → forecast and truth, shape `[case, node]`, in physical units."""
SEA, QUANTILE, LIMIT = 0.25, 0.9, 2.0
SHARES = {"squared": 0.75, "acme-quantile": 0.25}
WINDS = ("u", "v")


def read(experiment: Experiment, path: Path) -> Forecasts:
    """The forecasts for six hours and what the source says of these times."""
    samples, source = experiment.samples("validation", 1), experiment.source
    with open_forecast(path) as stored:
        times = stored.header.initial_times
        assert np.array_equal(times, samples.initial_times)
        names = [variable.name for variable in stored.header.variables]
        forecasts = {name: np.stack([stored.read(case, name)[0, 0] for case in range(len(times))]) for name in names}
    truth = source.read(times + np.timedelta64(6, "h"), tuple(names))[:, 0]
    return {name: (forecasts[name].astype(float), truth[:, place].astype(float)) for place, name in enumerate(names)}


def losses(experiment: Experiment, forecasts: Forecasts) -> dict[str, float]:
    """Σ area · surface · ℓ / (s^p Σ area · surface), the mean over the variables; s is the typical change of each.

    ℓ is in the unit of a variable to the power p.
    """
    land = experiment.source.read(experiment.source.header.times[:1], ("lsm",))[0, 0, 0].astype(float)
    measure = experiment.source.header.grid.area_weights * (SEA + (1 - SEA) * land)
    raw, model = experiment.statistics, experiment.preprocessing.model_statistics

    def loss(name: str, error: Any, power: int) -> float:
        forecast, truth = forecasts[name]
        distance = (forecast - truth) / raw.std[raw.variables.index(name)]
        change = model.tendency_std[model.variables.index(name)]
        return float((error(distance) @ measure).sum() / (measure.sum() * len(distance)) / change**power)

    def quantile(distance: Array) -> Array:
        return np.where(distance < 0, -QUANTILE * distance, (1 - QUANTILE) * distance)

    squared = np.mean([loss(name, np.square, 2) for name in forecasts])
    pinball = np.mean([loss(name, quantile, 1) for name in WINDS])
    return {"squared": float(squared), "acme-quantile": float(pinball)}


def metrics(experiment: Experiment, forecasts: Forecasts) -> dict[str, dict[str, float]]:
    """The metrics of each variable everywhere."""
    area = experiment.source.header.grid.area_weights
    errors = {name: forecast - truth for name, (forecast, truth) in forecasts.items()}
    return {
        "rmse": {name: float(np.sqrt(np.mean(np.square(error) @ area))) for name, error in errors.items()},
        "acme-within": {name: float(np.mean((abs(error) <= LIMIT) @ area)) for name, error in errors.items()},
    }


def main(run_dir: Path, forecast: Path) -> None:
    """Print the losses of each plugin, their combination, and the metrics."""
    experiment = assemble(load_config(run_dir / "config.yaml", ()))
    forecasts = read(experiment, forecast)
    each = losses(experiment, forecasts)
    combined = sum(SHARES[name] * value for name, value in each.items()) / sum(SHARES.values())
    print(json.dumps({"losses": each, "combined": combined, "metrics": metrics(experiment, forecasts)}))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
