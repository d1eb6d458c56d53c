"""Scores cases on the workers of a cluster: each makes the parts of some initial times, which are added up here.

A worker finds these functions by their names, so it needs this package. It opens forecast and truth by itself, and
keeps them until its next part. What all need, such as the climatology, they make together before, in a folder beside
the scores; a worker that does not see it makes that by itself.
"""

__all__ = ["Found", "Order", "forget", "on_workers", "parts_there", "work_there"]

import logging
import shutil
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol

from wxml import VerificationTask, VerificationWorkers
from wxml.cluster import cluster_client, in_order
from wxml.errors import ArtefactError, DataError, WxmlError

from wxml_verification.case_scoring import Asked, CaseScoring, Parts, PartsMaker, Span, parts_of
from wxml_verification.reading import ForecastFile
from wxml_verification.sharing.allocator import give_back, keep
from wxml_verification.sharing.work import SharedWork, done, part_done, put_together
from wxml_verification.sharing.works import works_of

logger = logging.getLogger("wxml")
UNSEEN = "unseen"
AGAIN = "then run the same command again"


class Asking(Protocol):
    """What says what is asked of a forecast: a `Scorecard`."""

    def asked(self, task: VerificationTask, forecast: ForecastFile) -> Asked:
        """The forecast and each truth, with what is asked."""


@dataclass(frozen=True, slots=True)
class Order:
    """A verification, as workers are told of it: in the memory of processes, never in a file."""

    name: str
    """Its own."""
    verifier: Asking
    again: Callable[[], VerificationTask]
    """Makes its task."""
    room: Path
    """A folder for what all workers need; one on another machine may not see it."""


@dataclass(frozen=True, slots=True)
class WorkPart:
    """A part of what all workers need."""

    lot: tuple[str, ...]
    """The variables that it is for."""
    name: str
    """Of the work."""
    part: tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What came of a span: parts, or what went wrong; an exception may not reach another process."""

    parts: Parts = field(default_factory=list)
    kind: str = ""
    message: str = ""
    fix: str = ""


class _Bench:
    """The verification that this process does a part of."""

    def __init__(self) -> None:
        self.turn = threading.Lock()
        self._name = ""
        self._forecast: ForecastFile | None = None
        self._scorings: list[CaseScoring] = []
        self._lot: tuple[str, ...] = ()
        self._works: dict[str, SharedWork] = {}
        self._is_ready = False

    def ready(self, order: Order, lot: tuple[str, ...]) -> Sequence[CaseScoring]:
        """The scorings of an order, with what is there for some variables."""
        works, room = self.works(order, lot), order.room
        for work in works.values() if not self._is_ready else ():
            folder = done(work, room)
            if folder is not None:
                work.use(folder)
        self._is_ready = True
        return self._scorings

    def works(self, order: Order, lot: tuple[str, ...]) -> dict[str, SharedWork]:
        """What all workers need for some variables, by name."""
        scorings = self._of(order)
        if self._lot != lot:
            self._lot, self._is_ready = lot, False
            self._works = _works(scorings, lot)
        return self._works

    def _of(self, order: Order) -> Sequence[CaseScoring]:
        """The scorings of an order; those of the one before are let go."""
        if self._name != order.name:
            self.clear()
            keep()
            task = order.again()
            self._forecast = ForecastFile.of(task)
            self._scorings = [CaseScoring(*one) for one in order.verifier.asked(task, self._forecast)]
            self._name = order.name
        return self._scorings

    def clear(self) -> None:
        """Let everything go."""
        if self._forecast is not None:
            self._forecast.__exit__()
        self._name, self._forecast, self._scorings = "", None, []
        self._lot, self._works = (), {}


BENCH = _Bench()


def parts_there(order: Order, span: Span) -> Found:
    """The parts of a span, one span at a time in each process."""
    with BENCH.turn:
        try:
            return Found(parts_of(BENCH.ready(order, span.lot), span))
        except WxmlError as error:
            return Found(kind=type(error).__name__, message=error.message, fix=error.fix)


def work_there(order: Order, one: WorkPart) -> Found:
    """Do a part of what all workers need, into the folder of the order."""
    with BENCH.turn:
        try:
            if not order.room.is_dir():
                return Found(kind=UNSEEN, message="it is not there")
            part_done(BENCH.works(order, one.lot)[one.name], one.part, order.room)
        except WxmlError as error:
            return Found(kind=type(error).__name__, message=error.message, fix=error.fix)
        except OSError as error:
            return Found(kind=UNSEEN, message=str(error))
        return Found()


def forget() -> None:
    """Close the forecast, and let the fields and their memory go."""
    with BENCH.turn:
        BENCH.clear()
        give_back()


@contextmanager
def on_workers(verifier: Asking, workers: VerificationWorkers, folder: Path) -> Iterator[PartsMaker]:
    """Computes parts on a cluster, while the context lasts.

    Args:
        verifier: says what is asked; it can be sent to a worker.
        workers: the cluster.
        folder: gets a folder for what all workers need, which goes when the context ends.

    Raises:
        ArtefactError: the package is not installed, no scheduler answers, or it or too many workers died.
        WxmlError: a worker cannot do its part.
    """
    order = Order(uuid.uuid4().hex, verifier, workers.again, folder.absolute() / "shared")
    package = "wxml-verification[distributed]"
    order.room.mkdir()
    try:
        with cluster_client(workers.scheduler, package=package, again=AGAIN) as client:
            yield partial(_made, client, order)
            client.run(forget)
    finally:
        shutil.rmtree(order.room, ignore_errors=True)


def _made(client: Any, order: Order, scorings: Sequence[CaseScoring], spans: Sequence[Span]) -> Iterator[Parts]:
    """The parts of spans; before those of some variables, what all workers need for them."""
    shares = True
    for lot, group in groupby(spans, key=lambda span: span.lot):
        works = _works(scorings, lot) if shares else {}
        shares = shares and _share(client, order, lot, works)
        yield from map(_parts, in_order(client, partial(parts_there, order), group))
        for name in works:
            shutil.rmtree(order.room / name, ignore_errors=True)


def _share(client: Any, order: Order, lot: tuple[str, ...], works: dict[str, SharedWork]) -> bool:
    """Have the workers make what all of them need; return whether they can: each sees the folder."""
    workers = max(1, len(client.nthreads()))
    parts = {name: list(work.parts(workers)) for name, work in works.items()}
    asked = [WorkPart(lot, name, part) for name, each in parts.items() for part in each]
    for found in in_order(client, partial(work_there, order), asked):
        if found.kind == UNSEEN:
            logger.warning(
                "a worker cannot use `%s` (%s): each makes climatologies by itself", order.room, found.message
            )
            return False
        _parts(found)
    for name, work in works.items():
        put_together(work, parts[name], order.room)
    return True


def _works(scorings: Sequence[CaseScoring], lot: tuple[str, ...]) -> dict[str, SharedWork]:
    """What all workers need for some variables, by name."""
    every = (work for number, scoring in enumerate(scorings) for work in works_of(number, scoring, lot))
    return {work.name: work for work in every}


def _parts(found: Found) -> Parts:
    if found.kind:
        raise (DataError if found.kind == "DataError" else ArtefactError)(found.message, fix=found.fix)
    return found.parts
