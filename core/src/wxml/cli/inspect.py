"""`wxml inspect`: shows the inputs and the plugins that an artefact was made from."""

from pathlib import Path

import click


@click.command(short_help="Show what an artefact was made of.")
@click.argument("artefact", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the whole record as JSON.")
def command(artefact: Path, as_json: bool) -> None:
    """Show the chain behind a checkpoint, a forecast or a folder of scores.

    \b
    Examples:
      wxml inspect runs/demo/checkpoint.safetensors
      wxml inspect forecast.zarr --json
    """
    from wxml.artefacts.formats import read_provenance
    from wxml.artefacts.lineage import lineage
    from wxml.terminal import say, say_json

    record = read_provenance(artefact)
    if as_json:
        say_json(record.to_dict())
    else:
        say(lineage(record, str(artefact)))
