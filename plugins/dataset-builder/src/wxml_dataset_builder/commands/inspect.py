"""`wxml dataset inspect`: what a dataset is."""

__all__ = ["command"]

from pathlib import Path

import click


@click.command("inspect", short_help="Show what a dataset is.")
@click.argument("path", type=click.Path(path_type=Path))
@click.argument("changes", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--json", "as_json", is_flag=True, help="Print all facts as JSON.")
@click.option(
    "--html", type=click.Path(path_type=Path), help="Write one page, with a map and a series of each variable."
)
@click.option("--overwrite", is_flag=True, help="Replace the page if it is there.")
def command(path: Path, changes: tuple[str, ...], as_json: bool, html: Path | None, overwrite: bool) -> None:
    """Show what a dataset is: grid, dates, gaps, variables, units, statistics, size, chunks, history.

    PATH may also be a recipe or an experiment (.yaml), with changes KEY=VALUE: then its source is shown. No field is
    read without --html; the page shows the last date, and means and ranges of at most 200 dates. It needs no other
    file and no network.

    \b
    Examples:
      wxml dataset inspect era5.zarr
      wxml dataset inspect era5.zarr --html era5.html
      wxml dataset inspect recipe.yaml --json
    """
    from wxml.terminal import say, say_json, say_path

    from wxml_dataset_builder.describing.facts import describe
    from wxml_dataset_builder.describing.text import as_text
    from wxml_dataset_builder.opening import open_any

    opened = open_any(path, changes)
    facts = describe(opened)
    if as_json:
        say_json(facts)
    elif html is None:
        say(as_text(facts))
    if html is not None:
        from wxml_dataset_builder.describing.page import write_page

        write_page(opened.source, facts, html, overwrite=overwrite)
        say_path(html)
