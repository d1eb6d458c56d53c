"""`wxml graph plot`: a picture of a graph."""

__all__ = ["command"]

from pathlib import Path

import click


@click.command("plot", short_help="Draw a graph on a map or on a globe.")
@click.argument("path", type=click.Path(path_type=Path), metavar="EXPERIMENT.yaml|GRAPH.safetensors")
@click.argument("changes", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--out", "-o", type=click.Path(path_type=Path), help="The map, .png or .svg [default: beside, .png].")
@click.option("--html", type=click.Path(path_type=Path), help="Write a page with a globe to turn, .html.")
@click.option("--nodes", multiple=True, metavar="NAME", help="Node sets: names, `all` or `none` [default: all].")
@click.option(
    "--edges", multiple=True, metavar="SOURCE/TARGET", help="Edge sets, `all` or `none` [default: mesh/mesh]."
)
@click.option("--colour", default="", metavar="VALUE", help="`edges in`, `edges out`, an attribute, or `length`.")
@click.option(
    "--projection",
    type=click.Choice(["auto", "globe", "area", "world"]),
    default="auto",
    help="auto: globe, or area if the nodes do not span the globe.",
)
@click.option(
    "--centre", metavar="NORTH,EAST", help="The place in the middle, in degrees [default: that of the nodes]."
)
@click.option("--overwrite", is_flag=True, help="Replace a file that is there.")
def command(
    path: Path,
    changes: tuple[str, ...],
    out: Path | None,
    html: Path | None,
    nodes: tuple[str, ...],
    edges: tuple[str, ...],
    colour: str,
    projection: str,
    centre: str | None,
    overwrite: bool,
) -> None:
    """Draw a graph on a map, or with --html on a globe to turn.

    The page of --html is one file that needs no other file and no network: it turns and comes nearer, shows and hides
    sets of nodes and edges, colours them, and tells number and place of the node under the pointer. Of a graph with
    more than 300 000 nodes or 1 200 000 edges it holds an even part, and says so.

    \b
    Examples:
      wxml graph plot experiment.yaml --out graph.svg --edges mesh/mesh --edges grid/mesh
      wxml graph plot graph.safetensors --colour area --projection world
      wxml graph plot checkpoint.safetensors --html graph.html
    """
    from wxml.files.staging import check_absent
    from wxml.terminal import Progress, say_path

    from wxml_graph_viewer.chosen import choose
    from wxml_graph_viewer.drawing.view import centred, seen_from
    from wxml_graph_viewer.opening import open_any
    from wxml_graph_viewer.suffixes import check_suffix

    is_map = html is None or out is not None
    picture = out or Path(f"{path.stem}.png")
    wanted: list[tuple[Path, str, tuple[str, ...]]] = [(picture, "--out", (".png", ".svg"))] if is_map else []
    wanted += [(html, "--html", (".html",))] if html is not None else []
    for target, option, suffixes in wanted:
        check_suffix(target, suffixes, option)
        check_absent(target, overwrite=overwrite)
    shown = Progress("plot", 1 + len(wanted))
    shown.update(0, "the graph is opened")
    opened = open_any(path, changes)
    chosen, view = choose(opened.graph, nodes, edges), seen_from(opened.graph)
    view = centred(view, centre) if centre else view
    if is_map:
        from wxml_graph_viewer.drawing.map import write_map
        from wxml_graph_viewer.drawing.projection import projection_of

        shown.update(1, "the map is drawn")
        write_map(opened, chosen, projection_of(projection, view), picture, colour=colour, overwrite=overwrite)
    if html is not None:
        from wxml_graph_viewer.globe.page import write_page

        shown.update(len(wanted), "the page is written")
        write_page(opened, chosen, view, html, overwrite=overwrite)
    shown.update(1 + len(wanted), "done")
    shown.close()
    for target, _, _ in wanted:
        say_path(target)
