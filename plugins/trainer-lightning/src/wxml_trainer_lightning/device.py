"""The device of a training, its floating-point numbers and its threads."""

__all__ = ["Device"]

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from wxml.errors import ConfigError, Fault

from wxml_trainer_lightning.options import Accelerator, Precision

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
            ConfigError: this machine has no device `accelerator`, or the device does not support `precision`.
        """
        there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
        chosen = next(name for name in there if there[name]) if self.accelerator == "auto" else self.accelerator
        if not there[chosen]:
            usable = ", ".join(name for name in there if there[name])
            fault = Fault("training.accelerator", f"torch finds no {chosen!r} device on this machine")
            raise ConfigError([fault], fix=f"write 'auto', or one of: {usable}")
        if chosen == "cpu" and self.precision == "16-mixed":
            fault = Fault("training.precision", "`precision` 16-mixed needs an accelerator, got the CPU")
            raise ConfigError([fault], fix="write '32-true' or 'bf16-mixed'")
        return chosen  # type: ignore[return-value]  # the keys of a dict are not narrowed

    @contextmanager
    def settled(self) -> Iterator[None]:
        """Set threads and determinism for the context, and restore them and the caller's random state afterwards.

        On the CPU every operation has a deterministic form, and torch is told to take it.
        """
        threads, deterministic = torch.get_num_threads(), torch.get_deterministic_debug_mode()
        fill = DETERMINISM.fill_uninitialized_memory
        try:
            if self.threads is not None:
                torch.set_num_threads(self.threads)
            if self.resolve() == "cpu":
                torch.use_deterministic_algorithms(True, warn_only=True)
                DETERMINISM.fill_uninitialized_memory = False  # for finding bugs, and slow
            with torch.random.fork_rng(devices=[]):
                yield
        finally:
            torch.set_num_threads(threads)
            torch.set_deterministic_debug_mode(deterministic)
            DETERMINISM.fill_uninitialized_memory = fill
