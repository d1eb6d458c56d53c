"""Writes `docs/compatibility.md` from what `nox -s matrix` has seen, which `docs/compatibility.json` keeps."""

__all__ = ["PAGE", "RESULTS", "Cell", "Seen", "cells", "page", "text_of"]

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from release.manifest import CORE, KERNELS, META, Manifest, Package

RESULTS = Path("docs/compatibility.json")
PAGE = Path("docs/compatibility.md")
SCHEMA = 1
SHOWN = ("numpy", "pydantic", "xarray", "zarr", "lightning")
"""The libraries whose versions the page tells; the files in `constraints/` have all of them."""
ABOUT = """\
<!-- Written by release/files.py from docs/compatibility.json, which `nox -s matrix` fills, and the manifest. -->

# What works together

Each column is an environment that `nox -s matrix` has made: the wheels of this repository and what they need from an
index. In it `wxml check-plugin` checks every plugin of each package, and `wxml demo` trains (50 steps or more),
forecasts and verifies. A number is how many plugins were checked and kept their contracts; a package without such
plugins was installed beside them, and its demo ran.

- **lowest**: the lowest version of each library that a package names. **highest**: the newest that the index had that
  day. **tested**: these, with the torch of the tests (`constraints.txt`). The files in `constraints/` hold every
  version of each environment.
- **wxml-core**: today's, and in one environment the lowest and the last released one that every plugin accepts, where
  these are others; and the last number that they accept, which today's core is given there.
- The machine has no GPU: builds of torch for GPUs ran on its processor. [releasing.md](releasing.md) says how to run an
  environment yourself.
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """What came out for one package in one environment."""

    version: str
    checked: int
    failed: tuple[str, ...] = ()
    """The plugins that did not keep their contract, each as `kind-name: the first line of why`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One environment of the matrix."""

    python: str
    dependencies: str
    """`lowest` or `highest`."""
    core: str
    """The version of wxml-core that ran, such as `0.2.0`; if none could, the word that asked for it."""
    date: str
    origin: str = ""
    """What that core is, if it is not the one of the packages."""
    commit: str = ""
    skipped: str = ""
    """Why it could not be made; empty if it ran."""
    versions: dict[str, str] = field(default_factory=dict)
    """Library → version; torch among them."""
    demo: str = ""
    """`passed`, or the last line of what it said."""
    minutes: float = 0.0
    packages: dict[str, Seen] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells environments apart."""
        return self.python, self.dependencies, self.core


def cells(text: str) -> list[Cell]:
    """The environments that a text of JSON holds."""
    content = json.loads(text)
    if content.get("schema") != SCHEMA:
        raise ValueError(f"`schema` of {RESULTS} must be {SCHEMA}, got {content.get('schema')!r}")
    return [_cell(row) for row in content["cells"]]


def _cell(row: dict) -> Cell:  # type: ignore[type-arg]
    packages = {name: Seen(**{**seen, "failed": tuple(seen["failed"])}) for name, seen in row["packages"].items()}
    return Cell(**{**row, "packages": packages})


def text_of(found: Sequence[Cell]) -> str:
    """Those environments as JSON."""
    rows = [asdict(cell) for cell in sorted(found, key=lambda cell: [*map(_number, cell.key[::2]), cell.key])]
    return json.dumps({"schema": SCHEMA, "cells": rows}, indent=1) + "\n"


def _number(version: str) -> list[int]:
    return [int(part) for part in version.split(".") if part.isdigit()]


def page(manifest: Manifest, results: str) -> str:
    """The page."""
    found = cells(results)
    ran = [cell for cell in found if not cell.skipped]
    lines = [ABOUT, "## Environments", "", *_environments(ran)]
    absent = list(_not_run(found))
    lines += ["", "Not run:", "", *absent] if absent else []
    lines += ["", "## Packages", "", *_packages(manifest, ran)]
    failures = list(_failures(ran))
    lines += ["", "## What did not work", "", *failures] if failures else []
    lines += ["", "## What each plugin declares", "", *_ranges(manifest)]
    return "\n".join([*lines, ""])


def _environments(ran: list[Cell]) -> Iterator[str]:
    yield f"| Python | dependencies | torch | wxml-core | {' | '.join(SHOWN)} | demo | seen on | minutes |"
    yield "|--|" + "--|" * (len(SHOWN) + 6)
    for cell in ran:
        versions = " | ".join(cell.versions.get(name, "") for name in SHOWN)
        core = f"{cell.core} ({cell.origin})" if cell.origin else cell.core
        first = f"{cell.python} | {cell.dependencies} | {cell.versions.get('torch', '')} | {core}"
        yield f"| {first} | {versions} | {cell.demo} | {cell.date} | {cell.minutes:.0f} |"


def _not_run(found: list[Cell]) -> Iterator[str]:
    for cell in found:
        if cell.skipped:
            yield f"- Python {cell.python}, {cell.dependencies}, core {cell.core}: {cell.skipped} ({cell.date})"


def _packages(manifest: Manifest, ran: list[Cell]) -> Iterator[str]:
    heads = [f"{cell.python} {cell.dependencies}, core {cell.core}" for cell in ran]
    yield f"| package | {' | '.join(['version', *heads])} |"
    yield "|--|--|" + "--|" * len(heads)
    for name, package in manifest.packages.items():
        if name not in (META, CORE, KERNELS):
            yield f"| {name} | {' | '.join([package.version, *(_outcome(package, cell) for cell in ran)])} |"


def _outcome(package: Package, cell: Cell) -> str:
    seen = cell.packages.get(package.name)
    if seen is None:
        return "not there"
    told = f"{len(seen.failed)} of {seen.checked} fail" if seen.failed else str(seen.checked or "demo")
    return told if seen.version == package.version else f"{told} (of {seen.version})"


def _failures(ran: list[Cell]) -> Iterator[str]:
    for cell in ran:
        where = f"Python {cell.python}, {cell.dependencies}, core {cell.core}"
        for name, seen in cell.packages.items():
            if seen.failed:
                yield f"- {where}: {name} {seen.version}: {'; '.join(seen.failed)}"


def _ranges(manifest: Manifest) -> Iterator[str]:
    yield "| package | version | in the last release | wxml-core |"
    yield "|--|--|--|--|"
    for name, package in manifest.packages.items():
        core = f"`{package.core}`" if package.core else ""
        yield f"| {name} | {package.version} | {package.released or 'not in it'} | {core} |"
