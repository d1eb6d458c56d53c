"""What it costs to look around in a large environment, as a multiple of what reading all entry points costs.

    python benchmarks/list_plugins.py [--distributions 300] [--plugins 100] [--runs 15]

Makes distributions in a temporary folder on PYTHONPATH (a third of them bring plugins of wxml, the others entry points
of other programs or none) and measures the CPU seconds, user and system, of processes that run in turns:

- `floor`: `python -c "import importlib.metadata as m; m.entry_points()"`, which is what the ratios are to;
- `bare` and `metadata`: an interpreter that does nothing, and one that only imports `importlib.metadata`;
- `click`: an interpreter that only imports click, which every command needs;
- `list-plugins`, `list-plugins --json` and `--help`.

All of it twice: where every requirement is a plain range, and where some have a marker or a wildcard. Each plugin has
a source file of 150 lines, because `list-plugins` reads the first line of a class's docstring from there.

Prints one JSON line for each: the median of its CPU seconds, the median over the rounds of the ratio to the floor of
the same round, and the milliseconds above the floor.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

WXML = "from wxml.cli import main; main()"
PROGRAMS = {
    "floor": ("import importlib.metadata as m; m.entry_points()",),
    "bare": ("pass",),
    "metadata": ("import importlib.metadata",),
    "click": ("import click",),
    "list-plugins": (WXML, "list-plugins"),
    "list-plugins --json": (WXML, "list-plugins", "--json"),
    "--help": (WXML, "--help"),
}
GROUPS = ("processors", "mappers", "data_sources", "graph_builders", "forecast_writers", "commands")
REQUIREMENTS = (
    "numpy>=1.26",
    "pyyaml>=6",
    "torch>=2.6",
    "scipy>=1.11; extra == 'fast'",
    "click<9,>=8.1",
    "pydantic~=2.9",
)
HARDER = ("xarray!=2024.1.*", "pywin32>=300; sys_platform == 'win32'")
SETS = {"plain": REQUIREMENTS, "with markers": (*REQUIREMENTS, *HARDER)}
METHOD = """
    def method_{number}(self, values, weights):
        \"\"\"One of the methods of a class of the usual length.\"\"\"
        total = sum(value * weight for value, weight in zip(values, weights, strict=True))
        return total / sum(weights) if weights else float("nan")
"""
CODE = 'import math\n\n\nclass Plugin:\n    """Made for a measurement."""\n' + "".join(
    METHOD.format(number=number) for number in range(29)
)
DESCRIPTION = "Words about what this package does and how it is used.\n" * 80


def plugin_points(number: int) -> str:
    """Entry points of a distribution with plugins: mostly one, at times two kinds."""
    groups = {GROUPS[number % len(GROUPS)], GROUPS[number * 5 % len(GROUPS)]}
    return "".join(f"[wxml.{group}]\nname-{number} = made_{number}.part:Plugin\n" for group in sorted(groups))


def other_points(number: int) -> str:
    """Entry points of a distribution that is none of wxml's business: every other one has some."""
    return f"[console_scripts]\nmade-{number} = made_{number}.command:main\n" if number % 2 else ""


def metadata_text(number: int, plugin: bool, requirements: Sequence[str]) -> str:
    """Metadata of the usual length: a dozen headers and four kilobytes of description."""
    core = ["wxml-core>=0.2,<0.3"] if plugin else []
    wanted = [*core, *(requirements[(number + shift) % len(requirements)] for shift in range(3))]
    return (
        f"Metadata-Version: 2.1\nName: made-{number}\nVersion: 1.{number}.0\nSummary: made for a measurement\n"
        "Author: Nobody\nLicense: Apache-2.0\nClassifier: Programming Language :: Python :: 3\nRequires-Python: >=3.9\n"
        + "".join(f"Requires-Dist: {text}\n" for text in wanted)
        + f"\n{DESCRIPTION}"
    )


def install(folder: Path, count: int, plugins: int, requirements: Sequence[str] = REQUIREMENTS) -> None:
    """Write so many distributions; every third brings plugins until there are enough of those."""
    with_plugins = set(range(0, 3 * plugins, 3))
    for number in range(count):
        info = folder / f"made_{number}-1.{number}.0.dist-info"
        info.mkdir()
        points = plugin_points(number) if number in with_plugins else other_points(number)
        (info / "METADATA").write_text(metadata_text(number, number in with_plugins, requirements))
        (info / "RECORD").write_text(f"made_{number}/__init__.py,,\n")
        (info / "INSTALLER").write_text("pip\n")
        if points:
            (info / "entry_points.txt").write_text(points)
        if number in with_plugins:
            package = folder / f"made_{number}"
            package.mkdir()
            (package / "__init__.py").touch()
            (package / "part.py").write_text(CODE)


def cpu_seconds(program: tuple[str, ...], folder: Path) -> float:
    """User and system seconds of one process."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", *program], env=environment, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def measure(folder: Path, runs: int) -> dict[str, list[float]]:
    """The seconds of every program in every round; the first round only fills caches."""
    rounds = [{name: cpu_seconds(program, folder) for name, program in PROGRAMS.items()} for _ in range(runs + 1)]
    return {name: [seconds[name] for seconds in rounds[1:]] for name in PROGRAMS}


def line(name: str, seconds: list[float], floor: list[float]) -> dict[str, object]:
    """What is printed of one program."""
    ratio = statistics.median(own / other for own, other in zip(seconds, floor, strict=True))
    median = statistics.median(seconds)
    above = 1000 * (median - statistics.median(floor))
    return {"case": name, "cpu_s": round(median, 4), "ratio": round(ratio, 3), "above_floor_ms": round(above, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--distributions", type=int, default=300)
    parser.add_argument("--plugins", type=int, default=100, help="how many of them bring plugins of wxml")
    parser.add_argument("--runs", type=int, default=15)
    arguments = parser.parse_args()
    setting = {"distributions": arguments.distributions, "plugins": arguments.plugins, "runs": arguments.runs}
    for requirements, texts in SETS.items():
        with tempfile.TemporaryDirectory() as folder:
            install(Path(folder), arguments.distributions, arguments.plugins, texts)
            measured = measure(Path(folder), arguments.runs)
        for name, seconds in measured.items():
            row = line(name, seconds, measured["floor"])
            print(json.dumps({"benchmark": "list_plugins", "requirements": requirements, **row, **setting}), flush=True)


if __name__ == "__main__":
    main()
