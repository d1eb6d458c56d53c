"""`wxml verify`: scores a file of forecasts and writes a report."""

from pathlib import Path

import click


@click.command(short_help="Score forecasts against the truth.")
@click.argument("forecast", type=click.Path(path_type=Path))
@click.argument("changes", nargs=-1, metavar="[KEY=VALUE]...")
@click.option(
    "--output", "-o", type=click.Path(path_type=Path), default="scores", show_default=True, help="A new folder."
)
@click.option(
    "--truth",
    type=click.Path(path_type=Path),
    help="A file or a store with the truth; other programs' forecasts need it.  [default: the data that the forecasts "
    "started from]",
)
@click.option(
    "--config",
    "experiment",
    type=click.Path(path_type=Path),
    help="Of a forecast of another program: an experiment whose data are the truth and which says how to score.",
)
@click.option("--metric", help="The score that the table shows, such as bias.  [default: the verifier's first]")
@click.option("--overwrite", is_flag=True, help="Replace the output if it is a folder of scores that wxml wrote.")
@click.option("--json", "as_json", is_flag=True, help="Print all scores as JSON.")
def command(
    forecast: Path,
    changes: tuple[str, ...],
    output: Path,
    truth: Path | None,
    experiment: Path | None,
    metric: str | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Score forecasts against the truth, persistence and climatology.

    The truth is the data that the forecasts started from. Writes scores.nc and report.html into the output folder and
    prints a table. KEY=VALUE changes the keys
    `data.source.*` and `verification.*` of the config behind the forecast; values are YAML.

    Forecasts of other programs are scored, too: NetCDF, GRIB and zarr with initial and lead times, such as those of
    WeatherBench 2, Anemoi and Earth2Studio; a pattern in quotes names many files. The truth must be named, and
    `forecast.*` are options of the data source that reads the forecast (xarray).

    \b
    Examples:
      wxml verify forecast.zarr
      wxml verify forecast.zarr --output scores/july --metric acc
      wxml verify forecast.zarr verification.maps=0
      wxml verify forecast.zarr data.source.path=analysis.zarr verification.regrid.move=truth
      wxml verify forecast.zarr 'data.source={plugin: stations, path: synop.csv}' verification.stations.method=bilinear
      wxml verify hres.zarr --truth era5.zarr
      wxml verify 'ifs/*.grib2' --truth era5.nc 'forecast.rename={t: temperature}'
      wxml verify anemoi.nc --config experiment.yaml
    """
    from wxml.cli.verified_forecast import Named, scored
    from wxml.terminal import say
    from wxml.verification.score_table import score_table, scores_as_json

    named = Named(forecast, changes, truth, experiment)
    scores, report = scored(named, output, metric=metric, overwrite=overwrite)
    say(scores_as_json(scores) if as_json else score_table(scores, metric))
    click.echo(f"report: {report}", err=as_json)
