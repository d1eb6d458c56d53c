"""`wxml train`: trains the model of a config and writes its checkpoint."""

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
@click.option("--plan", is_flag=True, help="Only print the memory that the training would take; nothing is written.")
@click.option("--json", "as_json", is_flag=True, help="With --plan: JSON, sizes in bytes.")
def command(arguments: tuple[str, ...], run_dir: Path | None, resume: bool, plan: bool, as_json: bool) -> None:
    """Train a model and write its checkpoint.

    Without a config file it trains the built-in demo. Changes are written as in Hydra.

    \b
    Examples:
      wxml train experiment.yaml training.max_steps=2000
      wxml train experiment.yaml --resume
      wxml train model=gnn model.channels=32 --run-dir runs/small
      wxml train experiment.yaml model.memory_limit=20GiB --plan
    """
    from wxml.config.overrides import split_arguments
    from wxml.terminal import say, say_json, say_path

    if as_json and not plan:
        raise click.UsageError("--json needs --plan")
    experiment, overrides = split_arguments(arguments)
    if plan:
        from wxml.training.memory_limit import plan_training
        from wxml.training.memory_table import plan_lines

        memory = plan_training(experiment, overrides)
        if as_json:
            say_json(memory.to_dict())
        else:
            say("\n".join(plan_lines(memory)))
        return
    from wxml.environment.launch import launch
    from wxml.training.job import train

    folder = run_dir or Path("runs") / (experiment.stem if experiment else "demo")
    checkpoint = train(experiment, overrides, folder, resume=resume)
    started = launch()
    if started is None or not started.rank:
        say_path(checkpoint)
