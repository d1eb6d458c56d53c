"""Loads batches: reads them ahead of their use, in a thread or in processes."""

__all__ = ["Batches", "Loading", "batches_held"]

from collections.abc import Iterable
from threading import Lock
from types import TracebackType
from typing import Any, Self

from torch.utils.data import DataLoader, Sampler
from wxml.terminal import worker_start

from wxml_trainer_lightning.batches import UNCOUNTED, Batch, Place, SampleOrder, Samples, SampleSet, evenly_spaced
from wxml_trainer_lightning.placement import Placement
from wxml_trainer_lightning.read_ahead import AHEAD, ReadAhead

Batches = DataLoader[Any] | ReadAhead[Batch]


class Loading:
    """Makes the batches of a training and of its validation; as a context, it ends their threads.

    With `workers`, so many processes read; without, one thread of this process does, for one of the two at a time.
    """

    def __init__(self, workers: int = 0, *, pinned: bool = False) -> None:
        """Read nothing yet.

        Args:
            workers: the number of processes that read.
            pinned: put the batches into memory from which a GPU copies them beside its work.
        """
        self.workers = workers
        self.pinned = pinned
        self._turn = Lock()
        self._threads: list[ReadAhead[Batch]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for batches in self._threads:
            batches.close()

    def training(self, samples: Samples, order: SampleOrder) -> Batches:
        """One batch for each remaining step."""
        return self._batches(samples, order)

    def validation(
        self,
        samples: SampleSet,
        wanted: int,
        batch_size: int,
        place: Placement = Placement(),  # noqa: B008  # frozen
    ) -> Batches:
        """Batches of at most `wanted` samples; every call chooses the same samples.

        Of several processes, each has as many batches as the others. A batch in which it has no part is one sample that
        is not to count: its number of steps is `UNCOUNTED`.
        """
        order = [(0, index) for index in evenly_spaced(len(samples), wanted)]
        batches = [place.part(order[start : start + batch_size]) for start in range(0, len(order), batch_size)]
        return self._batches(Samples({0: samples, UNCOUNTED: samples}), [one or [(UNCOUNTED, 0)] for one in batches])

    def _batches(self, samples: Samples, order: Sampler[list[Place]] | Iterable[list[Place]]) -> Batches:
        loader: DataLoader[Any] = DataLoader(
            samples,
            batch_size=None,
            sampler=order,
            collate_fn=_as_it_is,
            num_workers=self.workers,
            worker_init_fn=worker_start(),
            pin_memory=self.pinned,
        )
        if self.workers:
            return loader
        self._threads.append(ReadAhead(loader, self._turn))
        return self._threads[-1]


def batches_held(workers: int) -> int:
    """The most batches in memory beside the one of the step: those that wait, and one as its values are read.

    A thread keeps `AHEAD` waiting; so does torch for each worker process.
    """
    return (AHEAD + 1) * max(1, workers)


def _as_it_is(batch: Any) -> Any:
    """What the loader does to a batch; it has a name because it is sent to processes."""
    return batch
