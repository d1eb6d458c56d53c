"""`wxml dataset add-variables`: the variables of another source beside those of a dataset."""

__all__ = ["command"]

from pathlib import Path
from typing import TYPE_CHECKING

import click

from wxml_dataset_builder.commands.workers import worker_options

if TYPE_CHECKING:
    from wxml_dataset_builder.scheduling import Workers


@click.command("add-variables", short_help="Add the variables of another source.")
@click.argument("target", type=click.Path(path_type=Path), metavar="OUT.zarr")
@click.argument("recipe", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="SOURCE.yaml")
@click.argument("changes", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--restart", is_flag=True, help="Begin anew, and drop what an earlier attempt left.")
@worker_options
def command(target: Path, recipe: Path, changes: tuple[str, ...], restart: bool, workers: "Workers") -> None:
    """Add the variables of a source to OUT.zarr, at its dates; SOURCE.yaml holds `source: {plugin: NAME, …}` alone.

    The source must have every date of the dataset that is not missing, its nodes in any order, and its members. The
    dataset can be read as it was until all is done.

    \b
    Example:
      wxml dataset add-variables era5.zarr soil.yaml
    """
    from wxml.terminal import say_path

    from wxml_dataset_builder.building import build_all
    from wxml_dataset_builder.extending import plan_of_more_variables
    from wxml_dataset_builder.kept import Kept
    from wxml_dataset_builder.plan import open_source
    from wxml_dataset_builder.reading import Reading
    from wxml_dataset_builder.recipe import read_source
    from wxml_dataset_builder.workplace import Workplace

    place = Workplace(target.absolute())
    if not place.recover():
        kept, choice = Kept(place.target), read_source(recipe, changes)
        source = open_source(choice)
        plan = plan_of_more_variables(kept, choice, source)
        build_all(place, plan, kept.grid, Reading.of(choice, source), workers, restart=restart)
    say_path(target)
