"""`wxml verify`: scores a file of forecasts and writes a report."""

from pathlib import Path

import click

FAILED = 5
"""The exit code where a score does not keep a limit of `--require`."""


@click.command(short_help="Score forecasts against the truth.")
@click.argument("forecast", type=click.Path(path_type=Path))
@click.argument("more", nargs=-1, metavar="[FORECAST]... [KEY=VALUE]...")
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
@click.option(
    "--require",
    "required",
    multiple=True,
    metavar="REQUIREMENT",
    help="A limit that a score must keep, such as 'rmse:t_850:24h<1.2'; may be given several times.",
)
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Score the cases on the workers of a scheduler of dask.distributed, like tcp://host:8786, which see the same "
    "files.",
)
@click.option("--overwrite", is_flag=True, help="Replace the output if it is a folder of scores that wxml wrote.")
@click.option("--json", "as_json", is_flag=True, help="Print all scores as JSON.")
@click.pass_context
def command(
    context: click.Context,
    forecast: Path,
    more: tuple[str, ...],
    output: Path,
    truth: Path | None,
    experiment: Path | None,
    metric: str | None,
    required: tuple[str, ...],
    scheduler: str | None,
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

    Of several forecasts each is scored, with the same choices, into a folder of its own in the output folder, and the
    first is compared with each of the others (see `wxml compare`). All of them must have what --metric and --require
    ask for: that is looked at before the first case of any is read.

    A requirement is METRIC:VARIABLE:LEAD, then @REGION (or a group of cases such as @DJF) if it is not of all, then <
    <= > or >=, then a number or the name of a baseline. If one fails, the exit code is 5.

    With --scheduler each worker of the cluster scores some initial times, one part at a time: start workers of one
    thread each, in this folder. The scores are those of one process, to the last bit, also if a worker dies.

    \b
    Examples:
      wxml verify forecast.zarr
      wxml verify forecast.zarr --output scores/july --metric acc
      wxml verify forecast.zarr verification.maps=0
      wxml verify forecast.zarr data.source.path=analysis.zarr verification.regrid.move=truth
      wxml verify forecast.zarr 'data.source={plugin: stations, path: synop.csv}' verification.stations.method=bilinear
      wxml verify new.zarr old.zarr --output new-and-old
      wxml verify hres.zarr --truth era5.zarr
      wxml verify 'ifs/*.grib2' --truth era5.nc 'forecast.rename={t: temperature}'
      wxml verify forecast.zarr --scheduler tcp://host:8786
      wxml verify anemoi.nc --config experiment.yaml
      wxml verify forecast.zarr --require 'rmse:t_850:24h<1.2' --require 'acc:z_500:24h@europe>0.9'
      wxml verify forecast.zarr --require 'mae:t_850:72h<persistence'
    """
    from wxml.cli.several_forecasts import scored_each, split_forecasts
    from wxml.cli.verified_forecast import Named, scored, standing
    from wxml.terminal import say
    from wxml.verification.requirements import outcomes, parse_requirement, requirement_table
    from wxml.verification.score_table import score_table, scores_as_json

    others, changes = split_forecasts(more)
    requirements = [parse_requirement(one) for one in required]
    named = Named(forecast, changes, truth, experiment, scheduler)
    if others:
        each = scored_each(named, others, output, metric=metric, requirements=requirements, overwrite=overwrite)
        with standing("scores", output):
            found = each.outcomes(requirements)
            say(each.as_json(found) if as_json else each.as_text(metric))
    else:
        scores, report = scored(named, output, metric=metric, requirements=requirements, overwrite=overwrite)
        with standing("report", report):
            found = list(outcomes(scores, requirements))
            say(scores_as_json(scores, found) if as_json else score_table(scores, metric))
    if found:
        say(requirement_table(found), err=as_json)
    click.echo(f"scores: {output}" if others else f"report: {report}", err=as_json)
    if not all(one.is_met for one in found):
        context.exit(FAILED)
