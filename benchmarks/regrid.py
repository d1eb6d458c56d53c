"""What it costs to bring a field to another grid: to make the weights, and to apply them.

    python benchmarks/regrid.py --source 320 --target 96

prints, for each method, the processor time to make the weights beside that of a triangulation of all source nodes
(which grids without rows need), and the time to apply them to one field beside that of a copy of the field.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
from wxml import Grid
from wxml.data.sphere import unit_vectors
from wxml_dataset_sources.combining.triangles import on_triangles
from wxml_dataset_sources.combining.weights import interpolation_weights

METHODS = ("nearest", "inverse-distance", "bilinear", "conservative")


def cost(action: Callable[[], object], repeats: int) -> float:
    """The median processor time in seconds."""
    times = []
    for _ in range(repeats):
        begin = time.process_time()
        action()
        times.append(time.process_time() - begin)
    return statistics.median(times)


def main() -> int:
    """Print a row for each method."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--source", type=int, default=320, help="the octahedral grid of this number")
    made.add_argument("--target", type=int, default=96, help="likewise")
    made.add_argument("--repeats", type=int, default=20)
    options = made.parse_args()
    source, target = Grid.octahedral(options.source), Grid.octahedral(options.target)
    interpolation_weights(Grid.octahedral(4), Grid.octahedral(4), "bilinear")  # imports
    places, wanted = (unit_vectors(grid.latitudes, grid.longitudes) for grid in (source, target))
    triangles = cost(lambda: on_triangles(places, wanted), 1)
    field = np.random.default_rng(0).normal(size=(len(source), 1)).astype("f4")
    copy = cost(field.copy, 10 * options.repeats)
    print(
        f"O{options.source} ({len(source)} nodes) to O{options.target} ({len(target)} nodes); "
        f"triangles: {triangles:.1f} s"
    )
    for method in METHODS:
        weights = interpolation_weights(source, target, method, 4)
        making = cost(lambda method=method: interpolation_weights(source, target, method, 4), 1)
        applying = cost(lambda weights=weights: weights @ field, options.repeats)
        print(
            f"{method}: made in {making:.2f} s, {making / triangles:.3f} of the triangles; applied in "
            f"{1e3 * applying:.2f} ms, {applying / copy:.1f} copies"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
