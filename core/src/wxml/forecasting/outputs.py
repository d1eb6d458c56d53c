"""The outputs of one forecast: each is written by a thread of its own, and comes to its place when all are whole."""

__all__ = ["Output", "OutputFile", "Receiver", "View", "fan_out", "planned", "write_outputs"]

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from threading import Lock, Thread
from typing import Protocol

import numpy as np

from wxml.data.fields import Fields
from wxml.errors import ConfigError, WxmlError
from wxml.files.staging import write_failure
from wxml.forecasting.kept_output import KeptOutput, kept_output
from wxml.forecasting.layout import ForecastHeader
from wxml.forecasting.planned_output import PlannedOutput, Ways
from wxml.forecasting.saved_state import Moment, SavedState
from wxml.forecasting.state_keeper import StateKeeper
from wxml.forecasting.writer import ForecastWriter
from wxml.plugins.create import create
from wxml.plugins.options.choices import PluginChoice

Step = tuple[np.timedelta64, Fields]
"""A lead time, and the fields that are valid then."""


class View(Protocol):
    """What an output has of a forecast."""

    def header(self, whole: ForecastHeader) -> ForecastHeader:
        """The header of what is written."""

    def fields(self, whole: Fields, lead_time: np.timedelta64) -> Fields | None:
        """What is written of a step; None: nothing."""


class Receiver(Protocol):
    """Whatever takes the steps of a forecast, in a thread of its own."""

    @property
    def path(self) -> Path:
        """What it writes, for messages."""

    def write(self, lead_time: np.timedelta64, fields: Fields) -> None:
        """Take a step, which stays as it is."""

    def close(self) -> None:
        """Finish; also called after a failure, then with steps missing."""


@dataclass(frozen=True, slots=True)
class Output:
    """One file that is asked for."""

    path: Path
    writer: PluginChoice
    where: str
    """The place in the config that chooses the writer."""
    view: View


@dataclass(frozen=True, slots=True, eq=False)
class OutputFile:
    """An output while it is written: its writer is open, and writes beside the path."""

    output: Output
    writer: KeptOutput

    @property
    def path(self) -> Path:
        """The path of the output."""
        return self.output.path

    def write(self, lead_time: np.timedelta64, fields: Fields) -> None:
        """Write what the output has of a step."""
        seen = self.output.view.fields(fields, lead_time)
        if seen is not None:
            self.writer.write(seen, lead_time)

    def save(self, moment: Moment) -> bool:
        """Say that everything up to a moment is in the file, if it can be gone on with from there."""
        return self.writer.save(moment)

    def close(self) -> None:
        """Finish the file."""
        self.writer.close()


def planned(output: Output, header: ForecastHeader) -> PlannedOutput:
    """The file of an output.

    Args:
        output: what is asked for.
        header: that of the whole forecast, with the provenance of the output.
    """

    def make(path: Path) -> ForecastWriter:
        choice = output.writer
        writer: ForecastWriter = create("forecast-writer", choice.plugin, choice.options, str(path), where=output.where)
        return writer

    return PlannedOutput(output.path, output.view.header(header), make)


def write_outputs(
    outputs: Sequence[tuple[Output, PlannedOutput]],
    steps: Iterable[Step],
    *,
    held: int,
    ways: Ways,
    others: Sequence[Callable[[], Receiver]] = (),
    keeper: StateKeeper | None = None,
) -> None:
    """Write the steps of one forecast to all outputs.

    Every file is begun before the first step is asked for. A failure of one, of the forecast, or an interrupt ends all
    of them, and none comes to its place.

    Args:
        outputs: the files.
        steps: the forecast; no step is changed while it is held.
        held: so many steps may wait for each output.
        ways: what is done with files that are there.
        others: make what else takes the steps, when all files are begun.
        keeper: its states are saved when all files have what was made up to them; None: there are none.

    Raises:
        WxmlError: names what is wrong and the output.
    """
    with ExitStack() as stack:
        files = [OutputFile(output, _opened(stack, file, ways)) for output, file in outputs]
        fan_out([*files, *(make() for make in others)], steps, held, keeper)


def _opened(stack: ExitStack, file: PlannedOutput, ways: Ways) -> KeptOutput:
    with _naming(file.path):
        return stack.enter_context(kept_output(file, ways))


def fan_out(files: Sequence[Receiver], steps: Iterable[Step], held: int, keeper: StateKeeper | None = None) -> None:
    """Give each step to all files, each of which a thread writes; close them, also after a failure.

    A state of `keeper` goes to the threads, too, and the last one that comes to it saves it.

    Raises:
        BaseException: the first failure of a file, or of the steps.
    """
    threads = [_WritingThread(file, held) for file in files]

    def send(state: SavedState) -> None:
        if keeper:
            arrival = _Arrival(state, len(threads), keeper.file.write)
            for thread in threads:
                thread.put(arrival)

    if keeper:
        keeper.send_to(send)
    try:
        for step in steps:
            for thread in threads:
                thread.put(step)
    except BaseException:
        for thread in threads:
            thread.discard()
        raise
    finally:
        for thread in threads:
            thread.finish()
    for thread in threads:
        thread.check()


class _Arrival:
    """A state that comes to the threads of all files, behind the steps before it."""

    def __init__(self, state: SavedState, threads: int, write: Callable[[SavedState], None]) -> None:
        self._state, self._write, self._lock = state, write, Lock()
        self._threads, self._is_of_use = threads, True

    def reach(self, file: Receiver) -> None:
        """Say that a file has all steps before; save the state if it is the last one, and all can be gone on with."""
        can_go_on = isinstance(file, OutputFile) and file.save(self._state.moment)
        with self._lock:
            self._threads, self._is_of_use = self._threads - 1, self._is_of_use and can_go_on
            is_last = self._threads == 0
        if is_last and self._is_of_use:
            self._write(self._state)


class _WritingThread:
    """A thread that writes one file, step by step as they come, and closes it."""

    def __init__(self, file: Receiver, held: int) -> None:
        self._file, self._queue = file, Queue[Step | _Arrival | None](held)
        self._error: BaseException | None = None
        self._is_discarding = False
        self._thread = Thread(target=self._run, name=f"write {file.path}")
        self._thread.start()

    def put(self, step: Step | _Arrival) -> None:
        """Hand a step over, or a state; wait until there is room for it.

        Raises:
            BaseException: what an earlier step has failed with.
        """
        self.check()
        self._queue.put(step)

    def discard(self) -> None:
        """Write nothing more, not even what waits."""
        self._is_discarding = True

    def finish(self) -> None:
        """Wait until everything is written, and the file closed."""
        self._queue.put(None)
        self._thread.join()

    def check(self) -> None:
        """Raise what has failed, if anything has."""
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        while (step := self._queue.get()) is not None:
            if not self._is_discarding:
                self._take(step)
        self._attempt(self._file.close)

    def _take(self, step: Step | _Arrival) -> None:
        if isinstance(step, _Arrival):
            self._attempt(step.reach, self._file)
        else:
            self._attempt(self._file.write, *step)

    def _attempt(self, action: Callable[..., None], *arguments: object) -> None:
        """Do something for the file; after the first failure nothing more is written."""
        try:
            with _naming(self._file.path):
                action(*arguments)
        except BaseException as error:  # noqa: BLE001  # raised by `check`
            self._error = self._error or error
            self._is_discarding = True


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Name the output in what fails in the context.

    Raises:
        ArtefactError: the disk has refused.
    """
    try:
        yield
    except ConfigError:
        raise  # names its place in the config
    except WxmlError as error:
        error.message = f"{error.message} (output `{path}`)"
        raise
    except OSError as error:
        raise write_failure(path, error) from error
    except BaseException as error:
        error.add_note(f"while writing the output `{path}`")
        raise
