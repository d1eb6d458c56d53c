"""The device of a training, its floating-point numbers and its threads."""

__all__ = ["Device"]

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from wxml.errors import ConfigError, Fault

from wxml_trainer_lightning.options import Accelerator, Precision
from wxml_trainer_lightning.placement import Placement

DETERMINISM: Any = torch.utils.deterministic  # its one attribute is unknown to type checkers


@dataclass(frozen=True, slots=True)
class Device:
    """A device, the precision of its floating-point numbers, and the number of CPU threads."""

    accelerator: Accelerator
    precision: Precision
    threads: int | None

    def resolve(self) -> Literal["cpu", "cuda", "mps"]:
        """The accelerator; for `auto`, the first of cuda, mps and cpu that this machine has.

        Raises:
            ConfigError: this machine has no device `accelerator`.
        """
        there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
        chosen = next(name for name in there if there[name]) if self.accelerator == "auto" else self.accelerator
        if not there[chosen]:
            usable = ", ".join(name for name in there if there[name])
            fault = Fault("training.accelerator", f"torch finds no {chosen!r} device on this machine")
            raise ConfigError([fault], fix=f"write 'auto', or one of: {usable}")
        return chosen  # type: ignore[return-value]  # the keys of a dict are not narrowed

    @property
    def backend(self) -> str:
        """How the processes of a training talk, as torch names it; what they decide on lies on the CPU."""
        return "cpu:gloo,cuda:nccl" if self.resolve() == "cuda" else "gloo"

    def of_ranks(self, place: Placement) -> list[torch.device]:
        """The device of each process on this machine; a launcher may show each process its own device alone.

        Raises:
            ConfigError: there are fewer devices than processes, or several processes cannot share this accelerator.
        """
        kind = self.resolve()
        if kind == "cpu":
            return [torch.device("cpu")] * place.local_ranks
        there = torch.cuda.device_count() if kind == "cuda" else 1
        if place.local_ranks > there and (place.started is None or there > 1 or kind == "mps"):
            fault = Fault("training.devices", f"torch finds {there} {kind} devices, got {place.local_ranks}")
            raise ConfigError([fault], fix=f"write {there} or less, or `training.accelerator: cpu`")
        return [torch.device(kind, rank % there) for rank in range(place.local_ranks)]

    @contextmanager
    def settled(self, place: Placement) -> Iterator[None]:
        """Set threads and determinism for the context, and restore them and the caller's random state afterwards.

        On the CPU every operation has a deterministic form, and torch is told to take it. The processes on a machine
        divide its threads, unless `threads` says how many each takes.
        """
        threads, deterministic = torch.get_num_threads(), torch.get_deterministic_debug_mode()
        fill = DETERMINISM.fill_uninitialized_memory
        try:
            torch.set_num_threads(self.threads or max(1, threads // place.local_ranks))
            if self.resolve() == "cpu":
                torch.set_deterministic_debug_mode("warn")  # its like `use_deterministic_algorithms` imports compilers
                DETERMINISM.fill_uninitialized_memory = False  # for finding bugs, and slow
            with torch.random.fork_rng(devices=[]):
                yield
        finally:
            torch.set_num_threads(threads)
            torch.set_deterministic_debug_mode(deterministic)
            DETERMINISM.fill_uninitialized_memory = fill
