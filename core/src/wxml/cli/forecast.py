"""`wxml forecast`: from a checkpoint to a file of forecasts."""

from pathlib import Path

import click


@click.command(short_help="Make forecasts with a trained model.")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.argument("changes", nargs=-1, metavar="[data.source.KEY=VALUE]...")
@click.option("--output", "-o", type=click.Path(path_type=Path), required=True, help="A new file: *.zarr or *.nc.")
@click.option("--start", help="The first initial time (UTC), such as 2014-07-01T00.  [default: the test period]")
@click.option("--end", help="The last initial time.  [default: --start, or the end of the test period]")
@click.option("--every", help="Between initial times, such as 12h.  [default: the model's time step]")
@click.option("--lead-time", help="How far, such as 72h.  [default: forecast.lead_time of the config]")
@click.option(
    "--members",
    type=click.IntRange(min=1),
    help="Forecasts that a model with noise makes from each state.  [default: forecast.members of the config]",
)
@click.option("--overwrite", is_flag=True, help="Replace the output where it exists.")
def command(
    checkpoint: Path,
    changes: tuple[str, ...],
    output: Path,
    start: str | None,
    end: str | None,
    every: str | None,
    lead_time: str | None,
    members: int | None,
    overwrite: bool,
) -> None:
    """Make forecasts with a trained model and write them to one file.

    Initial states come from the data of the training, unless changes to `data.source` say otherwise.

    \b
    Examples:
      wxml forecast runs/demo/checkpoint.safetensors -o forecast.zarr
      wxml forecast model.safetensors -o july.nc --start 2014-07-01 --end 2014-07-31 --every 12h --lead-time 72h
      wxml forecast model.safetensors data.source.path=elsewhere.zarr -o forecast.zarr
    """
    from wxml.artefacts.source_changes import changed_source
    from wxml.forecasting.job import ForecastRequest, forecast

    source = changed_source(checkpoint, changes)
    request = ForecastRequest(checkpoint, output, start, end, every, lead_time, source, overwrite, members)
    click.echo(forecast(request))
