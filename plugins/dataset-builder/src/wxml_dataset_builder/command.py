"""`wxml dataset`: builds datasets for training, looks at them, and changes them."""

import click

from wxml_dataset_builder.commands.add_variables import command as add_variables
from wxml_dataset_builder.commands.append import command as append
from wxml_dataset_builder.commands.build import command as build
from wxml_dataset_builder.commands.compare import command as compare
from wxml_dataset_builder.commands.copy import command as copy
from wxml_dataset_builder.commands.finalise import command as finalise
from wxml_dataset_builder.commands.inspect import command as inspect
from wxml_dataset_builder.commands.validate import command as validate

COMMANDS = (build, finalise, append, add_variables, inspect, validate, compare, copy)


@click.group("dataset", short_help="Build a dataset for training, look at it, or change it.")
def command() -> None:
    """Build a dataset for training, look at it, or change it.

    A dataset is a zarr store in the layout of anemoi-datasets. Experiments read it with
    `data.source: {plugin: anemoi, path: OUT.zarr}`.
    """


for one in COMMANDS:
    command.add_command(one)
