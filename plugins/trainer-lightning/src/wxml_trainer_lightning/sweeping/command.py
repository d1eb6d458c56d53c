"""`wxml sweep`: trainings with all combinations of several values."""

__all__ = ["command"]

from pathlib import Path

import click


@click.command(short_help="Train with all combinations of several values.")
@click.argument("arguments", nargs=-1, metavar="[EXPERIMENT.yaml] KEY=A,B... [KEY=VALUE]...")
@click.option(
    "--run-dir",
    type=click.Path(path_type=Path),
    help="A new folder for the sweep.  [default: runs/NAME-sweep of the experiment]",
)
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Trainings side by side.")
@click.option("--resume", is_flag=True, help="Go on: leave what has finished, resume what has begun, run the rest.")
@click.option("--json", "as_json", is_flag=True, help="Print the table as JSON.")
@click.pass_context
def command(
    context: click.Context, arguments: tuple[str, ...], run_dir: Path | None, jobs: int, resume: bool, as_json: bool
) -> None:
    """Train with all combinations of several values, each in a process and a folder of its own.

    Several values are written as in Hydra: key=a,b or key=choice(a,b) or key=range(1,4). All configs are checked before
    anything runs. A training that fails does not stop the others. At the end there are a table, sweep.csv and
    sweep.html, which grows from the beginning on. Ctrl-C stops all trainings; --resume goes on with the same command.

    \b
    Examples:
      wxml sweep experiment.yaml model=gnn,graph-transformer training.learning_rate=1e-3,3e-3 --run-dir runs/sweep
      wxml sweep experiment.yaml 'seed=range(0,4)' training.max_steps=500 --jobs 2
      wxml sweep experiment.yaml 'seed=range(0,4)' training.max_steps=500 --jobs 2 --resume

    Exit codes: 0 if all have finished, 1 if one failed, 75 after SIGTERM and 130 after Ctrl-C.
    """
    from wxml import split_arguments
    from wxml.terminal import say, say_json

    from wxml_trainer_lightning.sweeping.job import LOG_NAME, sweep
    from wxml_trainer_lightning.sweeping.results import table_lines

    experiment, overrides = split_arguments(arguments)
    folder = run_dir or Path("runs") / f"{experiment.stem if experiment else 'demo'}-sweep"
    made = sweep(experiment, overrides, folder, jobs=jobs, resume=resume)
    results = made.results
    if as_json:
        say_json([result.to_dict() for result in results])
    else:
        say("\n".join([*table_lines(results), f"{folder / 'sweep.html'}"]))
    for name, line in made.failures.items():
        say(f"failed: {folder / name / LOG_NAME}: {line}", err=True)
    context.exit(made.exit_code)
