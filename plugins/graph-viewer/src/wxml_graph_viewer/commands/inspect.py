"""`wxml graph inspect`: what a graph is."""

__all__ = ["command"]

from pathlib import Path

import click


@click.command("inspect", short_help="Show what a graph is, and what looks wrong in it.")
@click.argument("path", type=click.Path(path_type=Path), metavar="EXPERIMENT.yaml|GRAPH.safetensors")
@click.argument("changes", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--json", "as_json", is_flag=True, help="Print all facts as JSON.")
def command(path: Path, changes: tuple[str, ...], as_json: bool) -> None:
    """Show what a graph is: nodes, spacing, edges, degrees, lengths, memory; and what looks wrong in it.

    A warning says how many nodes or edges it is about and where the first one is. It is no error: the graph may be
    meant so.

    \b
    Examples:
      wxml graph inspect experiment.yaml
      wxml graph inspect experiment.yaml graph.refinement=4 --json
      wxml graph inspect checkpoint.safetensors
    """
    from wxml.terminal import say, say_json

    from wxml_graph_viewer.inspecting.facts import describe
    from wxml_graph_viewer.inspecting.text import as_text
    from wxml_graph_viewer.opening import open_any

    facts = describe(open_any(path, changes))
    if as_json:
        say_json(facts)
    else:
        say(as_text(facts))
