"""Runs tasks on the workers of a cluster of `distributed`, and tells when it is lost."""

__all__ = ["on_cluster"]

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from wxml.errors import ArtefactError

from wxml_dataset_builder.full_disk import AGAIN
from wxml_dataset_builder.scheduling import Outcome, Task, attempt

logger = logging.getLogger("wxml.dataset")

PATIENCE = 30.0
"""Seconds without a result after which a cluster without workers is told."""


def on_cluster(tasks: Sequence[Task], address: str, tell: Callable[[Outcome], None]) -> None:
    """Do every task on the workers of a scheduler, in any order; tasks of a worker that dies go to another one.

    Args:
        tasks: what is to be done.
        address: that of the scheduler.
        tell: is told what came of each task.

    Raises:
        ArtefactError: the package is not installed, no scheduler answers, or it or too many workers died.
        WxmlError: what `tell` raises.
    """
    try:
        from distributed import Client, KilledWorker
        from distributed.client import FutureCancelledError
    except ImportError as error:
        fix = "python -m pip install 'wxml-dataset-builder[distributed]'"
        raise ArtefactError("`--scheduler` needs the package distributed, which is not installed", fix=fix) from error
    with _quietly():
        try:
            with Client(address) as client:
                for outcome in _outcomes(client, tasks, address):
                    tell(outcome)
        except (KilledWorker, FutureCancelledError, OSError, TimeoutError) as error:
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise ArtefactError(
                f"the cluster at {address} did not finish the work: {reason}", fix=f"see whether it runs, {AGAIN}"
            ) from error


def _outcomes(client: Any, tasks: Sequence[Task], address: str) -> Iterator[Outcome]:
    """What came of each task; where none ends for a while, and there is no worker, that is told once."""
    from distributed import as_completed

    waiting, is_told = set(client.map(attempt, tasks, pure=False)), False
    while waiting:
        arriving = as_completed(waiting, timeout=PATIENCE)
        while (future := _next(arriving)) is not None:
            waiting.remove(future)
            yield future.result()
        if waiting and not is_told and not client.scheduler_info()["workers"]:
            logger.warning("the cluster at %s has no worker: waiting for one", address)
            is_told = True


def _next(arriving: Any) -> Any:
    """The next future that is done; None if all are, or none is after a while."""
    try:
        return next(arriving, None)
    except TimeoutError:
        return None


@contextmanager
def _quietly() -> Iterator[None]:
    """Without what the client logs of a lost connection: it has tracebacks, and the error says the same."""
    theirs = logging.getLogger("distributed.client")
    before, theirs.disabled = theirs.disabled, True
    try:
        yield
    finally:
        theirs.disabled = before
