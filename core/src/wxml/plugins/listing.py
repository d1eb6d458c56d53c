"""The list of plugins, for people and for programs; the JSON is described in `docs/plugins-on-the-command-line.md`."""

__all__ = ["IN_ORDER", "Listing", "available_json", "available_lines", "listing_json", "problem_lines", "table_lines"]

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import NamedTuple

from wxml.environment.installer import install_command
from wxml.environment.release_index import KnownPlugin
from wxml.plugins.aliases import Alias
from wxml.plugins.catalog import PluginRecord

SCHEMA = 1
"""The version of the JSON output; it rises when a key changes its meaning or goes away, not when one is added."""
HEADINGS = ("kind", "name", "distribution", "version", "status", "summary")
STATUS = HEADINGS.index("status")
AVAILABLE = ("kind", "name", "distribution", "version", "summary")
IN_ORDER = ("ok", "disabled", "needs-extra")
"""Statuses that are no problem: what is disabled was disabled on purpose, and an extra is left out on purpose."""

Paint = Callable[[str, str], str]
"""(text, status) → the text in the colour of the status."""


class Listing(NamedTuple):
    """What `wxml list-plugins` lists."""

    plugins: Sequence[PluginRecord]
    aliases: Sequence[Alias]
    fault: str = ""
    """What is wrong with the site's file."""

    @property
    def problems(self) -> int:
        """How many things are not as they should be."""
        faulty = sum(record.status not in IN_ORDER for record in self.plugins)
        return faulty + sum(bool(alias.problem) for alias in self.aliases) + bool(self.fault)


def listing_json(listing: Listing, *, only_problems: bool = False) -> str:
    """Everything for programs."""
    plugins = [record for record in listing.plugins if not only_problems or record.status != "ok"]
    aliases = [alias for alias in listing.aliases if not only_problems or alias.problem]
    content = {
        "schema": SCHEMA,
        "problems": listing.problems,
        "site_problem": listing.fault,
        "plugins": [{**asdict(record), "full_name": record.full_name} for record in plugins],
        "aliases": [asdict(alias) for alias in aliases],
    }
    return json.dumps(content, indent=2)


def table_lines(listing: Listing, paint: Paint) -> list[str]:
    """Aligned columns under headings, and how to learn more where something is not as it should be."""
    rows = [tuple(str(getattr(record, heading)) for heading in HEADINGS) for record in listing.plugins]
    lines = _aligned([HEADINGS, *rows, *map(_alias_row, listing.aliases)], paint)
    if listing.problems:
        lines += ["", f"{listing.problems} not ok: wxml list-plugins --problems"]
    return lines


def _alias_row(alias: Alias) -> tuple[str, ...]:
    provider = alias.target.rpartition(":")[0]
    return (alias.kind, alias.name, provider, "", "broken" if alias.problem else "alias", f"stands for {alias.target}")


def _aligned(rows: Sequence[Sequence[str]], paint: Paint) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    lines = []
    for number, row in enumerate(rows):
        cells = [cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=True)]
        if number and rows[0] is HEADINGS:
            cells[STATUS] = paint(cells[STATUS], row[STATUS])
        lines.append("  ".join([*cells, row[-1]]).rstrip())
    return lines


def problem_lines(listing: Listing, paint: Paint) -> list[str]:
    """One line for everything that is not ok, with the reason."""
    broken = paint("broken", "broken")
    site = [f"{broken}: {listing.fault}"] if listing.fault else []
    plugins = [
        f"{record.kind} {record.full_name} {record.version}: {paint(record.status, record.status)}: {record.problem}"
        for record in listing.plugins
        if record.status != "ok"
    ]
    named = [
        f"{alias.kind} {alias.name}: {broken}: {alias.problem}   {alias.fix}"
        for alias in listing.aliases
        if alias.problem
    ]
    return [*site, *plugins, *named] or ["no problems"]


def available_lines(known: Sequence[KnownPlugin]) -> list[str]:
    """What could be installed, and for each package the command that does it."""
    if not known:
        return ["every plugin of the wxml release is installed"]
    rows = [tuple(str(getattr(plugin, heading)) for heading in AVAILABLE) for plugin in known]
    wanted = sorted({plugin.requirement for plugin in known})
    return [*_aligned([AVAILABLE, *rows], lambda text, _: text), "", *map(install_command, wanted)]


def available_json(known: Sequence[KnownPlugin]) -> str:
    """The same for programs."""
    rows = [
        {**plugin._asdict(), "requirement": plugin.requirement, "install": install_command(plugin.requirement)}
        for plugin in known
    ]
    return json.dumps({"schema": SCHEMA, "available": rows}, indent=2)
