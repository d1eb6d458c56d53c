"""A client of a cluster of dask's `distributed`, whose loss is told in one sentence."""

__all__ = ["cluster_client", "in_order"]

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from wxml.errors import ArtefactError

Task = TypeVar("Task")
Result = TypeVar("Result")
PATIENCE = 30.0
"""Seconds without a result after which a cluster without workers is told."""
logger = logging.getLogger("wxml")


@contextmanager
def cluster_client(address: str, *, package: str, again: str) -> Iterator[Any]:
    """A `distributed.Client`, while the context lasts; what it logs of a lost connection is left out.

    Args:
        address: of the scheduler, like `tcp://host:8786`.
        package: what is installed to get the library: a distribution with its extra.
        again: how the work goes on once the cluster runs again, as a half of a sentence.

    Raises:
        ArtefactError: the library is not installed, no scheduler answers, or it or too many workers have died.
    """
    try:
        from distributed import Client, KilledWorker
        from distributed.client import FutureCancelledError
    except ImportError as error:
        fix = f"python -m pip install '{package}'"
        raise ArtefactError("`--scheduler` needs the package distributed, which is not installed", fix=fix) from error
    with _quietly():
        try:
            with Client(address, set_as_default=False) as client:  # what else uses dask here stays here
                yield client
        except (KilledWorker, FutureCancelledError, OSError, TimeoutError) as error:
            if isinstance(error, ArtefactError):
                raise
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise ArtefactError(
                f"the cluster at {address} did not finish the work: {reason}", fix=f"see whether it runs, {again}"
            ) from error


@contextmanager
def _quietly() -> Iterator[None]:
    """Without what the client logs of a lost connection: it has tracebacks, and the error says the same."""
    theirs = [logging.getLogger(name) for name in ("distributed.batched", "distributed.client")]
    before = [one.disabled for one in theirs]
    try:
        for one in theirs:
            one.disabled = True
        yield
    finally:
        for one, was_disabled in zip(theirs, before, strict=True):
            one.disabled = was_disabled


def in_order(client: Any, function: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
    """What a function gives for each task, in the order of the tasks, computed by the workers of a cluster.

    Two tasks for each worker are under way, so that results do not pile up. A task of a worker that dies is done again
    by another one.

    Args:
        client: of the cluster, by `cluster_client`.
        function: can be sent to a worker, as can tasks and results. An exception of it ends all; a WxmlError should be
            given as a result.
        tasks: in their order.

    Raises:
        ArtefactError: a worker lacks a package.
    """
    left, waiting = iter(tasks), deque[Any]()
    while True:
        most = 2 * max(1, len(client.nthreads()))
        while len(waiting) < most and (task := next(left, _NO_TASK)) is not _NO_TASK:
            waiting.append(client.submit(function, task, pure=False))
        if not waiting:
            return
        yield _result(client, waiting.popleft())


_NO_TASK: Any = object()


def _result(client: Any, future: Any) -> Any:
    """Wait for a result; if there is no worker for a while, that is told once."""
    is_told = False
    while True:
        try:
            return future.result(timeout=PATIENCE)
        except TimeoutError:
            if future.status == "error":
                raise
            if not is_told and not client.nthreads():
                logger.warning("the cluster at %s has no worker: waiting for one", client.scheduler.address)
                is_told = True
        except (ImportError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise ArtefactError(
                f"a worker of the cluster at {client.scheduler.address} cannot do its part: {reason}",
                fix="start workers with the same packages as this machine",
            ) from error
