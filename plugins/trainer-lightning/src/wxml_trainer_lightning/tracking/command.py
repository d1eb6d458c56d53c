"""`wxml track`: records of trainings."""

__all__ = ["track"]

from pathlib import Path

import click


@click.group(short_help="Records of trainings.")
def track() -> None:
    """Send the records of trainings to a server, and keep its token."""


@track.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RUN_DIR...")
@click.option("--to", "address", required=True, help="The address of MLflow, such as https://mlflow.example.")
@click.option("--experiment", default="wxml", show_default=True, help="The experiment of MLflow.")
@click.option("--parent", help="The name of the run above these, which is made if it is not there.")
def sync(runs: tuple[Path, ...], address: str, experiment: str, parent: str | None) -> None:
    """Send trainings that were not tracked, or not to their end, to a server of MLflow.

    It sends what the folder of a run holds: parameters, losses, metrics, the report and the plots. What the server has
    already is not sent again, so the command may be repeated. The token is that of the variable MLFLOW_TRACKING_TOKEN,
    or the one that `wxml track login` has kept for the server.

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


@track.command()
@click.argument("address", required=False)
@click.option("--remove", is_flag=True, help="Remove the token of the server.")
def login(address: str | None, remove: bool) -> None:
    """Keep the token of a server of MLflow, for `wxml train` and `wxml track sync`.

    The token is asked for, or is the first line of stdin if that is no terminal. The server is asked whether it takes
    the token; then that is kept in the user's config folder, in a file that nobody else may read. Configs, records and
    logs never have it. A tracker's own `token` and the variables MLFLOW_TRACKING_TOKEN and MLFLOW_TRACKING_USERNAME
    count before it. Without an address the command lists the servers that have a token.

    \b
    Examples:
      wxml track login https://mlflow.example
      pass show mlflow | wxml track login https://mlflow.example
      wxml track login https://mlflow.example --remove
    """
    from wxml.terminal import say

    from wxml_trainer_lightning.tracking import tokens

    if address is None:
        if remove:
            raise click.UsageError("--remove needs the address of a server")
        say("\n".join(tokens.kept_servers()) or "no server has a token")
        return
    server = tokens.server_of(address)
    if remove:
        tokens.forget_token(server)
        say(f"{server}: its token is removed")
        return
    from wxml_trainer_lightning.tracking.login import ask, log_in

    say(f"{server}: its token is kept in {log_in(server, ask(server))}")
