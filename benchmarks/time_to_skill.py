"""The processor time that a training takes to forecast as well as the peer: air temperature over North America.

    python benchmarks/time_to_skill.py DATA [--quick] [--families gnn graph-transformer transformer]
                                       [--budgets short long] [--seeds 0] [--folder FOLDER]
                                       [--output docs/benchmarks]

DATA is the path of `ncep-air-namerica/air_temperature.zarr`. Each training is a process of `wxml train` on one thread,
with the experiments `docs/experiments/ncep-day-FAMILY.yaml`; a budget sets the number of steps (`STEPS`) and so the
schedule: the learning rate of a long training has not fallen yet where a short one ends.

- Processor time is that of the whole process: imports, statistics, graph, validations, and files count. Beside it
  stands that of the steps alone.
- After each tenth of the steps there is a validation, and a checkpoint is kept. These are scored on the validation
  months, which tells the way there; the one with the lowest validation loss is scored on the test months.
- In a short training the peer is reached by the first kept checkpoint with at most its best errors at both lead times,
  on the test months; it is looked for by halving, since errors fall.
- The peer's numbers were measured once, as `docs/results.md` says: 600 s on two threads, so up to 1200 s.

A training that is whole in FOLDER is not made again, and rows of other trainings stay in the page: a long list may be
measured in parts.
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.environments import FOLDER, ROOT, machine
from bench.report import OUTPUT, show, table, write_page
from bench.skill import Trained, Training, errors, trained
from bench.skill_plot import draw

PAGE = "time-to-skill"
FAMILIES = ("gnn", "graph-transformer", "transformer")
LEADS = (6, 24)
PEER: tuple[dict[str, Any], ...] = (
    {"who": "anemoi graph transformer", "cpu_s": 1200.0, "test": {"air 6 h": 1.123, "air 24 h": 2.142}},
    {"who": "anemoi graph network", "cpu_s": 1200.0, "test": {"air 6 h": 1.285, "air 24 h": 2.486}},
)
"""Near-surface air temperature in K, same months, mean and weights; see `docs/results.md`."""
MARKS = (30, 60, 120, 240, 480)
"""Seconds of processor time at which the way of a training is looked at."""
EVERY = 5
"""One of so many initial times of the validation months is scored, each hour of the day as often."""
PARTS = 10
"""Validations of a training, and checkpoints that it keeps."""


STEPS = {"short": 560, "long": 2000}
"""Of each budget: about 120 s and at most 600 s of a core that others use, too."""
QUICK_STEPS = 6


def training_of(family: str, budget: str, seed: int, options: argparse.Namespace) -> Training:
    """What is to be trained."""
    if options.quick:
        experiment = FOLDER / "bench" / "skill_quick.yaml"
        return Training(experiment, (f"model={family}-tiny",), QUICK_STEPS, QUICK_STEPS // 3, seed)
    experiment, steps = ROOT / "docs" / "experiments" / f"ncep-day-{family}.yaml", STEPS[budget]
    return Training(experiment, (f"data.source.path={options.data}",), steps, steps // PARTS, seed)


def way(made: Trained) -> list[dict[str, Any]]:
    """The scores on the validation period where the training had taken so many seconds, and at its end."""
    steps = sorted({step for mark in (*MARKS, made.seconds[-1]) if (step := made.step_at(mark))})
    return [
        {
            "step": step,
            "cpu_s": round(made.seconds[step - 1], 1),
            "validation": rounded(errors(made.at(step), "validation", LEADS, EVERY)),
        }
        for step in steps
    ]


def reached(made: Trained, goal: dict[str, float]) -> dict[str, Any] | None:
    """The first kept checkpoint with no larger error than the goal, by halving; None: the last one has a larger one."""
    found, first, last = None, 0, len(made.kept) - 1
    while first <= last:
        number = last if found is None else (first + last) // 2
        step = made.kept[number]
        scores = errors(made.at(step), "test", LEADS)
        if all(key in scores and scores[key] <= most for key, most in goal.items()):
            found = {"step": step, "cpu_s": round(made.seconds[step - 1], 1), "test": rounded(scores)}
            last = number - 1
        else:
            first = number + 1
    return found


def measured(family: str, budget: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """One row: a training and its scores."""
    made = trained(
        training_of(family, budget, seed, options), options.folder / f"{family}-{budget}-{seed}", options.threads
    )
    steps = len(made.seconds)
    return {
        "family": family,
        "budget": budget,
        "seed": seed,
        "steps": steps,
        "cpu_s": round(made.seconds[-1], 1),
        "steps_cpu_s": round(made.plain_seconds, 1),
        "chosen_step": made.chosen_step,
        "test": rounded(errors(made.checkpoint, "test", LEADS)),
        "way": way(made),
    } | ({"reached": reached(made, PEER[0]["test"])} if budget == "short" else {})


def rounded(scores: dict[str, float]) -> dict[str, float]:
    """Four digits are more than seeds leave alone."""
    return {name: float(f"{value:.4g}") for name, value in scores.items()}


def page(rows: list[dict[str, Any]]) -> str:
    """The page of tables."""
    keys = list(rows[0]["test"])
    header = ("training", "seed", "steps", "chosen", "CPU s", "of the steps alone", *keys, "the peer is reached after")
    cells = [
        (f"{row['family']}, {row['budget']}", row["seed"], row["steps"], row["chosen_step"], row["cpu_s"],
         row["steps_cpu_s"], *row["test"].values(), told(row))
        for row in rows
    ]  # fmt: skip
    cells += [
        (one["who"], "", "", "", f"up to {one['cpu_s']:.0f}", "", *one["test"].values(), "") for one in peers(keys)
    ]
    way_header = ("training", "seed", "step", "CPU s", *keys)
    ways = [
        (f"{row['family']}, {row['budget']}", row["seed"], one["step"], one["cpu_s"],
         *one["validation"].values())
        for row in rows for one in row["way"]
    ]  # fmt: skip
    return "\n".join(
        [
            "# Time to skill\n",
            f"{machine()}; threads: 1. RMSE in the units of the variable, weighted by area; how it is measured, and on",
            "what: `benchmarks/time_to_skill.py`.\n",
            f"![errors against processor time]({PAGE}.png)\n",
            "## Test months\n",
            table(header, cells),
            "## Validation months, on the way there\n",
            table(way_header, ways),
        ]
    )


def told(row: dict[str, Any]) -> str:
    """The processor time that the peer's errors take; nothing where it is not looked for."""
    if "reached" not in row:
        return ""
    found = row["reached"]
    return "never" if found is None else f"{found['cpu_s']:.0f} s, {found['step']} steps"


def peers(keys: Sequence[str]) -> list[dict[str, Any]]:
    """The peer's rows, if they are of the same scores."""
    return [one for one in PEER if list(one["test"]) == list(keys)]


def earlier(options: argparse.Namespace, new: set[tuple[str, str, int]]) -> list[dict[str, Any]]:
    """The rows of the page that are not measured now."""
    path = options.output / f"{PAGE}.jsonl"
    found = [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []
    return [row for row in found if (row["family"], row["budget"], row["seed"]) not in new]


def main() -> None:
    """Read the command line, measure, write."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("data", type=Path, nargs="?", help="needed without --quick")
    made.add_argument("--quick", action="store_true", help="a few steps on simulated data: shows that all runs")
    made.add_argument("--families", nargs="+", choices=FAMILIES, default=FAMILIES)
    made.add_argument("--budgets", nargs="+", choices=STEPS, default=list(STEPS))
    made.add_argument("--seeds", nargs="+", type=int, default=[0])
    made.add_argument("--threads", type=int, default=1)
    made.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "wxml-time-to-skill")
    made.add_argument("--output", type=Path, help="docs/benchmarks; with --quick that of --folder")
    options = made.parse_args()
    if options.data is None and not options.quick:
        made.error("name the path of ncep-air-namerica/air_temperature.zarr, or give --quick")
    if options.output is None:
        options.output = options.folder if options.quick else OUTPUT
    cases = [(f, b, s) for f in options.families for b in options.budgets for s in options.seeds]
    rows = earlier(options, set(cases))
    for family, budget, seed in cases:
        show(measured(family, budget, seed, options), rows)
        rows.sort(key=lambda row: (FAMILIES.index(row["family"]), list(STEPS).index(row["budget"]), row["seed"]))
        write_page(options.output, PAGE, page(rows), rows)
        keys = list(rows[0]["test"])
        draw(rows, keys, peers(keys), options.output / f"{PAGE}.png")


if __name__ == "__main__":
    main()
