"""Prints tables in plain text, and shows the progress of long work on a terminal or in a log."""

__all__ = [
    "MaskedFormatter",
    "MaskedRecord",
    "MaskedStream",
    "Progress",
    "columns",
    "mask_streams",
    "masked_warning",
    "printable",
    "progress",
    "say",
    "say_json",
    "say_path",
    "worker_start",
]

import importlib.util
import logging
import sys
import warnings
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TextIO, TypeVar

from wxml.masking import masked, masked_values, take_over, told

logger = logging.getLogger("wxml")
plain_warning = warnings.formatwarning

LINES = 10
"""How often a log hears of the progress of one piece of work after its first step, however long it is."""

Item = TypeVar("Item")


def printable(text: str) -> str:
    r"""The text without secrets, and with an escape for each character that a terminal obeys or that reorders others.

    Texts of packages, data and artefacts may hold such characters: control characters move the cursor, set the title or
    the clipboard, and marks of direction (Unicode's bidi controls) show letters in another order. A line break is one.

    >>> printable("a\x1b[2Jb"), printable("température °C")
    ('a\\x1b[2Jb', 'température °C')
    """
    text = masked(text)
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one == "\xa0" else ascii(one)[1:-1] for one in text)


def say(text: str, *, err: bool = False) -> None:
    """Print lines, each of them `printable`, to stdout, or to stderr if `err` is set."""
    import click

    click.echo("\n".join(printable(line.expandtabs()) for line in masked(text).split("\n")), err=err)


def say_json(value: Any) -> None:
    """Print JSON values without secrets to stdout; what JSON does not know is written as text."""
    import json

    import click

    click.echo(json.dumps(masked_values(json.loads(json.dumps(value, default=str))), indent=2))


def say_path(path: Path) -> None:
    """Print the path of a result to stdout as it is: a program opens it, so no part of it may be masked."""
    import click

    click.echo(path, file=getattr(sys.stdout, "unmasked", sys.stdout))


def columns(
    rows: Sequence[Sequence[str]], *, right: Container[int] = (), widths: Sequence[int] | None = None
) -> list[str]:
    """One line for each row, with the cells of a column below each other; each cell is `printable`.

    Args:
        rows: the cells; every row has the same number of them.
        right: the numbers of the columns that are aligned to the right, from 0 on; the others are aligned to the left.
        widths: the least width of each column, for a table whose rows are printed one by one.

    >>> columns([("a", "b"), ("long", "c")])
    ['a     b', 'long  c']
    >>> columns([("t", "9.5"), ("q", "10.25")], right={1})
    ['t    9.5', 'q  10.25']
    >>> columns([("a", "b")], widths=(3, 1))
    ['a    b']
    """
    rows = [[printable(cell) for cell in row] for row in rows]
    wanted = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    if widths and rows:
        wanted = [max(pair) for pair in zip(wanted, widths, strict=True)]
    lines = []
    for row in rows:
        cells = enumerate(zip(row, wanted, strict=True))
        lines.append("  ".join(cell.rjust(n) if i in right else cell.ljust(n) for i, (cell, n) in cells).rstrip())
    return lines


class MaskedRecord(logging.LogRecord):
    """A log record, of any library, whose message is without secrets.

    A text that a message of wxml quotes, such as a name in a data file, begins no line of its own.
    """

    def getMessage(self) -> str:  # noqa: N802  # the name in `logging`
        """The message, masked."""
        if isinstance(self.args, tuple) and self.name.partition(".")[0] == "wxml":
            self.args = tuple(one.replace("\n", "\\n") if isinstance(one, str) else one for one in self.args)
        return masked(super().getMessage())


class MaskedFormatter(logging.Formatter):
    """Writes log lines and their tracebacks without secrets and control characters."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of `record`, masked and printable."""
        return "\n".join(map(printable, masked(super().format(record)).split("\n")))


class MaskedStream:
    """A text stream that writes without secrets what any library writes to it; else it is the stream that it wraps.

    Attributes:
        unmasked: that stream.
    """

    def __init__(self, stream: TextIO) -> None:
        self.unmasked = stream

    def write(self, text: str) -> int:
        """Write a text; a secret whose parts are written one by one is not found."""
        self.unmasked.write(masked(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write texts one after the other."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.unmasked, name)


def mask_streams() -> None:
    """Put a `MaskedStream` in the place of stdout and of stderr, where they are open."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, MaskedStream):
            setattr(sys, name, MaskedStream(stream))


def worker_start() -> Callable[[int], None] | None:
    """The function with which a worker process of a data loader begins, so that it writes no secrets either.

    A worker that is no copy of this process (`spawn`, `forkserver`) knows nothing of its streams and secrets.

    Returns:
        The function; its argument is the number of the worker. None if this process masks nothing.
    """
    return partial(_start_worker, told()) if isinstance(sys.stderr, MaskedStream) else None


def _start_worker(secrets: tuple[dict[str, str], set[str]], _: int) -> None:
    take_over(secrets)
    mask_streams()


def masked_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    """The lines of a warning as Python writes them, masked and printable; stands for `warnings.formatwarning`."""
    lines = masked(plain_warning(message, category, filename, lineno, line)).split("\n")
    return "\n".join(printable(one.expandtabs()) for one in lines)


class Progress:
    """How much of some work is done: a bar on a terminal and in a notebook, else a few lines in the log `wxml`.

    The log gets a line for the first step, and then one whenever another `1 / lines` of the work is done.
    """

    def __init__(self, label: str, total: int, *, start: int = 0, unit: str = "", lines: int = LINES) -> None:
        """Begin to show the progress.

        Args:
            label: the name of the work, such as `forecast`.
            total: how many steps the work has.
            start: how many of them were done before, as in a training that is resumed.
            unit: the name of a step; empty for no name.
            lines: how many lines a log gets after the first step.
        """
        self._label, self._total, self._unit, self._lines = label, total, unit, lines
        self._parts = int(lines * start / total) if start else -1
        self._bar: Any = None
        bar = _kind_of_bar()
        if bar is not None:
            self._bar = bar(
                total=total, initial=start, desc=label, unit=unit or "it", file=sys.stderr, dynamic_ncols=True
            )

    def update(self, done: int, note: str = "", *, fraction: float | None = None) -> None:
        """Show that `done` steps are done.

        Args:
            done: how many steps of the total, those before `start` included.
            note: what else to say, such as `loss 0.123`.
            fraction: the share of the work that is done, if that is not `done / total`: a training may end by time.
        """
        if self._bar is not None:
            self._bar.set_postfix_str(note, refresh=False)
            self._bar.update(done - self._bar.n)
            return
        parts = int(self._lines * (done / self._total if fraction is None else fraction))
        if parts > self._parts:
            self._parts = parts
            step = f"{self._unit} {done}" if self._unit else f"{done}"
            logger.info("%s: %s of %d%s", self._label, step, self._total, f", {note}" if note else "")

    def close(self) -> None:
        """Leave the bar on the screen as it is."""
        if self._bar is not None:
            self._bar.close()


def _kind_of_bar() -> Any:
    """The class of `tqdm` that draws on this terminal or in this notebook; None where a log is told."""
    is_notebook = _is_in_notebook()
    if sys.stderr is None or not (is_notebook or sys.stderr.isatty()):  # None: it was closed
        return None
    if is_notebook and importlib.util.find_spec("ipywidgets"):
        from tqdm.notebook import tqdm as widget  # type: ignore[import-untyped]  # has no stubs

        return widget
    from tqdm import tqdm  # type: ignore[import-untyped]

    return tqdm


def _is_in_notebook() -> bool:
    """Whether this process is the kernel of a notebook, which writes to no terminal."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None


def progress(items: Iterable[Item], length: int, label: str) -> Iterator[Item]:
    """Pass `items` through one by one, and show how many of `length` the caller is done with."""
    shown = Progress(label, length)
    try:
        for done, item in enumerate(items, start=1):
            yield item
            shown.update(done)
    finally:
        shown.close()
