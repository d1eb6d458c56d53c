"""Writes the catalogue of plugins from the recipes in `catalogue/`: `docs/catalogue/`, and what `wxml` knows of it.

    python docs/make_catalogue.py [--check]

Each recipe stands for one distribution. An institute adds its own with one pull request; `wxml new-plugin` writes it. A
plugin that is installed here has a page of its own, which says what `wxml show-plugin` says. With `--check` nothing is
written, and the exit code is 1 where a recipe is wrong or a file is not what it would be.
"""

import json
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from wxml.cli import group
from wxml.environment.names import CORE, canonical_name
from wxml.environment.release_index import ReleasedPlugin
from wxml.errors import nearest
from wxml.plugins.catalog import KINDS_WITHOUT_CHOICE, PluginRecord, installed
from wxml.plugins.summary import summary

ROOT = Path(__file__).resolve().parents[1]
INDEX = Path("core/src/wxml/environment/release_index.json")
PAGES = Path("docs/catalogue")
KEYS = ("distribution", "summary", "where", "contact", "plugins")
UNNAMED = ("contract", "migration", "template")
"""What belongs to other plugins, so that a recipe does not list it."""
PLACE = re.compile(r"https://[\w.~-]+(/[\w.~-]+)+")
OURS = "wxml-"
"""How the names of this project's distributions begin."""
NOTE = "<!-- Written by docs/make_catalogue.py from catalogue/*.toml: change those, then run it again. -->"
ABOUT = """Plugins that can be installed, from the recipes in `catalogue/`. Those with a page are of this repository.
`wxml list-plugins --available` lists those that are not installed, with the commands that install them.

To add yours, send its recipe with a pull request; `wxml new-plugin` has written one, `catalogue/NAME.toml`:

```toml
distribution = "acme-weather"
summary = "Processors and presets of the Acme Weather Institute"
where = "https://git.acme.example/acme-weather"   # its Git repository; "index" if pip finds it by its name
contact = "weather@acme.example"

[plugins]
processor = ["afno"]
preset = ["model/acme-small"]
```

`python docs/make_catalogue.py` writes the pages again, and says what is wrong with a recipe."""


@dataclass(frozen=True)
class Recipe:
    """What one file of the catalogue says."""

    distribution: str
    summary: str
    where: str
    """`index`, or the address of a Git repository."""
    contact: str
    plugins: Mapping[str, tuple[str, ...]]
    """Kind → names."""
    version: str = field(default="", kw_only=True)
    """Of the release, for the packages of this project; empty for others."""

    def rows(self) -> Iterator[ReleasedPlugin]:
        """One row for each plugin."""
        for kind, names in self.plugins.items():
            for name in names:
                yield ReleasedPlugin(kind, name, self.distribution, self.version, self.summary, self.where)


class WrongRecipesError(Exception):
    """What is wrong with recipes, one line for each fault."""


# Recipes


def recipes(root: Path = ROOT) -> list[Recipe]:
    """Every recipe.

    Raises:
        WrongRecipesError: some are wrong.
    """
    released = versions(root)
    read: dict[Path, Any] = {}
    wrong = []
    for path in sorted((root / "catalogue").glob("*.toml")):
        try:
            read[path] = tomllib.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            wrong.append(f"{path.name}: is no TOML: {error}")
    kinds = {*installed().kinds, "command", "hook", "kind", "preset"}
    kinds |= {kind for found in read.values() for kind in _names(found, "kind")}
    for path, found in read.items():
        wrong += [f"{path.name}: {fault}" for fault in faults(path.stem, found, kinds, released)]
    if wrong:
        raise WrongRecipesError("\n".join(wrong))
    return [
        Recipe(
            **{key: found[key] for key in KEYS[:-1]},
            plugins={kind: tuple(names) for kind, names in found["plugins"].items()},
            version=released.get(found["distribution"], ""),
        )
        for found in read.values()
    ]


def versions(root: Path = ROOT) -> dict[str, str]:
    """The packages of this project → the version of each in the release that wxml-core comes with.

    Where wxml-core has not changed since the last release, what it knows of others stays as it was released: else a new
    version of a plugin would need one of wxml-core.
    """
    packages = tomllib.loads((root / "release-manifest.toml").read_text(encoding="utf-8"))["packages"]
    now = {name: table["version"] for name, table in packages.items()}
    if packages[CORE]["changed"]:
        return now
    rows = json.loads((root / INDEX).read_text(encoding="utf-8"))["plugins"]
    return now | {row["distribution"]: row["version"] for row in rows if row["distribution"] in now}


def _names(found: Mapping[str, Any], kind: str) -> list[str]:
    plugins = found.get("plugins")
    names = plugins.get(kind, ()) if isinstance(plugins, dict) else ()
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def faults(stem: str, found: Mapping[str, Any], kinds: set[str], released: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with a recipe, a line for each.

    Args:
        stem: the name of its file without the suffix.
        found: its content.
        kinds: the kinds that any recipe may name.
        released: the packages of this project.
    """
    yield from (f"unknown key `{key}`: {nearest(key, KEYS)}" for key in found if key not in KEYS)
    for key in KEYS[:-1]:
        value = found.get(key)
        if not isinstance(value, str) or not value.strip():
            yield f"`{key}` must be a text, got {value!r}"
        elif not value.isprintable() or len(value) > 120:
            yield f"`{key}` must be one line of 120 characters at most, got {value!r}"
    name, where = found.get("distribution"), found.get("where")
    if isinstance(name, str) and name != canonical_name(stem):
        yield f"`distribution` must be the name of the file, {canonical_name(stem)!r}, got {name!r}"
    if isinstance(name, str) and name.startswith(OURS) and name not in released:
        yield f"`distribution` must not begin with {OURS!r}, as the packages of this project do, got {name!r}"
    if isinstance(where, str) and where and where != "index" and not PLACE.fullmatch(where):
        yield f"`where` must be 'index' or the https address of a Git repository, got {where!r}"
    yield from _faults_of_plugins(found.get("plugins"), kinds)


def _faults_of_plugins(plugins: Any, kinds: set[str]) -> Iterator[str]:
    if not isinstance(plugins, dict) or not plugins:
        yield f"`plugins` must be a table of kinds and names, got {plugins!r}"
        return
    for kind, names in plugins.items():
        if kind not in kinds:
            yield f"unknown kind `{kind}`: {nearest(kind, kinds)}"
        if not isinstance(names, list) or not names:
            yield f"`plugins.{kind}` must be a list of names, got {names!r}"
            continue
        for name in names:
            if not isinstance(name, str) or not all(part and canonical_name(part) == part for part in name.split("/")):
                yield f"`plugins.{kind}` has the name {name!r}: write it in lower case, with dashes"
            elif names.count(name) > 1:
                yield f"`plugins.{kind}` names {name!r} twice"


def differences(recipe: Recipe) -> Iterator[str]:
    """What a recipe says otherwise than the package, where that is installed."""
    declared = {
        (record.kind, record.name)
        for record in installed().records
        if record.distribution == recipe.distribution and record.kind not in UNNAMED
    }
    listed = {(kind, name) for kind, names in recipe.plugins.items() for name in names}
    if declared:
        yield from (f"does not list the {kind} {name!r} of the package" for kind, name in sorted(declared - listed))
        yield from (
            f"lists the {kind} {name!r}, which the package does not have" for kind, name in sorted(listed - declared)
        )


# Files


def files(root: Path = ROOT) -> dict[Path, str]:
    """Every file that is made of the recipes, by its path in the repository.

    Raises:
        WrongRecipesError: a recipe is wrong, or says otherwise than its package.
    """
    found = recipes(root)
    wrong = [f"{recipe.distribution}.toml: {each}" for recipe in found for each in differences(recipe)]
    if wrong:
        raise WrongRecipesError("\n".join(wrong))
    made = {INDEX: index(found)}
    for recipe in found:
        for row in recipe.rows():
            if text := page(row):
                made[page_path(row)] = text
    return {**made, PAGES / "README.md": table(found, {*made})}


def index(found: list[Recipe]) -> str:
    """What `wxml` knows of packages that are not installed; core itself always is."""
    rows = sorted(row for recipe in found if recipe.distribution != CORE for row in recipe.rows())
    return json.dumps({"plugins": [row._asdict() for row in rows]}, indent=1) + "\n"


def table(found: list[Recipe], made: set[Path]) -> str:
    """The page that lists all plugins, kind by kind."""
    lines = [NOTE, "", "# Catalogue of plugins", "", ABOUT]
    rows = [row for recipe in found for row in recipe.rows()]
    for kind in sorted({row.kind for row in rows}):
        lines += ["", f"## {kind}", "", "| name | distribution | |", "|--|--|--|"]
        for row in sorted(row for row in rows if row.kind == kind):
            path, record = page_path(row), _record(row)
            name = f"[`{row.name}`]({path.relative_to(PAGES).as_posix()})" if path in made else f"`{row.name}`"
            lines.append(f"| {name} | {row.distribution} | {_cell(summary(record) if record else row.summary)} |")
    lines += ["", "## Distributions", "", "| distribution | where | contact | |", "|--|--|--|--|"]
    for recipe in found:
        where = f"`python -m pip install {recipe.distribution}`" if recipe.where == "index" else f"<{recipe.where}>"
        lines.append(f"| {recipe.distribution} | {where} | {_cell(recipe.contact)} | {_cell(recipe.summary)} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    """A text as it can stand in a table of Markdown: it comes from others."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|").replace("[", "\\[")


def page_path(row: ReleasedPlugin) -> Path:
    """Where the page of a plugin is."""
    return PAGES / row.distribution / f"{row.kind}-{row.name}.md"


def _record(row: ReleasedPlugin) -> PluginRecord | None:
    """The plugin as it is installed, if it is."""
    wanted = (row.kind, row.name, row.distribution)
    records = (record for record in installed().records if (record.kind, record.name, record.distribution) == wanted)
    return next(records, None)


def page(row: ReleasedPlugin) -> str:
    """The page of an installed plugin that has options; empty for what has none, such as a preset.

    A plugin that is not installed here, or lacks a dependency, keeps the page that it has.
    """
    record = _record(row)
    if row.kind in KINDS_WITHOUT_CHOICE:
        return ""
    if record is None or record.status in ("needs-extra", "missing-dependency"):
        path = ROOT / page_path(row)
        return path.read_text(encoding="utf-8") if path.is_file() else ""
    shown = CliRunner().invoke(group, ["show-plugin", record.kind, record.full_name], catch_exceptions=False)
    if shown.exit_code:
        raise WrongRecipesError(f"{record.distribution}.toml: {record.kind} {record.name}: {shown.stderr}")
    told = [line.rstrip() for line in shown.stdout.splitlines() if not line.startswith("source  ")]
    heading, _, rest = "\n".join(told).strip().partition("\n")
    title = heading.partition(":")[0]
    return "\n".join(
        [
            NOTE,
            "",
            f"# {title}",
            "",
            _cell(summary(record)),
            "",
            "```text",
            rest.strip(),
            "```",
            "",
            "[All plugins](../README.md)",
            "",
        ]
    )


def main() -> None:
    """Write the files, or compare them with what is there; remove pages of plugins that are gone."""
    try:
        made = files()
    except WrongRecipesError as error:
        sys.exit(str(error))
    there = {path.relative_to(ROOT) for path in (ROOT / PAGES).rglob("*.md")} | {INDEX}
    stale = [
        path for path, text in made.items() if not (ROOT / path).is_file() or (ROOT / path).read_text("utf-8") != text
    ]
    if "--check" in sys.argv[1:]:
        wrong = sorted({*stale, *(there - {*made})})
        sys.exit("\n".join([*map(str, wrong), "are out of date: python docs/make_catalogue.py"]) if wrong else 0)
    for path in there - {*made}:
        (ROOT / path).unlink()
    for path in stale:
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(made[path], encoding="utf-8")


if __name__ == "__main__":
    main()
