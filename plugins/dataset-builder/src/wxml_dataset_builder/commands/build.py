"""`wxml dataset build`: a dataset from a recipe."""

__all__ = ["command"]

from pathlib import Path
from typing import TYPE_CHECKING

import click

from wxml_dataset_builder.commands.workers import worker_options

if TYPE_CHECKING:
    from wxml_dataset_builder.scheduling import Workers


@click.command("build", short_help="Build a dataset from a recipe, or go on with one.")
@click.argument("recipe", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="RECIPE.yaml")
@click.argument("target", type=click.Path(path_type=Path), metavar="OUT.zarr")
@click.argument("changes", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--part", metavar="I/N", help="Build only this part of N; `wxml dataset finalise` makes one of all.")
@click.option("--overwrite", is_flag=True, help="Replace OUT.zarr, once the new one is whole.")
@click.option("--restart", is_flag=True, help="Begin anew, and drop what an earlier build left.")
@worker_options
def command(
    recipe: Path,
    target: Path,
    changes: tuple[str, ...],
    part: str | None,
    overwrite: bool,
    restart: bool,
    workers: "Workers",
) -> None:
    """Build the dataset OUT.zarr from RECIPE.yaml, or from the `data.source` of an experiment.

    It is built in a folder beside OUT.zarr and gets its name when it is whole. The same command goes on with a build
    that was stopped or killed.

    \b
    Keys of a recipe, with their defaults:
      source: {plugin: NAME, …}                 as `data.source` of an experiment
      dates: {start, end, frequency, missing}   those of the source; `missing: [dates]` or `any`
      output: {format: zarr3, dtype: float32, chunks: {dates: 1}, shards, compression: zstd}
      statistics: {start, end, tendencies: []}  such as `tendencies: [6h, 24h]`
      description, licence, attribution         texts

    \b
    Examples:
      wxml dataset build recipe.yaml era5.zarr
      wxml dataset build experiment.yaml era5.zarr dates.end=2019-12-31
      wxml dataset build recipe.yaml era5.zarr --part 3/16
    """
    from wxml.artefacts.replacement import source_paths
    from wxml.terminal import say_path

    from wxml_dataset_builder.building import begin, build_part, finalise
    from wxml_dataset_builder.part import Part, parse_part
    from wxml_dataset_builder.plan import make_plan, open_source
    from wxml_dataset_builder.reading import Reading
    from wxml_dataset_builder.recipe import read_recipe
    from wxml_dataset_builder.replaceable import check_replaceable
    from wxml_dataset_builder.workplace import Workplace

    chosen = parse_part(part) if part else None
    place = Workplace(target.absolute())
    if place.recover():
        say_path(target)
        return
    wanted = read_recipe(recipe, changes)
    check_replaceable(place.target, (recipe, *source_paths(wanted.source)), overwrite=overwrite)
    choice = wanted.source.model_dump(mode="json")
    source = open_source(choice)
    begin(place, make_plan(wanted, source.header, source.provenance()), source.header.grid, restart=restart)
    build_part(place, Reading.of(choice, source), chosen or Part(), workers)
    if chosen is None:
        finalise(place, workers, overwrite=overwrite)
        say_path(target)
