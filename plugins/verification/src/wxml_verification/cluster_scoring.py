"""Scores cases on the workers of a cluster: each makes the parts of some initial times, which are added up here.

A worker finds these functions by their names, so it needs this package. It opens forecast and truth by itself, and
keeps them, and the climatology, until its next part.
"""

__all__ = ["Found", "Order", "forget", "on_workers", "parts_there"]

import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from wxml import VerificationTask, VerificationWorkers
from wxml.cluster import cluster_client, in_order
from wxml.errors import ArtefactError, DataError, WxmlError

from wxml_verification.case_scoring import Asked, CaseScoring, Parts, PartsMaker, Span, parts_of
from wxml_verification.reading import ForecastFile

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

    def of(self, order: Order) -> Sequence[CaseScoring]:
        """The scorings of an order; those of the one before are let go."""
        if self._name != order.name:
            self.clear()
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


BENCH = _Bench()


def parts_there(order: Order, span: Span) -> Found:
    """The parts of a span, one span at a time in each process."""
    with BENCH.turn:
        try:
            return Found(parts_of(BENCH.of(order), span))
        except WxmlError as error:
            return Found(kind=type(error).__name__, message=error.message, fix=error.fix)


def forget() -> None:
    """Close the forecast, and let the fields go."""
    with BENCH.turn:
        BENCH.clear()


@contextmanager
def on_workers(verifier: Asking, workers: VerificationWorkers) -> Iterator[PartsMaker]:
    """Computes parts on a cluster, while the context lasts.

    Args:
        verifier: says what is asked; it can be sent to a worker.
        workers: the cluster.

    Raises:
        ArtefactError: the package is not installed, no scheduler answers, or it or too many workers died.
        WxmlError: a worker cannot do its part.
    """
    order = Order(uuid.uuid4().hex, verifier, workers.again)
    package = "wxml-verification[distributed]"
    with cluster_client(workers.scheduler, package=package, again=AGAIN) as client:

        def made(_: Sequence[CaseScoring], spans: Sequence[Span]) -> Iterator[Parts]:
            return map(_parts, in_order(client, partial(parts_there, order), spans))

        yield made
        client.run(forget)


def _parts(found: Found) -> Parts:
    if found.kind:
        raise (DataError if found.kind == "DataError" else ArtefactError)(found.message, fix=found.fix)
    return found.parts
