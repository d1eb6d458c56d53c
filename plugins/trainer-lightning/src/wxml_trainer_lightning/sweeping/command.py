"""`wxml sweep`: trainings with all combinations of several values."""

__all__ = ["command"]

from collections.abc import Mapping
from pathlib import Path

import click


def _devices(context: click.Context, option: click.Parameter, value: str | None) -> tuple[str, ...]:
    """Read a list of devices."""
    if value is None:
        return ()
    from wxml_trainer_lightning.sweeping.devices import parse_devices

    try:
        return parse_devices(value)
    except ValueError as error:
        raise click.BadParameter(str(error), context, option) from error


def _memory(context: click.Context, option: click.Parameter, value: str | None) -> str | None:
    """Check an amount of memory."""
    if value is None:
        return None
    from wxml_trainer_lightning.sweeping.memory_share import parse_size

    try:
        parse_size(value)
    except ValueError as error:
        raise click.BadParameter(str(error), context, option) from error
    return value


@click.command(short_help="Train with all combinations of several values.")
@click.argument("arguments", nargs=-1, metavar="[EXPERIMENT.yaml] KEY=A,B... [KEY=VALUE]...")
@click.option(
    "--run-dir",
    type=click.Path(path_type=Path),
    help="A new folder for the sweep.  [default: runs/NAME-sweep of the experiment]",
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="Trainings side by side.  [default: 1; with --on one for each device, with --scheduler one for each worker]",
)
@click.option(
    "--on",
    "devices",
    callback=_devices,
    metavar="DEVICES",
    help="GPUs for the trainings, such as cuda:0,cuda:1, or cuda for all: each gets its own.",
)
@click.option(
    "--memory",
    callback=_memory,
    metavar="SIZE",
    help="What the trainings on this machine may take together, such as 60GiB: each gets its part as a memory limit.",
)
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Train on the workers of a scheduler of dask.distributed, like tcp://host:8786, which share the folders.",
)
@click.option("--resume", is_flag=True, help="Go on: leave what has finished, resume what has begun, run the rest.")
@click.option("--json", "as_json", is_flag=True, help="Print the table as JSON.")
@click.pass_context
def command(
    context: click.Context,
    arguments: tuple[str, ...],
    run_dir: Path | None,
    jobs: int | None,
    devices: tuple[str, ...],
    memory: str | None,
    scheduler: str | None,
    resume: bool,
    as_json: bool,
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
      wxml sweep experiment.yaml model=gnn,graph-transformer --on cuda:0,cuda:1
      wxml sweep experiment.yaml 'seed=range(0,40)' --scheduler tcp://host:8786

    Exit codes: 0 if all have finished, 1 if one failed, 75 after SIGTERM and 130 after Ctrl-C.
    """
    from wxml import split_arguments
    from wxml.terminal import say, say_json

    from wxml_trainer_lightning.sweeping.ground import Ground
    from wxml_trainer_lightning.sweeping.job import sweep
    from wxml_trainer_lightning.sweeping.launching import LOG_NAME
    from wxml_trainer_lightning.sweeping.results import table_lines

    _check_together({"--on": devices, "--memory": memory, "--scheduler": scheduler})
    experiment, overrides = split_arguments(arguments)
    folder = run_dir or Path("runs") / f"{experiment.stem if experiment else 'demo'}-sweep"
    made = sweep(experiment, overrides, folder, Ground(jobs, devices, memory, scheduler), resume=resume)
    results = made.results
    if as_json:
        say_json([result.to_dict() for result in results])
    else:
        say("\n".join([*table_lines(results), f"{folder / 'sweep.html'}"]))
    for name, line in made.failures.items():
        say(f"failed: {folder / name / LOG_NAME}: {line}", err=True)
    context.exit(made.exit_code)


def _check_together(given: Mapping[str, object]) -> None:
    """Refuse two of the options that say where the trainings run."""
    named = [name for name, value in given.items() if value]
    if len(named) > 1:
        raise click.UsageError(f"{' and '.join(named)} exclude each other")
