"""`wxml new-plugin`: from nothing to the repository of a plugin that works."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from wxml_new_plugin.request import NewPlugin


@click.command("new-plugin", short_help="Start the repository of a plugin.")
@click.argument("arguments", nargs=-1, metavar="NAME KIND[:PLUGIN]...")
@click.option("--directory", type=click.Path(path_type=Path), help="A new folder for the repository.  [default: NAME]")
@click.option("--into", type=click.Path(path_type=Path), help="A repository that is there; NAME is then left out.")
def command(arguments: tuple[str, ...], directory: Path | None, into: Path | None) -> None:
    """Write a complete repository for plugins that work: code, tests, packaging, CI, licence.

    NAME becomes the name of the distribution. KIND is processor, mapper, graph-builder, data-source, forcing,
    transform, task, trainer, loss, loss-weight, optimizer, schedule, metric, callback, tracker, forecast-writer,
    perturbation, state-filter, verifier, verification-metric, extension, hook, command, preset, kind (a kind of your
    own), migration, or a kind of another package that brings templates. PLUGIN is the name of the plugin in a config;
    without it, it is NAME.

    With --into, the plugins are added to the repository in a folder: their files, their entry points and requirements
    in its pyproject.toml, of which all else stays. No file is written over. Either all is written or nothing.

    \b
    Examples:
      wxml new-plugin processor acme-window-attention
      wxml new-plugin acme-weather processor:afno command:acme-means preset:acme-small
      wxml new-plugin --into ~/src/acme-weather transform:acme-asinh
    """
    from wxml_new_plugin.plugin_name import DistributionName
    from wxml_new_plugin.repository import add_plugins, new_repository, read_name
    from wxml_new_plugin.request import parse_plugins, split_name

    if into is not None:
        if directory is not None:
            raise click.UsageError(
                "--directory makes a new folder, --into adds to one that is there: write one of them"
            )
        name = read_name(into)
        plugins = parse_plugins(arguments, name, into=True)
        folder, files = into, add_plugins(name, plugins, into)
    else:
        given, kinds = split_name(arguments)
        name = DistributionName.parse(given)
        plugins = parse_plugins(kinds, name)
        folder = directory or Path(name.name)
        files = new_repository(name, plugins, folder)
    _warn(plugins)
    following = (
        f"cd {folder}",
        "python -m pip install --editable '.[test]'",
        "python -m pytest",
        *dict.fromkeys(line for plugin in plugins for line in plugin.next),
    )
    indented = [*(f"  {path}" for path in files), "", "next:", *(f"  {line}" for line in following)]
    click.echo("\n".join([f"wrote {folder}" if into is None else f"added to {folder}", *indented]))


def _warn(plugins: "Sequence[NewPlugin]") -> None:
    """Tell of plugins that have the name of a new one, and of commands of wxml itself."""
    from wxml_new_plugin.plugin_name import taken

    context = click.get_current_context().find_root()
    commands = context.command.list_commands(context) if isinstance(context.command, click.Group) else []
    for plugin in plugins:
        others = taken(plugin.kind, f"model/{plugin.name}" if plugin.kind == "preset" else plugin.name)
        for other in others:
            told = f"there is a {plugin.kind} {other} already; a config must then write both names in full"
            click.echo(f"warning: {told}", err=True)
        if plugin.kind == "command" and not others and plugin.name in commands:
            click.echo(f"warning: {plugin.name} is a command of wxml, which yours cannot replace", err=True)
