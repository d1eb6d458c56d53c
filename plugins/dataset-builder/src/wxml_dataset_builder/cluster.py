"""Runs tasks on the workers of a cluster of `distributed`, and tells when it is lost."""

__all__ = ["on_cluster"]

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from wxml.cluster import cluster_client

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
    with cluster_client(address, package="wxml-dataset-builder[distributed]", again=AGAIN) as client:
        for outcome in _outcomes(client, tasks, address):
            tell(outcome)


def _outcomes(client: Any, tasks: Sequence[Task], address: str) -> Iterator[Outcome]:
    """What came of each task; where none ends for a while, and there is no worker, that is told once."""
    from distributed import as_completed

    waiting, is_told = set(client.map(attempt, tasks, pure=False)), False
    while waiting:
        arriving = as_completed(waiting, loop=client.loop, timeout=PATIENCE)
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
