"""`wxml config`: show, explain and check a config."""

import json
from collections.abc import Sequence

import click

from wxml.terminal import columns, say, say_json


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
    from wxml.config.load import read_config
    from wxml.config.overrides import split_arguments
    from wxml.config.tree import DEFAULT, leaves, tree_of
    from wxml.files.yaml_loader import path_text, yaml_text
    from wxml.masking import masked_values

    loaded = read_config(*split_arguments(arguments))
    values = masked_values(loaded.config.model_dump(mode="json"))
    if not origin:
        if as_json:
            say_json(values)
        else:
            click.echo(yaml_text(values, flow=None))  # wxml reads it again, so YAML's own escapes stand in it
        return
    found = [(path_text(path), leaf.plain()) for path, leaf in leaves(tree_of(values, DEFAULT))]
    rows = [{"path": path, "value": value, "origin": loaded.origins[path]} for path, value in found]
    cells = [(row["path"], json.dumps(row["value"], ensure_ascii=False), row["origin"]) for row in rows]
    table = columns([("key", "value", "from"), *cells])
    if as_json:
        say_json(rows)
    else:
        say("\n".join(table))


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
    from wxml.config.compose import compose
    from wxml.config.explain import explain as explain_place
    from wxml.config.overrides import split_arguments

    explanation = explain_place(compose(*split_arguments(arguments)), path)
    rows = [
        (
            key.option.name,
            key.option.type,
            key.option.constraint,
            "required" if key.option.default is None else key.option.default,
            key.value,
            key.origin,
            key.option.description,
        )
        for key in explanation.keys
    ]
    header = ("key", "type", "constraint", "default", "value", "from", "description")
    say("\n".join([explanation.heading, "", *columns([header, *rows])]))


@command.command()
@click.argument("arguments", nargs=-1, metavar="[EXPERIMENT.yaml] [KEY=VALUE]...")
@click.option(
    "--data", "with_data", is_flag=True, help="Open the data, too: periods, samples, gaps and missing values."
)
@click.option("--json", "as_json", is_flag=True, help="Write the result as JSON.")
@click.pass_context
def validate(context: click.Context, arguments: tuple[str, ...], with_data: bool, as_json: bool) -> None:
    """Check a config, the options of its plugins too, and report every fault; exit code 2 if there are any.

    With --data it opens the data and says of each period how many samples fit into it and which of them lack an input.
    The values are read once; the statistics are kept for the training.

    \b
    Examples:
      wxml config validate experiment.yaml
      wxml config validate experiment.yaml model.processor.num_layers=8
      wxml config validate experiment.yaml --data
    """
    from wxml.config.load import load_config
    from wxml.config.overrides import split_arguments
    from wxml.errors import ConfigError

    try:
        load_config(*split_arguments(arguments))
    except ConfigError as error:
        if not as_json:
            raise
        faults = [{"path": fault.key, "message": fault.message, "location": fault.location} for fault in error.faults]
        say_json({"valid": False, "faults": faults})
        context.exit(error.exit_code)
    if with_data:
        _say_data(arguments, as_json=as_json)
        return
    click.echo(json.dumps({"valid": True, "faults": []}) if as_json else "config is valid")


def _say_data(arguments: Sequence[str], *, as_json: bool) -> None:
    """Print what the data of a valid config hold."""
    from wxml.config.overrides import split_arguments
    from wxml.training.data_report import check_data, data_error, report_lines

    report = check_data(*split_arguments(arguments))
    if as_json:
        say_json({"valid": not report.problems, "faults": [], "data": report.to_dict()})
    else:
        say("\n".join(report_lines(report)))
    if report.problems:
        raise data_error(report)
    if not as_json:
        click.echo("config and data are valid")
