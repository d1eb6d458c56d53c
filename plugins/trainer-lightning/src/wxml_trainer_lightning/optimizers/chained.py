"""Several optimizers as one."""

__all__ = ["Chained"]

from collections.abc import Iterable
from typing import Any

import torch
from torch.optim import Optimizer

from wxml_trainer_lightning.optimizers.uncompiled import Uncompiled


class Chained(Uncompiled):
    """Several optimizers with separate parameters, which step and are saved as one."""

    def __init__(self, parts: Iterable[Optimizer]) -> None:
        self.parts = list(parts)
        super().__init__([group for part in self.parts for group in part.param_groups], {})
        self._share()

    def _share(self) -> None:
        """Give every part this object's state and groups, so that schedule and file see the same ones."""
        first = 0
        for part in self.parts:
            last = first + len(part.param_groups)
            part.param_groups = self.param_groups[first:last]
            part.state = self.state
            first = last

    def step(self, closure: Any = None) -> Any:  # the signature of torch
        """Evaluate the loss, if there is a closure, and let every part step."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for part in self.parts:
            part.step()
        return loss

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load the state, and hand it to the parts."""
        super().load_state_dict(state_dict)
        self._share()
