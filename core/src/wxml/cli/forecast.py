"""`wxml forecast`: makes forecasts with a checkpoint and writes them to files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from wxml.artefacts.requirements import Requirements
    from wxml.artefacts.source_changes import Changes
    from wxml.cli.online import OnlineScores
    from wxml.config.forecast_schema import OnError
    from wxml.forecasting.report import ForecastReport


@click.command(short_help="Make forecasts with a trained model.")
@click.argument("checkpoint", metavar="CHECKPOINT|RUN", type=click.Path(path_type=Path))
@click.argument("changes", nargs=-1, metavar="[KEY=VALUE]...")
@click.option(
    "--output",
    "-o",
    "outputs",
    type=click.Path(path_type=Path),
    multiple=True,
    help="A new *.zarr, *.nc or *.grib2; give it again for another one.",
)
@click.option(
    "--start",
    multiple=True,
    help="The first initial time (UTC), such as 2014-07-01T00, or latest; given several times, each of them is one.  "
    "[default: the test period]",
)
@click.option("--end", help="The last initial time.  [default: --start, or the end of the test period]")
@click.option(
    "--every", help="Between initial times, such as 12h.  [default: the model's time step, or what its task says]"
)
@click.option(
    "--dates",
    type=click.Path(path_type=Path),
    help="A text file of initial times, one in each line; # begins a comment.",
)
@click.option(
    "--on-error",
    type=click.Choice(["stop", "skip"]),
    help="An initial time without its inputs: stop, or make the others, name it in a table, and exit with code 4.  "
    "[default: forecast.on_error of the config]",
)
@click.option(
    "--lead-time",
    help="How far, such as 72h; not of a task with its own times.  [default: forecast.lead_time of the config]",
)
@click.option(
    "--members",
    type=click.IntRange(min=1),
    help="Forecasts from each state, by noise or perturbations.  [default: forecast.members of the config]",
)
@click.option("--member", help="Of these members alone, such as 17 or 0-9,12; with the bits that they have among all.")
@click.option("--spread", is_flag=True, help="Write the spread of a model with one, too, such as t_850_spread.")
@click.option("--step", help="Of a run that keeps checkpoints: a number of steps, best or last.")
@click.option(
    "--requirements",
    type=click.Choice(["table", "json", "mars", "opendata"]),
    is_flag=False,
    flag_value="table",
    help="Make no forecast, and print what one is fed with: a table, JSON, or, with --start, requests to ECMWF's "
    "archive or its open data.",
)
@click.option("--overwrite", is_flag=True, help="Replace the output if it is a forecast that wxml wrote.")
@click.option(
    "--resume",
    is_flag=True,
    help="Go on with what a command that was killed has left, or begin; the result is the same. What a failure leaves "
    "is kept, too.",
)
@click.option("--append", is_flag=True, help="Add later initial times to a forecast that is there (zarr).")
@click.option(
    "--verify",
    "scores",
    type=click.Path(path_type=Path),
    help="Score the forecasts while they are made, as `wxml verify` does, into this new folder; then no file needs to "
    "be written.",
)
@click.option("--clean", is_flag=True, help="First remove what dead commands have left in the folder of the output.")
def command(
    checkpoint: Path,
    changes: tuple[str, ...],
    outputs: tuple[Path, ...],
    start: tuple[str, ...],
    end: str | None,
    every: str | None,
    dates: Path | None,
    on_error: "OnError | None",
    lead_time: str | None,
    members: int | None,
    member: str | None,
    spread: bool,
    step: str | None,
    requirements: str | None,
    overwrite: bool,
    resume: bool,
    append: bool,
    scores: Path | None,
    clean: bool,
) -> None:
    """Make forecasts with a trained model and write them to files.

    Of the folder of a run it takes the checkpoint; while the training goes on, the best one that it keeps.

    Initial states come from the data of the training, or from those that `forecast.inputs` names. KEY=VALUE changes
    the keys `data.source.*` and `forecast.*` of the config in the checkpoint; values are YAML. `forecast.outputs` names
    further files, and what each has of the forecast: variables, a region, some lead times.

    \b
    Examples:
      wxml forecast runs/demo/checkpoint.safetensors -o forecast.zarr
      wxml forecast runs/demo --step last -o forecast.zarr
      wxml forecast model.safetensors -o july.nc --start 2014-07-01 --end 2014-07-31 --every 12h --lead-time 72h
      wxml forecast model.safetensors -o storms.zarr --start 2013-12-05 --start 2014-02-12T12 --on-error skip
      wxml forecast model.safetensors -o one.zarr --members 20 --member 17
      wxml forecast model.safetensors -o cases.zarr --dates cases.txt --resume
      wxml forecast model.safetensors -o archive.zarr --start 2014-08-01 --append
      wxml forecast model.safetensors data.source.path=elsewhere.zarr -o forecast.zarr
      wxml forecast model.safetensors 'forecast.inputs.initial={plugin: xarray, path: today.nc}' --start latest -o f.nc
      wxml forecast model.safetensors --requirements
      wxml forecast model.safetensors --requirements mars --start 2014-07-01
      wxml forecast model.safetensors --verify scores/july --start 2014-07-01 --end 2014-07-31 verification.maps=0
      wxml forecast model.safetensors forecast.batch_size=2 forecast.writer.plugin=netcdf -o forecast.nc
      wxml forecast model.safetensors -o all.grib2 'forecast.outputs=[{path: t.zarr, variables: {select: [t_*]}}]'
    """
    from wxml.artefacts.run_folder import while_it_is_there
    from wxml.cli.needed_inputs import say_requirements
    from wxml.cli.online import OnlineScores
    from wxml.forecasting.dates import read_dates
    from wxml.forecasting.job import ForecastRequest, reported_forecast
    from wxml.forecasting.perturbation_inputs import forecast_requirements
    from wxml.forecasting.report import ForecastReport

    given = {"lead_time": lead_time, "members": members, "on_error": on_error}

    def needed(chosen: Path) -> "Requirements":
        changed = _changed(chosen, changes, given, is_scored=False)
        return forecast_requirements(chosen, changed.config.forecast if changed else None, members, member)

    if requirements is not None:
        say_requirements(while_it_is_there(checkpoint, step, needed), requirements, start)
        return
    if (dates and (start or end or every)) or (len(start) > 1 and (end or every)):
        raise click.UsageError("give --dates, or several times --start, or one --start with --end and --every")
    if append and overwrite:
        raise click.UsageError("give --append or --overwrite, not both")
    if scores is not None and (append or resume):
        raise click.UsageError("--verify scores all forecasts of a command: leave --append and --resume out")
    online: list[OnlineScores] = []
    listed = read_dates(dates) if dates else start if len(start) > 1 else ()

    def made(chosen: Path) -> ForecastReport:
        changed = _changed(chosen, changes, given, is_scored=scores is not None)
        if scores is not None:
            verifier = changed.config.verification if changed else None
            online[:] = [OnlineScores(scores, verifier, overwrite=overwrite)]
        request = ForecastRequest(
            chosen,
            outputs,
            start[0] if len(start) == 1 else None,
            end,
            every,
            lead_time,
            changed.source if changed else None,
            overwrite,
            members,
            spread,
            changed,
            dates=listed,
            on_error=on_error,
            member=member,
            resume=resume,
            append=append,
            clean=clean,
        )
        return reported_forecast(request, online[0].receiver if online else None)

    _say(while_it_is_there(checkpoint, step, made), online)


def _changed(
    checkpoint: Path, changes: tuple[str, ...], given: Mapping[str, object], *, is_scored: bool
) -> "Changes | None":
    """The config with the changes of the command; raise a UsageError if one of them is an option that is given, too."""
    from wxml.artefacts.source_changes import read_changes

    changed = read_changes(checkpoint, changes, ("data.source", "forecast", *(("verification",) if is_scored else ())))
    for option, value in given.items():
        if value is not None and changed and f"forecast.{option}" in changed.origins:
            raise click.UsageError(f"give --{option.replace('_', '-')} or forecast.{option}, not both")
    return changed


def _say(report: "ForecastReport", online: "Sequence[OnlineScores]") -> None:
    """Say where files and scores are; exit with a code of its own if initial times were left out."""
    from wxml.forecasting.report import LEFT_OUT
    from wxml.terminal import say, say_path
    from wxml.verification.score_table import score_table

    for path in report.paths:
        say_path(path)
    for one in online:
        scores, page = one.result
        say(score_table(scores, None))
        say_path(page)
    if report.failures:
        say(report.table(), err=True)
        click.get_current_context().exit(LEFT_OUT)
