"""`wxml graph convert`: a graph for neural-lam."""

__all__ = ["command"]

from pathlib import Path

import click


@click.command("convert", short_help="Write a graph as neural-lam stores it.")
@click.argument("path", type=click.Path(path_type=Path), metavar="EXPERIMENT.yaml|GRAPH.safetensors")
@click.argument("folder", type=click.Path(path_type=Path), metavar="FOLDER")
@click.option("--overwrite", is_flag=True, help="Replace the folder if it is there.")
def command(path: Path, folder: Path, overwrite: bool) -> None:
    """Write the graph of a limited area to FOLDER, as neural-lam and weather-model-graphs store it.

    neural-lam looks for the folder `graph/<name>` beside its datastore, whose nodes must be those of the grid, in the
    same order. Places are metres on a plane, whose projection is in `metainfo.yaml`. Attributes of nodes are left out.

    \b
    Examples:
      wxml graph convert graph.safetensors graph/multiscale
    """
    from wxml.files.staging import check_absent
    from wxml.terminal import say_path

    from wxml_graph_viewer.exchange.neural_lam import write_neural_lam
    from wxml_graph_viewer.opening import open_any

    check_absent(folder, overwrite=overwrite)
    write_neural_lam(open_any(path).graph, folder, overwrite=overwrite)
    say_path(folder)
