"""`wxml train`: trains the model of a config and writes its checkpoint."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import click


def _steps(context: click.Context, option: click.Parameter, value: str | None) -> int | None:
    """Read a number of steps, and say what to write if the next argument was taken for it."""
    if value is None or (value.isdecimal() and int(value)):
        return int(value) if value else None
    where = "write --profile after the other arguments, or --profile=20"
    raise click.BadParameter(f"{value!r} is no number of steps from 1 on; {where}", context, option)


@click.command(short_help="Train a model.")
@click.argument("arguments", nargs=-1, metavar="[EXPERIMENT.yaml] [KEY=VALUE]...")
@click.option(
    "--run-dir",
    type=click.Path(path_type=Path),
    help="A new folder for the run.  [default: runs/NAME of the experiment]",
)
@click.option(
    "--from",
    "origin",
    type=click.Path(path_type=Path),
    metavar="CHECKPOINT",
    help="Begin with the weights of a checkpoint, or of the run in a folder; `training.from` has the options.",
)
@click.option("--resume", is_flag=True, help="Go on from the last state of the run, after a crash or a stop.")
@click.option(
    "--plan",
    is_flag=True,
    help="Only print the memory that the training would take and what its periods hold; nothing is written.",
)
@click.option(
    "--explain-loss",
    is_flag=True,
    help="Only print how much each variable, level and step counts in each loss; nothing is written.",
)
@click.option(
    "--profile",
    "steps",
    callback=_steps,
    is_flag=False,
    flag_value="20",
    metavar="[N]",
    help="Only make N steps after a warm-up and print where their time goes; no run is written.  [default: 20]",
)
@click.option(
    "--trace",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="With --profile: a new JSON file with a timeline of a few more steps, for Perfetto or Chrome.",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="With --plan, --explain-loss or --profile: JSON, sizes in bytes, times in seconds.",
)
def command(
    arguments: tuple[str, ...],
    run_dir: Path | None,
    origin: Path | None,
    resume: bool,
    plan: bool,
    explain_loss: bool,
    steps: int | None,
    trace: Path | None,
    as_json: bool,
) -> None:
    """Train a model and write its checkpoint.

    Without a config file it trains the built-in demo. Changes are written as in Hydra. A training that begins --from
    another one is a new one, from step 0; --resume goes on with the same one.

    \b
    Examples:
      wxml train experiment.yaml training.max_steps=2000
      wxml train experiment.yaml --resume
      wxml train model=gnn model.channels=32 --run-dir runs/small
      wxml train mine.yaml --from runs/theirs training.from.match=by-name
      wxml train experiment.yaml model.memory_limit=20GiB --plan
      wxml train experiment.yaml --explain-loss
      wxml train experiment.yaml --profile 50 --trace steps.json
    """
    from wxml.config.overrides import quoted_override, split_arguments
    from wxml.terminal import say_path

    _check_together({"--plan": plan, "--explain-loss": explain_loss, "--profile": steps is not None}, as_json=as_json)
    if trace and steps is None:
        raise click.UsageError("--trace needs --profile")
    experiment, overrides = split_arguments(arguments)
    if origin:
        overrides = (quoted_override("training.from.checkpoint", str(origin)), *overrides)
    if plan:
        _say_plan(experiment, overrides, as_json=as_json)
        return
    if explain_loss:
        _say_weights(experiment, overrides, as_json=as_json)
        return
    if steps is not None:
        _say_profile((experiment, overrides), steps, trace, as_json=as_json)
        return
    from wxml.environment.launch import launch
    from wxml.training.job import train

    folder = run_dir or Path("runs") / (experiment.stem if experiment else "demo")
    checkpoint = train(experiment, overrides, folder, resume=resume)
    started = launch()
    if started is None or not started.rank:
        say_path(checkpoint)


def _check_together(only: Mapping[str, bool], *, as_json: bool) -> None:
    """Refuse two of the options that train nothing, and --json without any."""
    given = [name for name, is_given in only.items() if is_given]
    if as_json and not given:
        raise click.UsageError("--json needs --plan, --explain-loss or --profile")
    if len(given) > 1:
        raise click.UsageError(f"{' and '.join(given)} exclude each other")


def _say_plan(experiment: Path | None, overrides: Sequence[str], *, as_json: bool) -> None:
    """Print the memory that a training would take, and what its data hold."""
    from wxml.terminal import say, say_json
    from wxml.training.data_report import data_error, report_lines
    from wxml.training.memory_limit import plan_training
    from wxml.training.memory_table import plan_lines

    memory, data = plan_training(experiment, overrides)
    if as_json:
        say_json(memory.to_dict() | {"data": data.to_dict()})
    else:
        say("\n".join([*plan_lines(memory), "", *report_lines(data)]))
    if data.problems:
        raise data_error(data)


def _say_weights(experiment: Path | None, overrides: Sequence[str], *, as_json: bool) -> None:
    """Print how much each variable counts in the losses."""
    from wxml.terminal import say, say_json
    from wxml.training.loss_explanation import explain_loss, explanation_lines

    losses = explain_loss(experiment, overrides)
    if as_json:
        say_json({"losses": [loss.to_dict() for loss in losses]})
    else:
        say("\n".join(explanation_lines(losses)))


def _say_profile(training: tuple[Path | None, Sequence[str]], steps: int, trace: Path | None, *, as_json: bool) -> None:
    """Make some steps of a training, and print where their time went."""
    from wxml.environment.launch import launch
    from wxml.terminal import say, say_json, say_path
    from wxml.training.training_profile import profile_lines, profile_training

    profile = profile_training(*training, steps, trace)
    started = launch()
    if started is not None and started.rank:
        return
    say_json(profile.to_dict()) if as_json else say("\n".join(profile_lines(profile)))
    if trace and not as_json:
        say_path(trace)
