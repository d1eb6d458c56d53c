"""What scoring costs beside WeatherBench-X: time, memory, and how they grow with the number of forecasts.

    python benchmarks/verify_pass.py --peer ENVIRONMENT/bin/python

ENVIRONMENT is one of its own with WeatherBench-X (`nox -s weatherbenchx` says how to get it);
WXML_PEERS_WEATHERBENCHX may name its Python, too. Both score the same fields with the same metrics: 8 members at 1°,
4 lead times, one variable; bias, mae, rmse, acc-pooled, crps, fair-crps, spread, skill, rank-histogram, csi, ets,
hss, sedi. `--year` measures, without the peer, the memory of whole verifications of ten-day forecasts at 0.25°, one
to twenty-four of them. Pages: `docs/benchmarks/verify-*.md`.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PAGES = Path(__file__).parents[1] / "docs" / "benchmarks"
WORKERS = Path(__file__).parent / "bench"
SIZES = (1, 2, 4, 8)
YEAR = ((1, 6, 6), (6, 6, 6), (12, 6, 6), (24, 6, 6), (48, 6, 6), (365, 24, 12))
"""Forecasts, the hours between them, and those between their lead times."""
Row = dict[str, Any]


def measured(python: str, script: str, *arguments: str) -> Row:
    """What a worker prints, on one thread."""
    alone = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    command = [python, str(WORKERS / script), *arguments]
    done = subprocess.run(command, env=os.environ | alone, stdout=subprocess.PIPE, text=True, check=True)
    found: Row = json.loads(done.stdout.splitlines()[-1])
    return found


def passes(peer: str, repeats: int) -> Iterator[Row]:
    """Each side in turn, for each number of cases."""
    for cases in SIZES:
        runs: dict[str, list[Row]] = {"wxml": [], "weatherbenchX": []}
        for _ in range(repeats):
            for side, python in (("wxml", sys.executable), ("weatherbenchX", peer)):
                runs[side].append(measured(python, "verify_worker.py", side, str(cases)))
        own, other = (found[0]["numbers"] for found in runs.values())
        apart = max(abs(own[name] - other[name]) for name in own)
        for side, found in runs.items():
            costs = {key: statistics.median(run[key] for run in found) for key in ("wall_s", "cpu_s", "peak_mib")}
            yield {"side": side, "cases": cases, "repeats": repeats, **costs, "apart": apart}


def page_of_passes(rows: list[Row]) -> str:
    """The table."""
    lines = [
        "# Verification beside WeatherBench-X",
        "",
        "Written by `python benchmarks/verify_pass.py`, whose first lines say what is scored. One thread,",
        f"runs in turns, {rows[0]['repeats']} for each number and side; the time to draw fields is no part. The peak",
        "is what a process takes beyond libraries and one case.",
        "",
        "| forecasts | wxml: processor s | WeatherBench-X | ratio | wxml: peak MiB | WeatherBench-X | ratio |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for own, other in zip(rows[::2], rows[1::2], strict=True):
        speed, memory = (other[key] / own[key] for key in ("cpu_s", "peak_mib"))
        times = f"{own['cpu_s']:.2f} | {other['cpu_s']:.2f} | {speed:.1f}"
        lines.append(f"| {own['cases']} | {times} | {own['peak_mib']:.0f} | {other['peak_mib']:.0f} | {memory:.1f} |")
    apart = max(row["apart"] for row in rows)
    lines += [
        "",
        f"RMSE, fair CRPS and ETS of both are {apart:.0e} apart at most: the peer computes in the single precision of",
        "the fields here, and gives the same to 1e-10 in double precision (`tests/test_weatherbenchx.py`).",
        "",
        "![Growth with the number of forecasts](verify-pass.png)",
        "",
    ]
    return "\n".join(lines)


def draw(rows: list[Row], path: Path) -> None:
    """Time and memory over the number of forecasts, with the exponents of straight lines through them."""
    import matplotlib as mpl

    mpl.use("Agg")
    import numpy as np
    from matplotlib import pyplot as plt
    from matplotlib.ticker import LogLocator, NullFormatter, NullLocator, ScalarFormatter

    figure, panels = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
    for axes, key, label in zip(panels, ("cpu_s", "peak_mib"), ("processor time in s", "peak in MiB"), strict=True):
        for side, colour, marker in (("wxml", "#0072b2", "o"), ("weatherbenchX", "#d55e00", "s")):
            cases, costs = zip(*((row["cases"], row[key]) for row in rows if row["side"] == side), strict=True)
            slope = np.polyfit(np.log(cases), np.log(costs), 1)[0]
            axes.loglog(cases, costs, color=colour, marker=marker, label=f"{side}  $n^{{{slope:.2f}}}$")
        axes.set(xlabel="forecasts", ylabel=label)
        axes.set_xticks(SIZES, [str(size) for size in SIZES])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(ScalarFormatter())
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.legend()
    figure.savefig(path, dpi=110)


def page_of_year(rows: list[Row]) -> str:
    """The table."""
    year = rows[-1]
    lines = [
        "# A year of ten-day forecasts at 0.25°",
        "",
        "Written by `python benchmarks/verify_pass.py --year`: `wxml verify` of forecasts to 240 h on 721 × 1440",
        "nodes, one variable, default metrics, in a process of its own. The fields of one forecast are in memory, and",
        "sums for maps of eight forecasts and of all. The last row is a year: a forecast a day, lead times every 12 h.",
        "",
        "| forecasts | hours between them | lead times | peak of the process, MiB | processor s |",
        "| ---: | ---: | ---: | ---: | ---: |",
        *(_row_of_year(row) for row in rows),
        "",
        "The statistics of the cases take 8 bytes for each statistic, lead time, forecast and region, and are in",
        f"`statistics.zarr`, too: of {year['cases']} forecasts {year['statistics_mib']:.0f} MiB here.",
        "",
    ]
    return "\n".join(lines)


def _row_of_year(row: Row) -> str:
    first = f"| {row['cases']} | {row['between_h']} | {row['lead_times']} "
    return f"{first}| {row['peak_mib']:.0f} | {row['cpu_s']:.0f} |"


def main() -> int:
    """Measure, and write the pages."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = os.environ.get("WXML_PEERS_WEATHERBENCHX")
    made.add_argument("--peer", default=known, help="the Python of an environment with WeatherBench-X")
    made.add_argument("--repeats", type=int, default=3, help="runs of each side for each number of forecasts")
    made.add_argument("--year", action="store_true", help="measure memory at 0.25°")
    options = made.parse_args()
    if options.peer:
        rows = list(passes(options.peer, options.repeats))
        _keep("verify-pass", rows, page_of_passes(rows))
        draw(rows, PAGES / "verify-pass.png")
    elif not options.year:
        sys.stdout.write("without --peer (WXML_PEERS_WEATHERBENCHX) the page stays as it is\n")
    if options.year:
        rows = [measured(sys.executable, "verify_year.py", *map(str, asked)) for asked in YEAR]
        _keep("verify-year", rows, page_of_year(rows))
    return 0


def _keep(name: str, rows: list[Row], page: str) -> None:
    (PAGES / f"{name}.md").write_text(page, "utf-8")
    (PAGES / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


if __name__ == "__main__":
    sys.exit(main())
