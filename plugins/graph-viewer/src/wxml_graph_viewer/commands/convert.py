"""`wxml graph convert`: a graph for neural-lam, or one from there."""

__all__ = ["command"]

from pathlib import Path

import click


@click.command("convert", short_help="Write a graph as neural-lam stores it, or read one.")
@click.argument("path", type=click.Path(path_type=Path), metavar="EXPERIMENT.yaml|GRAPH.safetensors|FOLDER")
@click.argument("target", type=click.Path(path_type=Path), metavar="FOLDER|GRAPH.safetensors")
@click.option("--projection", metavar="PROJ", help="Of a FOLDER that does not say it: the plane of its places.")
@click.option("--overwrite", is_flag=True, help="Replace the target if it is there.")
def command(path: Path, target: Path, projection: str | None, overwrite: bool) -> None:
    """Write the graph of a limited area to a FOLDER, as neural-lam and weather-model-graphs store it.

    If the first argument is such a folder, its graph is written to GRAPH.safetensors instead.

    neural-lam looks for the folder `graph/<name>` beside its datastore, whose nodes must be those of the grid, in the
    same order. Places are metres on a plane, whose projection is in `metainfo.yaml`. Attributes of nodes are left out.
    weather-model-graphs does not write the projection there: give it with --projection.

    \b
    Examples:
      wxml graph convert graph.safetensors graph/multiscale
      wxml graph convert graph/multiscale graph.safetensors
      wxml graph convert graph/lcc graph.safetensors --projection '+proj=lcc +lat_0=56 +lat_1=56 +lon_0=10 +R=6371000'
    """
    from wxml.errors import ArtefactError
    from wxml.files.staging import check_absent
    from wxml.graphs.files import save_graph
    from wxml.terminal import say_path

    from wxml_graph_viewer.exchange.neural_lam import write_neural_lam
    from wxml_graph_viewer.exchange.neural_lam_reading import read_neural_lam
    from wxml_graph_viewer.opening import open_any

    check_absent(target, overwrite=overwrite)
    if path.is_dir():
        if target.suffix != ".safetensors":
            raise ArtefactError(
                f"the graph of the folder `{path}` is written to a file `.safetensors`, got `{target}`",
                fix=f"name it `{target.with_suffix('.safetensors')}`",
            )
        record = {"artefact": "graph", "from": "neural-lam", "folder": path.name, "projection": projection}
        save_graph(target, read_neural_lam(path, projection), record, overwrite=overwrite)
    elif projection is not None and path.exists():
        raise ArtefactError(
            f"`--projection` belongs to a folder that neural-lam reads, got `{path}`", fix="leave `--projection` out"
        )
    else:
        write_neural_lam(open_any(path).graph, target, overwrite=overwrite)
    say_path(target)
