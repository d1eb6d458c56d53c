"""`wxml show-plugin`: shows one plugin, its options, and an example for a config."""

__all__ = ["command"]

import inspect
from typing import Any

import click

from wxml.plugins.catalog import PluginRecord
from wxml.plugins.load import load
from wxml.plugins.options.deprecated import deprecation_of
from wxml.plugins.options.model import describe_options, options_json_schema, options_model
from wxml.plugins.resolve import resolve
from wxml.plugins.summary import summary
from wxml.terminal import columns, say, say_json

PLACES = {
    "callback": ("training", "callbacks"),
    "data-source": ("data", "source"),
    "extension": ("extensions",),
    "forcing": ("data", "forcings"),
    "forecast-writer": ("forecast", "writer"),
    "graph-builder": ("graph",),
    "loss": ("training", "loss"),
    "loss-weight": ("training", "loss_weights"),
    "mapper": ("model", "encoder"),
    "metric": ("training", "metrics"),
    "optimizer": ("training", "optimizer"),
    "perturbation": ("forecast", "perturbations"),
    "processor": ("model", "processor"),
    "schedule": ("training", "schedule"),
    "state-filter": ("forecast", "filters"),
    "task": ("data", "task"),
    "tracker": ("training", "tracker"),
    "trainer": ("training",),
    "transform": ("data", "transforms"),
    "verification-metric": ("verification", "metrics"),
    "verifier": ("verification",),
}
"""The keys under which a config chooses a plugin of a kind; a kind of another package stands in options of its own."""
LISTS = ("callbacks", "filters", "forcings", "loss", "metrics", "perturbations", "transforms")
"""Keys under which a config chooses several plugins, in order."""
NAMED = ("extension", "loss-weight")
"""Kinds of which a config has a section for each plugin, under its name."""


@click.command("show-plugin")
@click.argument("kind")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="The JSON schema of the options.")
def command(kind: str, name: str, as_json: bool) -> None:
    """Show the plugin NAME of a KIND: what it does, its options, and an example for a config.

    \b
    Example:
      wxml show-plugin processor gnn
    """
    record = resolve(kind, name)
    plugin = load(record)
    if as_json:
        say_json(options_json_schema(plugin))
        return
    rows = describe_options(plugin)
    heading = [
        f"{record.kind} {record.name}: {summary(record)}",
        "",
        f"provided by  {record.provider}",
        f"full name    {record.full_name}",
        *([f"deprecated   {mark.sentence.removeprefix('deprecated ')}"] if (mark := deprecation_of(plugin)) else []),
        f"source       {inspect.getsourcefile(plugin) or 'unknown'}",
    ]
    cells = [
        (row.name, row.type, "required" if row.default is None else row.default, row.constraint, row.description)
        for row in rows
    ]
    table = columns([("option", "type", "default", "constraint", "description"), *cells]) if rows else ["no options"]
    for paragraph in ("\n".join(heading), "\n".join(table), _example(record, plugin)):
        say(paragraph + "\n")


def _example(record: PluginRecord, plugin: type) -> str:
    """The part of a config that chooses the plugin, with each option; a comment names those that have no default."""
    from wxml.files.yaml_loader import yaml_text
    from wxml.plugins.options.example import example_options

    required = [name for name, field in options_model(plugin).model_fields.items() if field.is_required()]
    comment = f"\n# give a value of your own: {', '.join(required)}" if required else ""
    name = record.full_name if record.status == "conflict" else record.name
    options = example_options(plugin)
    block: Any = {name: options} if record.kind in NAMED else {"plugin": name, **options}
    for key in reversed(PLACES.get(record.kind, ())):
        block = {key: [block] if key in LISTS else block}
    where = "" if record.kind in PLACES else f", where it chooses a plugin of the kind {record.kind}"
    return f"in a config{where}:\n\n{yaml_text(block)}{comment}"
