"""`wxml dataset append`: the dates that a source has got since a dataset was built."""

__all__ = ["command"]

from pathlib import Path
from typing import TYPE_CHECKING

import click

from wxml_dataset_builder.commands.workers import worker_options

if TYPE_CHECKING:
    from wxml_dataset_builder.scheduling import Workers


@click.command("append", short_help="Append the dates that the source has after the last one.")
@click.argument("target", type=click.Path(path_type=Path), metavar="OUT.zarr")
@click.argument("arguments", nargs=-1, metavar="[RECIPE.yaml] [KEY=VALUE]...")
@click.option("--restart", is_flag=True, help="Begin anew, and drop what an earlier attempt left.")
@worker_options
def command(target: Path, arguments: tuple[str, ...], restart: bool, workers: "Workers") -> None:
    """Append to OUT.zarr the dates that its source has after the last one.

    The recipe is that in the dataset, unless a file is named; KEY=VALUE changes it. The dataset can be read as it was
    until all is done, and then holds what a build of all dates would hold, with statistics of all of them.

    \b
    Examples:
      wxml dataset append era5.zarr
      wxml dataset append era5.zarr recipe.yaml dates.end=2021-12-31
    """
    from wxml import split_arguments
    from wxml.terminal import say, say_path

    from wxml_dataset_builder.building import build_all
    from wxml_dataset_builder.extending import plan_of_more_dates
    from wxml_dataset_builder.kept import Kept
    from wxml_dataset_builder.plan import open_source
    from wxml_dataset_builder.reading import Reading
    from wxml_dataset_builder.recipe import changed_recipe, read_recipe
    from wxml_dataset_builder.workplace import Workplace

    place = Workplace(target.absolute())
    if not place.recover():
        kept = Kept(place.target)
        file, changes = split_arguments(arguments)
        recipe = read_recipe(file, changes) if file else changed_recipe(kept.recipe, changes)
        choice = recipe.source.model_dump(mode="json")
        source = open_source(choice)
        plan = plan_of_more_dates(kept, recipe, source)
        if plan is None:
            say(f"nothing to append: the source has no date after {kept.axis.dates[-1]}", err=True)
        else:
            build_all(place, plan, kept.grid, Reading.of(choice, source), workers, restart=restart)
    say_path(target)
