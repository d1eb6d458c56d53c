"""Writes `docs/public-interface.txt`: every public name of `wxml` and `wxml_kernels`, its signature, since when.

A release is a promise: what a line says may go away or change in a later minor version (before 1.0; else a major one),
with a line in the changelog that names it. Which later one, so that no plugin breaks, `nox -s api-diff` says. Run this
after a change: `python docs/public_interface.py`. It refuses to write a change that breaks that promise. It reads the
source and imports none of it.
"""

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import make_reference

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "docs" / "public-interface.txt"
PACKAGES = {"wxml": "core", "wxml_kernels": "kernels"}
LONGEST = 100
"""A constant with a longer value, such as a table, is written without it."""
HEADER = """\
# The public interface: the minor version since which each line is as it is, and the name with its signature.
# Written by docs/public_interface.py, which says what a change of a released line needs. `released` is raised by hand,
# when a release is made.
"""


@dataclass(frozen=True)
class Package:
    """One of the two packages that third parties import from."""

    released: str
    """The last minor version that was released, such as `0.1`; empty: none was."""
    version: str
    """The minor version in the source."""
    news: str
    """The changelog of the version in the source."""


@dataclass(frozen=True)
class Line:
    """A public name as it is recorded."""

    since: str
    form: str


Interface = Mapping[str, str]
"""Public name, such as `wxml.Fields.values` → its signature."""


# The source


def interface() -> dict[str, str]:
    """Every public name with its signature."""
    public = make_reference.surface()
    found: dict[str, str] = {}
    for name, module in public.names.items():
        found |= dict(_named("wxml", name, make_reference._file(make_reference.CORE, module)))
    for module in public.modules:
        path = make_reference._file(make_reference.CORE, module)
        for name in make_reference._public_names(make_reference._parsed(path)):
            found |= dict(_named(f"wxml.{module}", name, path))
    kernels = make_reference.KERNELS / "__init__.py"
    for name in make_reference._public_names(make_reference._parsed(kernels)):
        found |= dict(_named("wxml_kernels", name, kernels))
    return dict(sorted(found.items()))


def _named(module: str, name: str, path: Path) -> Iterator[tuple[str, str]]:
    node = make_reference._definition(path, name).node
    full = f"{module}.{name}"
    if isinstance(node, ast.ClassDef):
        bases = ", ".join(map(ast.unparse, node.bases))
        yield full, f"class({bases})"
        for member in node.body:
            yield from _member(full, member)
    elif isinstance(node, ast.FunctionDef):
        yield full, _signature(node)
    else:
        annotation = f": {ast.unparse(node.annotation)}" if isinstance(node, ast.AnnAssign) else ""
        value = ast.unparse(node.value) if node.value else ""
        yield full, f"constant{annotation}" + (f" = {value}" if len(value) < LONGEST else "")


def _member(owner: str, member: ast.stmt) -> Iterator[tuple[str, str]]:
    """A method that others call or write, or a field."""
    if isinstance(member, ast.FunctionDef) and make_reference._is_shown(member):
        marks = [mark for mark in ("abstractmethod", "final") if mark in make_reference._decorators(member)]
        yield f"{owner}.{member.name}", " ".join([*marks, _signature(member)])
    elif isinstance(member, ast.AnnAssign) and not ast.unparse(member.target).startswith("_"):
        default = " = …" if member.value else ""
        yield f"{owner}.{ast.unparse(member.target)}", f"{ast.unparse(member.annotation)}{default}"


def _signature(function: ast.FunctionDef) -> str:
    return make_reference.signature(function).removeprefix(f"def {function.name}")


# The promise


def faults(recorded: Mapping[str, Line], found: Interface, packages: Mapping[str, Package]) -> list[str]:
    """What has changed of a released line and may not: a sentence for each, with what it needs."""
    return [sentence for name, line in recorded.items() if (sentence := _fault(name, line, found.get(name), packages))]


def _fault(name: str, line: Line, form: str | None, packages: Mapping[str, Package]) -> str:
    package = packages[name.partition(".")[0]]
    if form == line.form or not package.released or _number(line.since) > _number(package.released):
        return ""
    what = f"`{name}` is gone" if form is None else f"`{name}` was `{line.form}` and is `{form}`"
    needs = []
    if _number(package.version) <= _number(package.released):
        needs.append(f"a minor version after {package.released}")
    own = name.rpartition(".")[2]
    own = own if own != "__init__" else name.split(".")[-2]
    if not re.search(rf"`[^`]*\b{re.escape(own)}\b[^`]*`", package.news):
        needs.append(f"a line in the changelog of {package.version} that names `{own}`")
    return f"{what}: it needs {' and '.join(needs)}" if needs else ""


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


# The file


def read(text: str) -> tuple[dict[str, str], dict[str, Line]]:
    """The released minor version of each package, and the lines of the file."""
    rows = [line for line in text.splitlines() if line and not line.startswith("#")]
    released = dict(row.removeprefix("released ").split(" ", 1) for row in rows if row.startswith("released "))
    lines = [row.split("  ", 2) for row in rows if not row.startswith("released ")]
    return released, {name: Line(since, form) for since, name, form in lines}


def written(released: Mapping[str, str], recorded: Mapping[str, Line], found: Interface, version: Interface) -> str:
    """The file for the source as it is."""
    heads = [f"released {name} {released[name]}" for name in sorted(released)]
    rows = []
    for name, form in found.items():
        line = recorded.get(name)
        since = line.since if line and line.form == form else version[name.partition(".")[0]]
        rows.append(f"{since}  {name}  {form}")
    return "\n".join([HEADER.rstrip(), *heads, "", *rows, ""])


def package(name: str, released: str) -> Package:
    """What the source says of the package that is imported as `name`."""
    folder = ROOT / PACKAGES[name]
    source = (folder / "pyproject.toml").read_text(encoding="utf-8")
    full = re.search(r'^version = "([^"]+)"', source, re.MULTILINE)
    if full is None:
        init = (folder / "src" / name / "__init__.py").read_text(encoding="utf-8")
        full = re.search(r'^__version__ = "([^"]+)"', init, re.MULTILINE)
    if full is None:
        raise SystemExit(f"error: {folder} has no version")
    news = (folder / "CHANGELOG.md").read_text(encoding="utf-8")
    section = re.search(rf"^## {re.escape(full[1])}$(.*?)(?=^## |\Z)", news, re.MULTILINE | re.DOTALL)
    return Package(released, ".".join(full[1].split(".")[:2]), section[1] if section else "")


def state() -> tuple[list[str], str]:
    """The broken promises of the source, and the file as it ought to be."""
    released, recorded = read(FILE.read_text(encoding="utf-8"))
    packages = {name: package(name, released.get(name, "")) for name in PACKAGES}
    found = interface()
    versions = {name: one.version for name, one in packages.items()}
    return faults(recorded, found, packages), written(released, recorded, found, versions)


def main() -> None:
    """Write the file, or say what a change needs."""
    broken, text = state()
    if broken:
        sys.exit("\n".join(["error: this changes what was released", *(f"  {sentence}" for sentence in broken)]))
    FILE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
