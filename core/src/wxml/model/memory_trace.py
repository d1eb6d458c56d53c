"""Counts the bytes of all tensors that are alive."""

__all__ = ["GAPS", "MemoryTrace"]

import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

GAPS = {"cpu": 0.25}
"""Bytes that the C library loses per byte of the tensors that come and go; `docs/memory.md` measured 0.08 to 0.5."""


class MemoryTrace(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Watches every operation inside its block and counts each result until the last reference to it is gone.

    A storage counts once, however many views share it. Memory that an operation allocates and frees inside itself is
    not seen.

    Attributes:
        label: the name under which new storages are counted.
        live: label → bytes of the storages that are alive.
        at_peak: a copy of `live` from the moment when its sum was greatest.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.label = "other"
        self.live: Counter[str] = Counter()
        self.at_peak: Counter[str] = Counter()
        self._storages: dict[int, weakref.ref[torch.UntypedStorage]] = {}
        self._labels: dict[int, str] = {}

    def relabel(self, label: str, tensor: Tensor) -> None:
        """Count a tensor under another label from now on; one that was not counted is counted."""
        storage = tensor.untyped_storage()
        before = self._labels.get(id(storage))
        if before is None:
            self.hold(label, tensor)
            return
        self.live[before] -= storage.nbytes()
        self.live[label] += storage.nbytes()
        self._labels[id(storage)] = label

    def hold(self, label: str, *tensors: Tensor) -> None:
        """Count tensors that were made outside the block, unless they are counted already."""
        with self.labelled(label):
            for tensor in tensors:
                self._count(tensor.untyped_storage())

    @contextmanager
    def labelled(self, label: str) -> Iterator[None]:
        """Count what is made inside under this label."""
        before, self.label = self.label, label
        try:
            yield
        finally:
            self.label = before

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run one operation and count its results."""
        result = func(*args, **(kwargs or {}))
        for leaf in [result] if isinstance(result, Tensor) else tree_leaves(result):
            if isinstance(leaf, Tensor):
                self._count(leaf.untyped_storage())
        return result

    def _count(self, storage: torch.UntypedStorage) -> None:
        key, size = id(storage), storage.nbytes()
        if key in self._storages:
            return
        self.live[self.label] += size
        self._labels[key] = self.label
        if self.live.total() > self.at_peak.total():
            self.at_peak = self.live.copy()

        def freed(_: object) -> None:
            self.live[self._labels.pop(key)] -= size
            del self._storages[key]

        self._storages[key] = weakref.ref(storage, freed)
