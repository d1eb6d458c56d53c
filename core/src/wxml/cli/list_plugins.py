"""`wxml list-plugins`: what is installed, from metadata alone."""

__all__ = ["command"]

import os
import sys

import click

from wxml.plugins.aliases import aliases
from wxml.plugins.catalog import installed
from wxml.plugins.listing import (
    Listing,
    available_json,
    available_lines,
    listing_json,
    problem_lines,
    table_lines,
)

COLOURS = {
    "ok": "green",
    "alias": "green",
    "disabled": "bright_black",
    "needs-extra": "bright_black",
    "conflict": "yellow",
}


@click.command("list-plugins")
@click.option("--kind", default="", help="Only one kind, such as processor.")
@click.option("--problems", is_flag=True, help="Only what is not ok, and why.")
@click.option("--strict", is_flag=True, help="Exit with code 1 if anything is not ok (disabled and needs-extra are).")
@click.option("--probe", is_flag=True, help="Import each plugin in a process of its own: finds broken code.")
@click.option(
    "--timeout", type=click.FloatRange(min=0, min_open=True), default=30.0, help="Seconds for each probe (30)."
)
@click.option("--available", is_flag=True, help="Instead: plugins of the wxml release that are not installed.")
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
    listing = _listing(kind, timeout if probe else None)
    if as_json:
        click.echo(listing_json(listing, only_problems=problems))
    else:
        _write(problem_lines(listing, _paint) if problems else table_lines(listing, _paint))
    if strict and listing.problems:
        sys.exit(1)


def _listing(kind: str, timeout: float | None) -> Listing:
    """What is to be listed, of one kind or of all; probed where there is a time-out."""
    catalog = installed()
    records = catalog.select(kind) if kind else catalog.records
    if timeout is not None:
        from wxml.plugins.probe.parent import probe

        records = probe(records, timeout)
    named = [alias for alias in aliases(catalog) if kind in ("", alias.kind)]
    return Listing(records, named, catalog.site.fault)


def _write_available(kind: str, as_json: bool) -> None:
    from wxml.environment.release_index import known_plugins

    missing = [one for one in known_plugins() if kind in ("", one.kind) and not one.is_installed]
    _write([available_json(missing)] if as_json else available_lines(missing))


def _write(lines: list[str]) -> None:
    for line in lines:
        click.echo(line, color=False if "NO_COLOR" in os.environ else None)


def _paint(text: str, status: str) -> str:
    return click.style(text, fg=COLOURS.get(status, "red"))
