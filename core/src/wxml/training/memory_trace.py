"""How many bytes the tensors hold that live at the same time."""

__all__ = ["MemoryTrace"]

import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class MemoryTrace(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Watches every operation inside of its block; what one gives counts from then on until nobody holds it any more.

    A storage counts once, however many views share it. What an operation allocates and frees inside of itself is not
    seen.

    Attributes:
        label: under which name new storages are counted.
        live: label → bytes of storages that are there now.
        at_peak: the same when their sum was greatest.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.label = "other"
        self.live: Counter[str] = Counter()
        self.at_peak: Counter[str] = Counter()
        self._storages: dict[int, weakref.ref[torch.UntypedStorage]] = {}

    def hold(self, label: str, *tensors: Tensor) -> None:
        """Count tensors that were made outside of the block, but for those that are counted already."""
        with self.labelled(label):
            for tensor in tensors:
                self._count(tensor.untyped_storage())

    @contextmanager
    def labelled(self, label: str) -> Iterator[None]:
        """What is made inside counts under this label."""
        before, self.label = self.label, label
        try:
            yield
        finally:
            self.label = before

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run one operation and count what it gives."""
        result = func(*args, **(kwargs or {}))
        for leaf in [result] if isinstance(result, Tensor) else tree_leaves(result):
            if isinstance(leaf, Tensor):
                self._count(leaf.untyped_storage())
        return result

    def _count(self, storage: torch.UntypedStorage) -> None:
        key, size, label = id(storage), storage.nbytes(), self.label
        if key in self._storages:
            return
        self.live[label] += size
        if self.live.total() > self.at_peak.total():
            self.at_peak = self.live.copy()

        def freed(_: object) -> None:
            self.live[label] -= size
            del self._storages[key]

        self._storages[key] = weakref.ref(storage, freed)
