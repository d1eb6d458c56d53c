"""`wxml list-plugins`: lists every plugin, from metadata and source files alone."""

__all__ = ["command"]

import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

import click

from wxml.environment.distributions import Environment
from wxml.environment.installer import install_command
from wxml.environment.names import canonical_name
from wxml.environment.release_index import released_plugins
from wxml.plugins.catalog import HEALTHY, PluginRecord, installed
from wxml.plugins.resolve import Alias, aliases
from wxml.plugins.summary import summary
from wxml.terminal import columns, printable, say_json

SCHEMA = 1
"""The version of the JSON output; it rises when a key changes its meaning or goes away, not when one is added."""
HEADINGS = ("kind", "name", "distribution", "version", "status", "summary")
AVAILABLE = ("kind", "name", "distribution", "version", "summary")
COLOURS = {
    "ok": "green",
    "alias": "green",
    "disabled": "bright_black",
    "needs-extra": "bright_black",
    "conflict": "yellow",
}


class _Listing(NamedTuple):
    """The plugins and aliases to list."""

    plugins: Sequence[PluginRecord]
    aliases: Sequence[Alias]
    fault: str = ""
    """Why the site's file cannot be used; empty if it can be."""

    @property
    def problems(self) -> int:
        """The number of plugins and aliases that are not in order, plus one for a faulty site file."""
        faulty = sum(record.status not in HEALTHY for record in self.plugins)
        return faulty + sum(bool(alias.problem) for alias in self.aliases) + bool(self.fault)


@click.command("list-plugins")
@click.option("--kind", default="", help="Only one kind, such as processor.")
@click.option("--problems", is_flag=True, help="Only what is not ok, and why.")
@click.option("--strict", is_flag=True, help="Exit with code 1 if anything is not ok (disabled and needs-extra are).")
@click.option("--probe", is_flag=True, help="Import each plugin in a process of its own: finds broken code.")
@click.option(
    "--timeout", type=click.FloatRange(min=0, min_open=True), default=30.0, help="Seconds for each probe (30)."
)
@click.option("--available", is_flag=True, help="Instead: plugins of the catalogue that are not installed.")
@click.option("--json", "as_json", is_flag=True, help="For programs: {'schema': 1, 'plugins': [...], ...}.")
def command(
    kind: str, problems: bool, strict: bool, probe: bool, timeout: float, available: bool, as_json: bool
) -> None:
    """List every plugin that is installed, without importing any.

    \b
    Example:
      wxml list-plugins --kind processor

    \b
    Status:
      ok                  can be used
      conflict            another package has the same name: write distribution:name
      incompatible        made for another version of wxml-core
      missing-dependency  something that it needs is not installed
      needs-extra         an extra of its package, which it alone needs, is not installed
      disabled            excluded by WXML_PLUGINS or by the site's plugins.yaml
      broken              its metadata are wrong, or (with --probe) its code
      alias               a name that the site's plugins.yaml gives to a plugin
    """
    kind = installed().known_kind(kind) if kind else ""
    if available:
        _write_available(kind, as_json)
        return
    catalog = installed()
    records = catalog.select(kind) if kind else catalog.records
    if probe:
        from wxml.plugins.probe.parent import probe as probed

        records = probed(records, timeout)
    named = [alias for alias in aliases(catalog) if kind in ("", alias.kind)]
    listing = _Listing(records, named, catalog.site.fault)
    if as_json:
        say_json(_content(listing, only_problems=problems))
    else:
        _write(_problem_lines(listing) if problems else _table_lines(listing))
    if strict and listing.problems:
        sys.exit(1)


def _content(listing: _Listing, *, only_problems: bool) -> dict[str, Any]:
    """The list as JSON values; `docs/plugins-on-the-command-line.md` describes them."""
    plugins = [record for record in listing.plugins if not only_problems or record.status != "ok"]
    aliases = [alias for alias in listing.aliases if not only_problems or alias.problem]
    return {
        "schema": SCHEMA,
        "problems": listing.problems,
        "site_problem": listing.fault,
        "plugins": [
            {**asdict(record), "summary": summary(record), "full_name": record.full_name} for record in plugins
        ],
        "aliases": [asdict(alias) for alias in aliases],
    }


def _table_lines(listing: _Listing) -> list[str]:
    """Columns under headings, and the command that tells more if something is not ok."""
    plugins = [(one.kind, one.name, one.distribution, one.version, one.status, summary(one)) for one in listing.plugins]
    named = [
        (alias.kind, alias.name, alias.target.rpartition(":")[0], "", status, f"stands for {alias.target}")
        for alias in listing.aliases
        for status in ["broken" if alias.problem else "alias"]
    ]
    rows = [*plugins, *named]
    heading, *lines = columns([HEADINGS, *rows])
    start = heading.index("status")
    for number, (line, row) in enumerate(zip(lines, rows, strict=True)):
        end = start + len(row[4])
        lines[number] = line[:start] + _paint(line[start:end], row[4]) + line[end:]
    problems = ["", f"{listing.problems} not ok: wxml list-plugins --problems"] if listing.problems else []
    return [heading, *lines, *problems]


def _problem_lines(listing: _Listing) -> list[str]:
    """One line for everything that is not ok, with the reason."""
    broken = _paint("broken", "broken")
    site = [broken + printable(f": {listing.fault}")] if listing.fault else []
    plugins = [
        printable(f"{record.kind} {record.full_name} {record.version}: ")
        + _paint(record.status, record.status)
        + printable(f": {record.problem}")
        for record in listing.plugins
        if record.status != "ok"
    ]
    named = [
        printable(f"{alias.kind} {alias.name}: ") + broken + printable(f": {alias.problem}   {alias.fix}")
        for alias in listing.aliases
        if alias.problem
    ]
    return [*site, *plugins, *named] or ["no problems"]


def _write_available(kind: str, as_json: bool) -> None:
    """The plugins of the catalogue whose distribution is not installed, and the command for each distribution."""
    here = Environment()
    missing = [
        plugin
        for plugin in released_plugins()
        if kind in ("", plugin.kind) and here.find(canonical_name(plugin.distribution)) is None
    ]
    if as_json:
        rows = [
            {**plugin._asdict(), "requirement": plugin.requirement, "install": install_command(plugin.requirement)}
            for plugin in missing
        ]
        say_json({"schema": SCHEMA, "available": rows})
    elif missing:
        table = columns([AVAILABLE, *(tuple(str(getattr(plugin, name)) for name in AVAILABLE) for plugin in missing)])
        _write([*table, "", *map(install_command, sorted({plugin.requirement for plugin in missing}))])
    else:
        click.echo("every plugin of the catalogue is installed")


def _write(lines: list[str]) -> None:
    click.echo("\n".join(lines), color=False if "NO_COLOR" in os.environ else None)


def _paint(text: str, status: str) -> str:
    return click.style(text, fg=COLOURS.get(status, "red"))
