"""`wxml checkpoint`: what is done to checkpoints."""

import logging
from pathlib import Path

import click


@click.group("checkpoint")
def command() -> None:
    """Bring a checkpoint to the installed versions of its plugins."""


@command.command()
@click.argument("source", metavar="IN", type=click.Path(path_type=Path))
@click.argument("target", metavar="OUT", type=click.Path(path_type=Path))
@click.option("--overwrite", is_flag=True, help="Replace OUT, which may be IN, if it is a checkpoint that wxml wrote.")
@click.option("--accept", is_flag=True, help="Record the installed packages as those that OUT runs with.")
def migrate(source: Path, target: Path, overwrite: bool, accept: bool) -> None:
    """Write the checkpoint IN to OUT, with the migrations that the installed plugins bring for earlier versions.

    `wxml forecast` applies them as well, each time that it reads IN. OUT has checksums of its own, and its record has
    the migrations and that of IN; if there is nothing to migrate, OUT has the content of IN. With --accept, the record
    has the installed packages in place of those that made IN, for the profile `operations`: compare forecasts first.

    \b
    Examples:
      wxml checkpoint migrate model.safetensors model-2.safetensors
      wxml checkpoint migrate model.safetensors model.safetensors --overwrite
      wxml checkpoint migrate model.safetensors model-2.safetensors --accept
    """
    from wxml.artefacts.migrated import migrate_file
    from wxml.terminal import say_path

    if not migrate_file(source, target, overwrite=overwrite, accept=accept):
        logging.getLogger("wxml").info("the installed plugins bring no migrations that `%s` needs", source)
    say_path(target)
