"""Progress of long work: a bar on a terminal, a few plain lines in a log."""

__all__ = ["progress"]

import logging
import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

import click

logger = logging.getLogger("wxml")

LINES = 10
"""How many lines a log gets for one piece of work, however long."""

Item = TypeVar("Item")


def progress(items: Iterable[Item], length: int, label: str) -> Iterator[Item]:
    """Pass the items through, showing how many of `length` have gone by."""
    if sys.stderr.isatty():
        with click.progressbar(items, length=length, label=label, file=sys.stderr) as bar:
            yield from bar
    else:
        yield from _logged(items, length, label)


def _logged(items: Iterable[Item], length: int, label: str) -> Iterator[Item]:
    every = max(1, -(-length // LINES))
    for done, item in enumerate(items, start=1):
        yield item
        if done % every == 0 or done == length:
            logger.info("%s: %d of %d", label, done, length)
