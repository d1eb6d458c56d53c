"""`wxml dataset finalise`: one dataset of the parts that several machines have built."""

__all__ = ["command"]

from pathlib import Path
from typing import TYPE_CHECKING

import click

from wxml_dataset_builder.commands.workers import worker_options

if TYPE_CHECKING:
    from wxml_dataset_builder.scheduling import Workers


@click.command("finalise", short_help="Make a dataset of the parts that were built.")
@click.argument("target", type=click.Path(path_type=Path), metavar="OUT.zarr")
@click.option("--overwrite", is_flag=True, help="Replace OUT.zarr.")
@worker_options
def command(target: Path, overwrite: bool, workers: "Workers") -> None:
    """Make the dataset OUT.zarr of the parts that `wxml dataset build --part I/N` has built, with statistics.

    \b
    Example:
      wxml dataset finalise era5.zarr
    """
    from wxml.terminal import say_path

    from wxml_dataset_builder.building import finalise
    from wxml_dataset_builder.workplace import Workplace

    finalise(Workplace(target.absolute()), workers, overwrite=overwrite)
    say_path(target)
