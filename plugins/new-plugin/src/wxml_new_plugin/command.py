"""`wxml new-plugin`: from nothing to the repository of a plugin that works."""

from pathlib import Path

import click


@click.command("new-plugin", short_help="Start the repository of a plugin.")
@click.argument("kind")
@click.argument("name")
@click.option("--directory", type=click.Path(path_type=Path), help="A new folder for the repository.  [default: NAME]")
def command(kind: str, name: str, directory: Path | None) -> None:
    """Write a complete repository for a plugin that works: code, tests, packaging, CI, licence.

    KIND is processor, mapper, graph-builder, data-source or forecast-writer. NAME becomes the name of the distribution
    and of the plugin in a config.

    \b
    Examples:
      wxml new-plugin processor acme-window-attention
      wxml new-plugin data-source acme-archive --directory ~/src/acme-archive
    """
    from wxml_new_plugin.plugin_name import PluginName, taken
    from wxml_new_plugin.repository import new_repository, plugin_kind

    kind, parsed = plugin_kind(kind), PluginName.parse(name)
    folder = directory or Path(parsed.name)
    files = new_repository(kind, parsed, folder)
    for other in taken(kind, parsed.name):
        click.echo(f"warning: there is a {kind} {other} already; a config must then write both names in full", err=True)
    following = (
        f"cd {folder}",
        "python -m pip install --editable '.[test]'",
        "python -m pytest",
        f"wxml check-plugin {kind} {parsed.name}",
        "wxml train experiment.yaml",
    )
    indented = [*(f"  {path}" for path in files), "", "next:", *(f"  {line}" for line in following)]
    click.echo("\n".join([f"wrote {folder}", *indented]))
