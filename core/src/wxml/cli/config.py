"""`wxml config`: show, explain and check a config."""

import json
from typing import Any

import click

from wxml.terminal import columns


@click.group("config")
def command() -> None:
    """Show, explain or check the configuration of an experiment.

    Without an experiment file they use the built-in demo. Changes are written as in Hydra.
    """


@command.command()
@click.argument("arguments", nargs=-1, metavar="[EXPERIMENT.yaml] [KEY=VALUE]...")
@click.option("--origin", is_flag=True, help="A table of every value and the layer that set it.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON instead of YAML or a table.")
def show(arguments: tuple[str, ...], origin: bool, as_json: bool) -> None:
    """Show the whole config, all layers merged; no plugin is imported.

    \b
    Examples:
      wxml config show experiment.yaml training.max_steps=10
      wxml config show experiment.yaml --origin
    """  # \b is click's mark for lines that stay as they are
    from wxml.config.arguments import split_arguments
    from wxml.config.load import read_config

    loaded = read_config(*split_arguments(arguments))
    if origin:
        click.echo(_origins(loaded, as_json))
        return
    values = loaded.config.model_dump(mode="json")
    click.echo(json.dumps(values, indent=2) if as_json else _yaml(values))


@command.command()
@click.argument("path")
@click.argument("arguments", nargs=-1, metavar="[EXPERIMENT.yaml] [KEY=VALUE]...")
def explain(path: str, arguments: tuple[str, ...]) -> None:
    """Explain what can be written at PATH: the options of the plugin chosen there, or the keys of a section.

    \b
    Examples:
      wxml config explain model.processor experiment.yaml
      wxml config explain data.split
    """
    from wxml.config.arguments import split_arguments
    from wxml.config.compose import compose
    from wxml.config.explain import explain as explain_place

    explanation = explain_place(compose(*split_arguments(arguments)), path)
    rows = [
        (
            key.option.name,
            key.option.type,
            key.option.constraint,
            _default(key),
            key.value,
            key.origin,
            key.option.description,
        )
        for key in explanation.keys
    ]
    header = ("key", "type", "constraint", "default", "value", "from", "description")
    click.echo("\n".join([explanation.heading, "", *columns([header, *rows])]))


@command.command()
@click.argument("arguments", nargs=-1, metavar="[EXPERIMENT.yaml] [KEY=VALUE]...")
@click.option("--json", "as_json", is_flag=True, help="Write the result as JSON.")
@click.pass_context
def validate(context: click.Context, arguments: tuple[str, ...], as_json: bool) -> None:
    """Check a config, the options of its plugins too, and report every fault; exit code 2 if there are any.

    \b
    Examples:
      wxml config validate experiment.yaml
      wxml config validate experiment.yaml model.processor.num_layers=8
    """
    from wxml.config.arguments import split_arguments
    from wxml.config.load import load_config
    from wxml.errors import ConfigError

    try:
        load_config(*split_arguments(arguments))
    except ConfigError as error:
        if not as_json:
            raise
        faults = [{"path": fault.key, "message": fault.message, "location": fault.location} for fault in error.faults]
        click.echo(json.dumps({"valid": False, "faults": faults}, indent=2))
        context.exit(error.exit_code)
    click.echo(json.dumps({"valid": True, "faults": []}) if as_json else "config is valid")


def _origins(loaded: Any, as_json: bool) -> str:
    from wxml.config.explain import origin_rows

    rows = origin_rows(loaded)
    if as_json:
        return json.dumps([{"path": row.path, "value": row.value, "origin": row.origin} for row in rows], indent=2)
    cells = [(row.path, json.dumps(row.value, ensure_ascii=False), row.origin) for row in rows]
    return "\n".join(columns([("key", "value", "from"), *cells]))


def _default(key: Any) -> str:
    return "required" if key.option.default is None else str(key.option.default)


def _yaml(values: Any) -> str:
    """YAML in the order of the schema, short lists on one line."""
    import yaml

    return str(yaml.safe_dump(values, sort_keys=False, allow_unicode=True, default_flow_style=None, width=100)).rstrip()
