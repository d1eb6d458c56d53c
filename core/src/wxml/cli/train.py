"""`wxml train`: from a config to a checkpoint."""

from pathlib import Path

import click


@click.command(short_help="Train a model.")
@click.argument("arguments", nargs=-1, metavar="[EXPERIMENT.yaml] [KEY=VALUE]...")
@click.option(
    "--run-dir",
    type=click.Path(path_type=Path),
    help="A new folder for the run.  [default: runs/NAME of the experiment]",
)
@click.option("--resume", is_flag=True, help="Go on from the last state of the run, after a crash or a stop.")
def command(arguments: tuple[str, ...], run_dir: Path | None, resume: bool) -> None:
    """Train a model and write its checkpoint.

    Without a config file it trains the built-in demo. Changes are written as in Hydra.

    \b
    Examples:
      wxml train experiment.yaml training.max_steps=2000
      wxml train experiment.yaml --resume
      wxml train model=gnn model.channels=32 --run-dir runs/small
    """
    from wxml.config.arguments import split_arguments
    from wxml.jobs.train import train

    experiment, overrides = split_arguments(arguments)
    folder = run_dir or Path("runs") / (experiment.stem if experiment else "demo")
    click.echo(train(experiment, overrides, folder, resume=resume))
