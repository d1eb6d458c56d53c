"""`wxml verify`: scores a file of forecasts and writes a report."""

from pathlib import Path

import click


@click.command(short_help="Score forecasts against the truth.")
@click.argument("forecast", type=click.Path(path_type=Path))
@click.argument("changes", nargs=-1, metavar="[KEY=VALUE]...")
@click.option(
    "--output", "-o", type=click.Path(path_type=Path), default="scores", show_default=True, help="A new folder."
)
@click.option("--metric", help="The score that the table shows, such as bias.  [default: the verifier's first]")
@click.option("--overwrite", is_flag=True, help="Replace the output if it is a folder of scores that wxml wrote.")
@click.option("--json", "as_json", is_flag=True, help="Print all scores as JSON.")
def command(
    forecast: Path, changes: tuple[str, ...], output: Path, metric: str | None, overwrite: bool, as_json: bool
) -> None:
    """Score forecasts against the truth, persistence and climatology.

    The truth is the data that the forecasts started from. Writes scores.nc and report.html into the output folder and
    prints a table. KEY=VALUE changes the keys
    `data.source.*` and `verification.*` of the config behind the forecast; values are YAML.

    \b
    Examples:
      wxml verify forecast.zarr
      wxml verify forecast.zarr --output scores/july --metric acc
      wxml verify forecast.zarr verification.maps=0
    """
    from wxml.artefacts.source_changes import read_changes
    from wxml.terminal import say
    from wxml.verification.job import verify
    from wxml.verification.score_table import score_table, scores_as_json

    changed = read_changes(forecast, changes, ("data.source", "verification"))
    scores, report = verify(forecast, output, metric=metric, changed=changed, overwrite=overwrite)
    say(scores_as_json(scores) if as_json else score_table(scores, metric))
    click.echo(f"report: {report}", err=as_json)
