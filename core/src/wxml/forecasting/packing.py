"""Fields of one step are packed in a few threads at the same time, and written in their order."""

__all__ = ["MOST_THREADS", "PackingThreads"]

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

MOST_THREADS = 8
"""Of one output; few disks take what so many pack."""

Given = TypeVar("Given")
Packed = TypeVar("Packed")


class PackingThreads:
    """The threads in which a forecast writer packs, for a library that lets go of the interpreter while it packs.

    They are as many as torch takes on the CPU, which is `forecast.threads`, and at most `most`. They begin with the
    first work; where there would be one, the thread that asks does the work itself.
    """

    def __init__(self, most: int = MOST_THREADS) -> None:
        self._most = most
        self._pool: ThreadPoolExecutor | None = None

    def in_order(self, pack: Callable[[Given], Packed], things: Iterable[Given]) -> Iterator[Packed]:
        """Call `pack` with each thing, and yield what it returns in the order of the things.

        No more calls are under way, or done and not yet taken, than twice the number of threads. The bytes that a
        writer gets do not depend on that number, as long as no call depends on another one.

        Raises:
            BaseException: what a call has failed with; no further one begins.
        """
        import torch

        threads = min(torch.get_num_threads(), self._most)
        if threads == 1:
            yield from map(pack, things)
            return
        self._pool = self._pool or ThreadPoolExecutor(threads, "pack")
        waiting = deque[Future[Packed]]()
        try:
            for thing in things:
                waiting.append(self._pool.submit(pack, thing))
                if len(waiting) == 2 * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()

    def close(self) -> None:
        """Wait for the calls that are under way, and end the threads; does nothing where there are none."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(cancel_futures=True)
