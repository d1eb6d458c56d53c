"""`wxml forecast --requirements`: what a checkpoint must be fed with, for people, programs and archives."""

__all__ = ["FORMS", "say_requirements"]

from collections.abc import Sequence
from pathlib import Path

import click

FORMS = ("table", "json", "mars", "opendata")


def say_requirements(checkpoint: Path, form: str, start: Sequence[str]) -> None:
    """Print what a checkpoint must be fed with.

    Args:
        checkpoint: its file.
        form: one of `FORMS`.
        start: the initial times that a request asks for.

    Raises:
        ArtefactError: there is no such file, it is damaged, or no checkpoint.
        DataError: `start` is no time.
    """
    from wxml.artefacts.archive_requests import mars_lines, open_data_requests
    from wxml.artefacts.requirements import requirement_lines, requirements
    from wxml.data.times import parse_time
    from wxml.terminal import say, say_json

    if form in ("mars", "opendata") and (not start or "latest" in start):
        raise click.UsageError(f"give --start with the initial time that --requirements {form} asks for")
    needed = requirements(checkpoint)
    times = [] if form in ("table", "json") else [parse_time(one) for one in start]
    if form == "json":
        say_json(needed.to_dict())
    elif form == "opendata":
        say_json(open_data_requests(needed, times))
    else:
        for line in requirement_lines(needed) if form == "table" else mars_lines(needed, times):
            say(line)
