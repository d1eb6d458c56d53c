"""Joins the processes of a training: starts those that no launcher has started, and ends all of them together."""

__all__ = ["joined"]

import logging
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from multiprocessing.process import BaseProcess

from torch import distributed
from torch.distributed import PrefixStore, TCPStore  # type: ignore[attr-defined]  # stubs do not say so
from wxml.environment.launch import silenced
from wxml.errors import WxmlError
from wxml.terminal import say, worker_start

from wxml_trainer_lightning.placement import Placement
from wxml_trainer_lightning.ranks import Ranks
from wxml_trainer_lightning.watch import Watch

Work = Callable[[Placement, int], object]
"""What another process does: it is given its place, and the port where the processes meet."""
LOG = logging.getLogger("wxml")
HOST = "127.0.0.1"
ANSWER = timedelta(seconds=60)
"""The longest time for an answer of the place where the processes meet."""
MEETING = 600.0
"""Seconds for all processes to come; each assembles the experiment before."""
COLLECTIVE = timedelta(minutes=30)
"""The longest time that the processes wait for one of them in a step."""
FAREWELL = 20.0
"""Seconds that a process which was started here has to end."""


@contextmanager
def joined(place: Placement, backend: str, work: Work, port: int | None = None) -> Iterator[Ranks]:
    """Join the other processes for the context; alone, there is nothing to do.

    Whatever ends the context in one process ends it in all. Rank 0 raises the first error of all; the others leave
    with its exit code and say nothing, unless rank 0 was lost: then rank 1 raises the error.

    Args:
        place: the place of this process.
        backend: how the processes talk, as torch names it: `gloo`, or `cpu:gloo,cuda:nccl`.
        work: what the processes that are started here do.
        port: where the processes meet on this machine, for one of those that were started here.

    Raises:
        RankError: another process has failed or died.
    """
    if place.ranks == 1:
        yield Ranks(place)
        return
    store, children = _store(place, port), list[BaseProcess]()
    try:
        if place.started is None and place.rank == 0:
            children = _start_others(place, work, store.port)
        asked_beside = TCPStore(store.host, store.port, is_master=False, timeout=ANSWER)  # while this one waits
        watch = Watch(PrefixStore("watch", asked_beside), place, children)
        try:
            _meet(store, place, watch)
            distributed.init_process_group(
                backend, store=PrefixStore("group", store), rank=place.rank, world_size=place.ranks, timeout=COLLECTIVE
            )
            watch.start()
            yield Ranks(place)
            distributed.barrier()  # so that none seems to have died because it was done earlier
        except BaseException as error:
            _leave(watch, place, error)
            raise
        finally:
            watch.stop()
            if distributed.is_initialized():
                distributed.destroy_process_group()
    finally:
        _end(children)


def _store(place: Placement, port: int | None) -> TCPStore:
    """The place where the processes meet, which rank 0 holds unless the launcher does."""
    started = place.started
    if started is None:
        return TCPStore(HOST, port or 0, is_master=port is None, wait_for_workers=False, timeout=ANSWER)
    is_held_here = place.rank == 0 and not started.meeting_is_held
    return TCPStore(started.address, started.port, is_master=is_held_here, wait_for_workers=False, timeout=ANSWER)


def _start_others(place: Placement, work: Work, port: int) -> list[BaseProcess]:
    """Start the other processes.

    Ctrl-C reaches them, too. It waits until they are ready for it, as in this process.
    """
    context = multiprocessing.get_context("spawn")  # threads and devices do not survive a fork
    children: list[BaseProcess] = []
    LOG.info("starting %d more processes on this machine", place.ranks - 1)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        for rank in range(1, place.ranks):
            other = replace(place, rank=rank, local_rank=rank)
            arguments = (work, other, port, os.getpid(), worker_start())
            child = context.Process(target=_work, args=arguments, name=f"wxml-rank-{rank}", daemon=True)
            child.start()
            children.append(child)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return children


def _work(work: Work, place: Placement, port: int, parent: int, masked: Callable[[int], None] | None) -> None:
    """Work as another process than the first."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # until the training listens to it; rank 0 does from the beginning
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    if masked is not None:
        masked(place.rank)
    if os.getppid() != parent:  # it ended while this process was starting
        raise SystemExit(1)
    try:
        with silenced():
            work(place, port)
    except WxmlError as error:
        say(f"error: {error.message}\n  {error.fix}", err=True)
        raise SystemExit(error.exit_code) from None


def _meet(store: TCPStore, place: Placement, watch: Watch) -> None:
    """Wait for all processes, and for the failure of one.

    Raises:
        TimeoutError: one did not come.
    """
    waiting, deadline = PrefixStore("here", store), time.monotonic() + MEETING
    waiting.set(str(place.rank), "")
    missing = set(map(str, range(place.ranks)))
    while missing := {rank for rank in missing if not waiting.check([rank])}:
        watch.look()
        if watch.failure is not None:
            raise ConnectionError("another process failed before the training")
        if time.monotonic() > deadline:
            raise TimeoutError(
                f"rank {', '.join(sorted(missing))} of {place.ranks} did not come within {MEETING:.0f} s"
            )
        time.sleep(0.05)


def _leave(watch: Watch, place: Placement, error: BaseException) -> None:
    """Raise the failure of another process in place of `error`; leave quietly if it is not for this process to tell."""
    failure = watch.cause(error)
    is_teller = place.rank == (1 if watch.is_orphaned else 0)
    if not is_teller:
        raise SystemExit(failure.exit_code) from error
    if failure.rank != place.rank and not isinstance(error, KeyboardInterrupt | SystemExit):
        raise failure.error(place.ranks) from error


def _end(children: list[BaseProcess]) -> None:
    """Wait for the end of the processes that were started here, and end those that do not come to it."""
    deadline = time.monotonic() + FAREWELL
    for child in children:
        child.join(max(0.1, deadline - time.monotonic()))
        if child.is_alive():
            child.kill()
            child.join()
