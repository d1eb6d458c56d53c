"""Run by the peer's interpreter: what anemoi-datasets reads in a store, written to an `.npz` file.

python peer_reads.py STORE OUTPUT.npz
"""

import sys

import numpy as np
from anemoi.datasets import MissingDateError, open_dataset


def sample(dataset, date: int) -> np.ndarray:
    """The values of one date, `[variable, member, node]`; NaN for a date that the peer says is missing."""
    try:
        return dataset[date]
    except MissingDateError:
        return np.full(dataset.shape[1:], np.nan, np.float32)


def main(store: str, output: str) -> None:
    dataset = open_dataset(store)
    statistics = {f"statistics_{name}": values for name, values in dataset.statistics.items()}
    for delta in ("6h", "24h"):
        tendencies = dataset.statistics_tendencies(delta)
        statistics |= {f"tendencies_{delta}_{name}": values for name, values in tendencies.items()}
    np.savez(
        output,
        values=np.stack([sample(dataset, date) for date in range(len(dataset))]),
        dates=np.asarray(dataset.dates).astype("datetime64[s]"),
        variables=np.array(dataset.variables),
        missing=np.array(sorted(dataset.missing), int),
        latitudes=dataset.latitudes,
        longitudes=dataset.longitudes,
        frequency=np.array(str(dataset.frequency)),
        **statistics,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
