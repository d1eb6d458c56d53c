"""`wxml graph build`: the graph of an experiment."""

__all__ = ["command"]

from pathlib import Path

import click


@click.command("build", short_help="Build the graph of an experiment.")
@click.argument("experiment", type=click.Path(path_type=Path), metavar="EXPERIMENT.yaml")
@click.argument("changes", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--out", "-o", type=click.Path(path_type=Path), help="Write the graph to this .safetensors file.")
@click.option("--overwrite", is_flag=True, help="Replace the file if it is there.")
def command(experiment: Path, changes: tuple[str, ...], out: Path | None, overwrite: bool) -> None:
    """Build the graph of EXPERIMENT.yaml, as `wxml train` does, and tell what it is.

    Only the grid of the data is read. A graph that takes longer than a second to build is kept in the cache, where
    trainings find it; if several processes want the same one, one builds it and the others wait.

    \b
    Examples:
      wxml graph build experiment.yaml
      wxml graph build experiment.yaml graph.refinement=5 --out graph.safetensors
    """
    from wxml.files.staging import check_absent
    from wxml.graphs.files import save_graph
    from wxml.terminal import Progress, say, say_path

    from wxml_graph_viewer.inspecting.facts import describe
    from wxml_graph_viewer.inspecting.text import as_text
    from wxml_graph_viewer.opening import build_graph
    from wxml_graph_viewer.suffixes import check_suffix

    if out is not None:
        check_suffix(out, (".safetensors",), "--out")
        check_absent(out, overwrite=overwrite)
    shown = Progress("graph", 2)
    shown.update(0, "the data are opened, and the graph is built")
    opened = build_graph(experiment, changes)
    shown.update(1, "it is looked at" if out is None else "it is written")
    if out is None:
        text = as_text(describe(opened))
    else:
        save_graph(out, opened.graph, opened.record, overwrite=overwrite)
    shown.update(2, "done")
    shown.close()
    if out is None:
        say(text)
    else:
        say_path(out)
