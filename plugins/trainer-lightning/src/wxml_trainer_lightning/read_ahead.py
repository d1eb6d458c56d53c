"""Reads batches ahead in a thread, so that the model computes while the next batches are read."""

__all__ = ["AHEAD", "ReadAhead"]

import threading
from collections.abc import Iterable, Iterator, Sized
from queue import SimpleQueue
from typing import Final, Generic, Protocol, TypeVar

Item = TypeVar("Item")
Item_co = TypeVar("Item_co", covariant=True)

AHEAD: Final = 2
"""The most batches that are read, or being read, and not yet taken."""
PATIENCE: Final = 5.0
"""Seconds; the end of an iteration waits so long for a read that is under way."""


class Loader(Sized, Iterable[Item_co], Protocol[Item_co]):
    """Yields one batch after the other, and knows how many."""


class ReadAhead(Generic[Item]):
    """The batches of a loader in their order, read by a thread that begins and ends with an iteration.

    An error in the thread is raised where its batch would be taken, after the batches before it.
    """

    def __init__(self, batches: Loader[Item], turn: threading.Lock) -> None:
        """Read nothing yet.

        Args:
            batches: a loader that reads when it is asked for a batch.
            turn: the thread that reads holds it, so that a source of data never serves two threads at once.
        """
        self._batches = batches
        self._turn = turn
        self._reading: _Reading[Item] | None = None

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[Item]:
        self.close()
        batches = iter(self._batches)  # in the caller's thread: a loader of torch draws a random number here
        reading = self._reading = _Reading(batches, self._turn)
        reading.start()
        try:
            yield from reading.taken()
        finally:
            reading.stop()

    def close(self) -> None:
        """End the thread; an iteration that is not done cannot go on."""
        if self._reading is not None:
            self._reading.stop()
            self._reading = None


class _Reading(threading.Thread, Generic[Item]):
    """The thread of one iteration."""

    def __init__(self, batches: Iterator[Item], turn: threading.Lock) -> None:
        super().__init__(name="wxml-read-ahead", daemon=True)  # a read that hangs must not keep the process alive
        self._batches = batches
        self._turn = turn
        self._found: SimpleQueue[tuple[Item] | BaseException | None] = SimpleQueue()
        self._room = threading.Semaphore(AHEAD)
        self._is_over = False

    def taken(self) -> Iterator[Item]:
        """Yield the batches as they come; the thread reads another one for each that is taken."""
        while (found := self._found.get()) is not None:
            if isinstance(found, BaseException):
                raise found
            self._room.release()
            yield found[0]

    def stop(self) -> None:
        """Read no more, and wait until a read that is under way has ended, though not for ever."""
        self._is_over = True
        self._room.release()
        self.join(PATIENCE)

    def run(self) -> None:
        """Read until the last batch, an error, or `stop`."""
        try:
            while self._may_read():
                self._found.put(self._next())
        except StopIteration:
            self._found.put(None)
        except BaseException as error:  # noqa: BLE001  # raised where the batch would be taken
            self._found.put(error)

    def _may_read(self) -> bool:
        self._room.acquire()
        return not self._is_over

    def _next(self) -> tuple[Item]:
        with self._turn:
            return (next(self._batches),)
