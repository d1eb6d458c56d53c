"""Watches over the processes of a training: when one has failed or died, all end, and one of them says why."""

__all__ = ["Failure", "RankError", "Watch"]

import json
import logging
import os
import threading
import time
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from multiprocessing.process import BaseProcess

from torch.distributed.distributed_c10d import Store
from wxml.errors import WxmlError
from wxml.terminal import say

from wxml_trainer_lightning.placement import Placement

LOG = logging.getLogger("wxml")
FAILURE = "failure"
BEAT = 0.5
"""Seconds between two signs of life."""
SILENCE = 60.0
"""Seconds without a sign of life after which a process counts as dead; a library may hold Python's lock for a while."""
SUSPICION = 3.0
"""Likewise, once the connection to a process was lost."""
PATIENCE = 10.0
"""Seconds to find out whose failure broke a connection."""
GRACE = 20.0
"""Seconds that this process has to end after the failure of another one; after them it is ended."""


class RankError(WxmlError):
    """The failure of another process of the training."""

    def __init__(self, message: str, *, fix: str, exit_code: int) -> None:
        super().__init__(message, fix=fix)
        self.exit_code = exit_code


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the training ends."""

    rank: int
    message: str
    fix: str
    exit_code: int
    trace: str = ""

    @classmethod
    def of(cls, error: BaseException, rank: int) -> "Failure":
        """Describe an error of this process."""
        trace = "".join(traceback.format_exception(error))
        if isinstance(error, WxmlError):
            return cls(rank, error.message, error.fix, error.exit_code, trace)
        if isinstance(error, KeyboardInterrupt):
            return cls(rank, "interrupted", "", 130)
        if isinstance(error, SystemExit):
            return cls(rank, "ended", "", error.code if isinstance(error.code, int) else 1)
        return cls(rank, f"unexpected {type(error).__name__}: {error}", "run again with -v to see where", 1, trace)

    @classmethod
    def death(cls, rank: int, how: str) -> "Failure":
        """Describe the end of a process that could not say why."""
        advice = "see whether the system has killed it, often for its memory, and go on with --resume"
        return cls(rank, f"the process has died ({how})", advice, 1)

    def error(self, ranks: int) -> RankError:
        """Return the error that another process raises."""
        if self.trace:
            LOG.debug("rank %d: %s", self.rank, self.trace)
        return RankError(f"rank {self.rank} of {ranks}: {self.message}", fix=self.fix, exit_code=self.exit_code)


class Watch:
    """A thread that gives signs of life, looks for those of the others, and knows the first failure.

    Every process tells its failure through the store. One that died tells nothing: rank 0 sees the end of a process
    that it has started, or the silence of another one; the others see the silence of rank 0. Until `start`, when all
    have come, one that gave no sign at all is on its way: on a busy machine that may take minutes.

    Attributes:
        failure: the first failure.
        is_orphaned: whether rank 0 has died, so that rank 1 is to tell the user.
    """

    def __init__(self, store: Store, place: Placement, children: Sequence[BaseProcess]) -> None:
        self.failure: Failure | None = None
        self.is_orphaned = False
        self._store = store
        self._place = place
        self._children = children
        self._count = 0
        self._heard = dict.fromkeys(range(1, place.ranks) if place.rank == 0 else (0,), ("", time.monotonic()))
        self._have_come = False
        self._is_suspicious = False
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="wxml-watch", daemon=True)

    def start(self) -> None:
        """Begin to watch; all processes have come."""
        self._have_come = True
        self._heard = {rank: (sign, time.monotonic()) for rank, (sign, _) in self._heard.items()}
        self._thread.start()

    def stop(self) -> None:
        """End the thread, if it was started."""
        self._is_over.set()
        if self._thread.ident is not None:
            self._thread.join(PATIENCE)

    def look(self) -> None:
        """Learn of a failure; rank 0 tells the others of a death that it sees."""
        if self.failure is not None:
            return
        try:
            self._store.set(f"beat/{self._place.rank}", str(self._count))
            self._count += 1
            if self._store.check([FAILURE]):
                self.failure = Failure(**json.loads(self._store.get(FAILURE)))
            elif dead := self._dead():
                self.failure = self.tell(dead)
        except RuntimeError:  # the store is gone, and with it the process that held it
            self.failure = self._lost()

    def tell(self, failure: Failure) -> Failure:
        """Tell the others of a failure, and return the first one that was told."""
        try:
            first = self._store.compare_set(FAILURE, "", json.dumps(asdict(failure)))
        except RuntimeError:
            return self.failure or self._lost()
        return Failure(**json.loads(first))

    def cause(self, error: BaseException) -> Failure:
        """The failure that ends the training, which is that of this process unless another one was first.

        If the connection to a process breaks, torch raises a RuntimeError in all the others.
        """
        if isinstance(error, RuntimeError):
            self._is_suspicious = True
            deadline = time.monotonic() + PATIENCE
            while self.failure is None and time.monotonic() < deadline:
                time.sleep(BEAT / 5)
        self.failure = self.failure or self.tell(Failure.of(error, self._place.rank))
        return self.failure

    def _run(self) -> None:
        since = None
        while not self._is_over.wait(BEAT):
            self.look()
            if self.failure is not None:
                since = since or time.monotonic()
                if time.monotonic() - since > GRACE:
                    self._end(self.failure)

    def _lost(self) -> Failure:
        self.is_orphaned = True
        return Failure.death(0, "the connection to it was lost")

    def _dead(self) -> Failure | None:
        """The first process that gives no sign of life, if there is one."""
        for child in self._children:
            if child.exitcode:
                time.sleep(BEAT)  # it may have told its failure in its last moments
                how = f"signal {-child.exitcode}" if child.exitcode < 0 else f"exit code {child.exitcode}"
                return Failure.death(int(child.name.rpartition("-")[2]), how)
        now, limit = time.monotonic(), SUSPICION if self._is_suspicious else SILENCE
        for rank, (sign, since) in self._heard.items():
            key = f"beat/{rank}"
            found = self._store.get(key).decode() if self._store.check([key]) else ""
            if found != sign:
                self._heard[rank] = (found, now)
            elif (sign or self._have_come) and now - since > limit:
                self.is_orphaned = rank == 0
                return Failure.death(rank, f"no sign of life for {now - since:.0f} s")
        return None

    def _end(self, failure: Failure) -> None:
        """End this process, which waits for another one in a call that does not return."""
        if self._place.rank == (1 if self.is_orphaned else 0):
            told = failure.error(self._place.ranks)
            say(f"error: {told.message}\n  {told.fix}", err=True)
        os._exit(failure.exit_code)
