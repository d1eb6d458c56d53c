"""`wxml demo`: train, forecast and verify on embedded data."""

from pathlib import Path

import click


@click.command(short_help="Train, forecast and verify on embedded data.")
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--directory", type=click.Path(path_type=Path), default="demo", show_default=True, help="A new folder.")
def command(overrides: tuple[str, ...], directory: Path) -> None:
    """Train a small model on a simulated atmosphere, forecast, and verify against baselines.

    Takes a few minutes on two cores and downloads nothing.

    \b
    Examples:
      wxml demo
      wxml demo model.channels=32 --directory /tmp/demo
    """
    from wxml.cli.demo_job import demo
    from wxml.terminal import say
    from wxml.verification.score_table import score_table

    made = demo(directory, overrides)
    say(score_table(made.scores))
    click.echo(f"checkpoint: {made.checkpoint}\nforecast:   {made.forecast}\nreport:     {made.report}")
