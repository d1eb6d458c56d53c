"""`wxml forecast --requirements`: what a checkpoint must be fed with, for people, programs and archives."""

__all__ = ["FORMS", "say_requirements"]

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from wxml.artefacts.requirements import Requirements

FORMS = ("table", "json", "mars", "opendata")


def say_requirements(needed: "Requirements", form: str, start: Sequence[str]) -> None:
    """Print what a checkpoint must be fed with.

    Args:
        needed: what it must be fed with.
        form: one of `FORMS`.
        start: the initial times that a request asks for.

    Raises:
        DataError: `start` is no time.
    """
    from wxml.artefacts.archive_requests import mars_lines, open_data_requests
    from wxml.artefacts.requirements import requirement_lines
    from wxml.data.times import parse_time
    from wxml.terminal import say, say_json

    if form in ("mars", "opendata") and (not start or "latest" in start):
        raise click.UsageError(f"give --start with the initial time that --requirements {form} asks for")
    times = [] if form in ("table", "json") else [parse_time(one) for one in start]
    if form == "json":
        say_json(needed.to_dict())
    elif form == "opendata":
        say_json(open_data_requests(needed, times))
    else:
        for line in requirement_lines(needed) if form == "table" else mars_lines(needed, times):
            say(line)
