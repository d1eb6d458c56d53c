"""`wxml list-plugins`: what is installed, from metadata alone."""

__all__ = ["command"]

import json
import os
from collections.abc import Sequence
from dataclasses import asdict

import click

from wxml.plugins.catalog import PluginRecord, installed

SCHEMA = 1
"""The version of the JSON output; it rises when a key changes its meaning or goes away, not when one is added."""
HEADINGS = ("kind", "name", "distribution", "version", "status", "summary")
COLOURS = {"ok": "green", "disabled": "bright_black", "conflict": "yellow"}


@click.command("list-plugins")
@click.option("--kind", default="", help="Only one kind, such as processor.")
@click.option("--problems", is_flag=True, help="Only plugins that are not ok, and why.")
@click.option("--json", "as_json", is_flag=True, help="For programs: {'schema': 1, 'plugins': [...]}.")
def command(kind: str, problems: bool, as_json: bool) -> None:
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
      disabled            excluded by WXML_PLUGINS
      broken              its metadata are wrong
    """
    catalog = installed()
    records = catalog.select(catalog.known_kind(kind)) if kind else catalog.records
    if problems:
        records = tuple(record for record in records if record.status != "ok")
    if as_json:
        click.echo(_json(records))
        return
    for line in _problem_lines(records) if problems else _table(records):
        click.echo(line, color=False if "NO_COLOR" in os.environ else None)


def _json(records: Sequence[PluginRecord]) -> str:
    plugins = [{**asdict(record), "full_name": record.full_name} for record in records]
    return json.dumps({"schema": SCHEMA, "plugins": plugins}, indent=2)


def _table(records: Sequence[PluginRecord]) -> list[str]:
    """Aligned columns under headings, and how to learn more where something is not ok."""
    rows = [HEADINGS, *(tuple(str(getattr(record, heading)) for heading in HEADINGS) for record in records)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS) - 1)]
    lines = [_line(row, widths) for row in rows]
    faulty = sum(record.status not in ("ok", "disabled") for record in records)
    return [*lines, "", f"{faulty} not ok: wxml list-plugins --problems"] if faulty else lines


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=True)]
    status = HEADINGS.index("status")
    if row is not HEADINGS:
        cells[status] = click.style(cells[status], fg=COLOURS.get(row[status], "red"))
    return "  ".join([*cells, row[-1]]).rstrip()


def _problem_lines(records: Sequence[PluginRecord]) -> list[str]:
    if not records:
        return ["no problems"]
    return [f"{record.kind} {record.full_name} {record.version}: {_problem(record)}" for record in records]


def _problem(record: PluginRecord) -> str:
    status = click.style(record.status, fg=COLOURS.get(record.status, "red"))
    return f"{status}: {record.problem}"
