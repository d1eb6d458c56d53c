"""Optimizers that torch's compiler never meets, so that it need not be imported."""

__all__ = ["QuickAdamW", "Uncompiled"]

import inspect
from typing import Any

import torch
from torch.optim import AdamW, Optimizer


class Uncompiled(Optimizer):
    """An optimizer that is not compiled.

    torch wraps methods of its optimizers so that its compiler passes them by, and imports the compiler when one is
    first called. That takes 1.1 s at the start of every training, and `training.compile` compiles the model alone.
    """

    add_param_group: Any = inspect.unwrap(Optimizer.add_param_group)
    zero_grad: Any = inspect.unwrap(Optimizer.zero_grad)


class QuickAdamW(Uncompiled, AdamW):
    """AdamW of torch."""

    step: Any = torch.no_grad()(inspect.unwrap(AdamW.step))
