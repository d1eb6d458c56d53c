"""The numbers that a training computes with, and the scale of its loss."""

__all__ = ["MixedPrecision"]

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from wxml_trainer_lightning.options import Precision

TYPES = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}


class MixedPrecision:
    """Products in numbers of 16 bits where these are wanted, everything else in single precision.

    With `16-mixed` the loss is scaled up, so that small gradients do not vanish, and a step whose gradients are not
    finite is left out (Micikevicius et al. 2018, arXiv:1710.03740).
    """

    def __init__(self, precision: Precision = "32-true", device: str = "cpu") -> None:
        """`device` is the type of the device as torch calls it."""
        self.type = TYPES.get(precision)
        self.device = device
        self._scaler = torch.amp.GradScaler(device=device) if precision == "16-mixed" else None

    @property
    def is_scaled(self) -> bool:
        """Whether the loss is scaled."""
        return self._scaler is not None

    def forward(self) -> AbstractContextManager[Any]:
        """The context of a forward pass."""
        if self.type is None:
            return nullcontext()
        return torch.autocast(self.device, dtype=self.type, cache_enabled=False)

    def backward(self, loss: Tensor) -> None:
        """Add the gradient of a loss."""
        (loss if self._scaler is None else self._scaler.scale(loss)).backward()  # type: ignore[no-untyped-call]

    def unscale(self, optimizer: Optimizer) -> None:
        """Bring the gradients to their true size."""
        if self._scaler is not None:
            self._scaler.unscale_(optimizer)

    def move(self, optimizer: Optimizer) -> None:
        """Move the weights, after `unscale`."""
        if self._scaler is None:
            optimizer.step()
        else:
            self._scaler.step(optimizer)
            self._scaler.update()

    def state(self) -> dict[str, float]:
        """The scale and what it changes by; empty without one."""
        return {} if self._scaler is None else self._scaler.state_dict()

    def load(self, state: dict[str, float]) -> None:
        """Go on with the scale of a state; an empty one changes nothing."""
        if self._scaler is not None and state:
            self._scaler.load_state_dict(state)
