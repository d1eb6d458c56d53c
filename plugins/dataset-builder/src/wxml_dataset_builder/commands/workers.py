"""The options that say who builds."""

__all__ = ["worker_options"]

import functools
from collections.abc import Callable
from typing import Any

import click

from wxml_dataset_builder.scheduling import Workers

Command = Callable[..., Any]


def worker_options(command: Command) -> Command:
    """Add `--workers`, `--processes` and `--scheduler` to a command, which gets them as one argument `workers`."""

    @functools.wraps(command)
    def with_workers(*, count: int | None, processes: bool, scheduler: str | None, **others: Any) -> Any:
        return command(workers=Workers(count, processes, scheduler), **others)

    for option in (
        click.option("--scheduler", metavar="ADDRESS", help="A scheduler of dask.distributed, like tcp://host:8786."),
        click.option("--processes", is_flag=True, help="Processes instead of threads: sources are read side by side."),
        click.option(
            "--workers", "count", type=click.IntRange(min=1), help="How many.  [default: one a processor, 8 at most]"
        ),
    ):
        with_workers = option(with_workers)
    return with_workers
