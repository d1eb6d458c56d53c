"""`wxml graph`: builds graphs, looks at them, draws and converts them."""

import click

from wxml_graph_viewer.commands.build import command as build
from wxml_graph_viewer.commands.convert import command as convert
from wxml_graph_viewer.commands.inspect import command as inspect
from wxml_graph_viewer.commands.plot import command as plot

COMMANDS = (build, inspect, plot, convert)


@click.group("graph", short_help="Build a graph, look at it, draw it, or convert it.")
def command() -> None:
    """Build a graph, look at it, draw it, or convert it.

    A graph is given by an experiment (.yaml), by a file of `wxml graph build`, or by a checkpoint.
    """


for one in COMMANDS:
    command.add_command(one)
