"""`wxml track`: records of trainings."""

__all__ = ["track"]

from pathlib import Path

import click


@click.group(short_help="Records of trainings.")
def track() -> None:
    """Send the records of trainings to a server."""


@track.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RUN_DIR...")
@click.option("--to", "address", required=True, help="The address of MLflow, such as https://mlflow.example.")
@click.option("--experiment", default="wxml", show_default=True, help="The experiment of MLflow.")
@click.option("--parent", help="The name of the run above these, which is made if it is not there.")
def sync(runs: tuple[Path, ...], address: str, experiment: str, parent: str | None) -> None:
    """Send trainings that were not tracked, or not to their end, to a server of MLflow.

    It sends what the folder of a run holds: parameters, losses, metrics, the report and the plots. What the server has
    already is not sent again, so the command may be repeated. A token is read from the variable MLFLOW_TRACKING_TOKEN.

    \b
    Examples:
      wxml track sync runs/gnn --to https://mlflow.example
      wxml track sync runs/* --to sqlite:////data/mlflow.db --parent october
    """
    from wxml.terminal import say

    from wxml_trainer_lightning.tracking.mlflow_records import MlflowRecords
    from wxml_trainer_lightning.tracking.sync import send

    records = MlflowRecords(address, experiment)
    for run in runs:
        sent = send(run, records, parent)
        say(f"{run}: run {sent.run}, {sent.numbers} numbers and {sent.files} files sent")
